"""From what was weighed to what is told of it: compared with a baseline, held to budgets, joined with proofs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

from weighbridge.commands import weigh
from weighbridge.commands.weigh import Trees
from weighbridge.model.report import Report
from weighbridge.report import baseline, budgets, records
from weighbridge.report.summary import Baseline, Summary
from weighbridge.settings import Settings
from weighbridge.smoke import history
from weighbridge.sources import opener
from weighbridge.sources.assembly import Progress


def earlier(
    text: str, settings: Settings, project: Path, names: Iterable[str], *, progress: Callable[[], Progress]
) -> Report | None:
    """Return what `--baseline` names: a record, or the images at a reference weighed now; None where it names nothing.

    Args:
        text: The option; empty, a record's path, `last`, a branch, a commit, or `SOURCE:REFERENCE` with `{variant}` in
            it where each variant has one of its own.
        settings: Names the variants and the folder of records.
        project: A folder of the repository.
        names: What the report calls its images; with a reference, each is compared with one of its own.
        progress: Returns what is told the number of bytes read so far.

    Raises:
        SettingsError, UnreadableRecord: It is nothing that can be compared with.
        NoSuchImage, UnreadableImage, EngineError: As the sources say.
    """
    if not text:
        return None
    if not opener.names_source(text):
        return baseline.find(text, project / settings.reports.directory, project)
    places = {name: opener.parse(text.replace("{variant}", name)) for name in names}
    # Nobody knows of which commit they are, and it need not be the present one.
    return replace(weigh.weigh(places, project, on_progress=progress()).report, commit=None, dirty=False)


def summarized(
    report: Report, before: Report | None, text: str, settings: Settings, *, folder: Path, trees: Trees
) -> Summary:
    """Return what every format is drawn from, the findings of budgets in the report's images.

    Args:
        report: What was weighed.
        before: What it is compared with.
        text: How the user named that.
        settings: Has the budgets.
        folder: Has all earlier records, and not yet this one.
        trees: Returns the parts of the images.
    """
    earlier_ones = records.recorded(folder)  # now, before this one is among them
    compared: Baseline | None = None
    if before:
        compared = baseline.compare(before, report, baseline.described(text, before))
    checked = budgets.check(report, settings, compared)
    return Summary(
        report=checked,
        baseline=compared,
        standings=history.standings(checked),
        history=cache(lambda: records.read(earlier_ones).reports),
        trees=trees,
    )
