"""Reports images: weighed, compared with a baseline, held to budgets, joined with proofs, recorded and drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from weighbridge.commands import choose, requirements, weigh
from weighbridge.commands.weigh import Trees
from weighbridge.model.report import Report
from weighbridge.render import formats
from weighbridge.render.terminal import build_progress, console
from weighbridge.report import baseline as baselines
from weighbridge.report import budgets, records
from weighbridge.report.summary import Baseline, Summary
from weighbridge.settings.project import Settings
from weighbridge.smoke import history
from weighbridge.sources import opener
from weighbridge.sources.assembly import Progress


def run(
    settings: Settings,
    project: Path,
    variants: Sequence[str],
    images: Sequence[str],
    *,
    formats_wanted: Sequence[str] = (),
    baseline: str = "",
    rebuild: bool = False,
) -> None:
    """Weigh what is named, or all variants; compare it, record it, draw it in all formats, and hold it to its budgets.

    Raises:
        OverBudget: An image is over one; all is recorded and drawn before.
    """
    outputs = formats.Outputs(formats.REPORTS, formats_wanted)
    wanted = choose.wanted(settings, variants, images)
    if rebuild:
        from weighbridge.commands import rebuild as rebuilding  # noqa: PLC0415 - it takes a tenth of a second

        rebuilding.check(settings, project, variants, images)
    folder = records.prepared(project / settings.reports.directory)
    with console.activity() as shown:
        before = earlier(baseline, settings, project, wanted, progress=shown.reading)
        demands = requirements.find_demands(settings, project, wanted)
        weighed = weigh.weigh(wanted, project, on_progress=shown.reading(), demands=demands)
        result = weighed.report
        if rebuild:
            steps = partial(build_progress.steps, shown)
            result = rebuilding.added(result, settings, project, steps, shown.reading)
    told = summarized(result, before, baseline, settings, folder=folder, trees=weighed.trees)
    path = records.save(told.report, folder)
    outputs.write(told)
    console.say(f"Recorded in {path}")
    budgets.enforce(told.report)


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
        progress: Returns a callback that gets the number of bytes read so far.

    Raises:
        SettingsError, UnreadableRecord: It is nothing that can be compared with.
        NoSuchImage, UnreadableImage, EngineError: As the sources say.
    """
    if not text:
        return None
    if not opener.names_source(text):
        return baselines.find(text, project / settings.reports.directory, project)
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
        compared = baselines.compare(before, report, baselines.described(text, before))
    checked = budgets.check(report, settings, compared)
    return Summary(
        report=checked,
        baseline=compared,
        standings=history.standings(checked),
        history=cache(lambda: records.read(earlier_ones).reports),
        trees=trees,
    )
