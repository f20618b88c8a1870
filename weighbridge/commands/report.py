"""Weighs images, compares them with a baseline, checks their budgets, adds smoke results, records and renders them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from weighbridge.commands import choose, weigh
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
    """Weigh the named images, or all variants; compare, record and render them, then enforce their budgets.

    Raises:
        OverBudget: An image is over a hard limit; raised after everything is recorded and rendered.
    """
    outputs = formats.Outputs(formats.REPORTS, formats_wanted)
    wanted = choose.wanted(settings, variants, images)
    if rebuild:
        from weighbridge.commands import rebuild as rebuilding  # noqa: PLC0415 - it takes a tenth of a second

        rebuilding.check(settings, project, variants, images)
    folder = records.prepared(project / settings.reports.directory)
    with console.activity() as shown:
        before = earlier(baseline, settings, project, wanted, progress=shown.reading)
        weighed = weigh.weigh(wanted, project, on_progress=shown.reading())
        result = weighed.report
        if rebuild:
            steps = partial(build_progress.steps, shown)
            result = rebuilding.added(result, settings, project, steps, shown.reading)
    summary = summarized(result, before, baseline, settings, folder=folder, trees=weighed.trees)
    path = records.save(summary.report, folder)
    outputs.write(summary)
    console.say(f"Recorded in {path}")
    budgets.enforce(summary.report)


def earlier(
    text: str, settings: Settings, project: Path, names: Iterable[str], *, progress: Callable[[], Progress]
) -> Report | None:
    """Return the report that `--baseline` names: a record, or images that are weighed now; None if the option is empty.

    Args:
        text: The option: empty, a record's path, `last`, a branch, a commit, or `SOURCE:REFERENCE`, in which
            `{variant}` stands for the name of each image.
        settings: Has the folder of records.
        project: A folder of the repository.
        names: The names of the images in the report, each of which is compared with its own earlier image.
        progress: Returns a callback that gets the number of bytes read so far.

    Raises:
        SettingsError, UnreadableRecord: The option names nothing to compare with.
        NoSuchImage, UnreadableImage, EngineError: As the sources raise them.
    """
    if not text:
        return None
    if not opener.names_source(text):
        return baselines.find(text, project / settings.reports.directory, project)
    places = {name: opener.parse(text.replace("{variant}", name)) for name in names}
    # These images need not be of the present commit, and their own is unknown.
    return replace(weigh.weigh(places, project, on_progress=progress()).report, commit=None, dirty=False)


def summarized(
    report: Report, before: Report | None, text: str, settings: Settings, *, folder: Path, trees: Trees
) -> Summary:
    """Return the value that every format renders; its images include the findings of the budgets.

    Args:
        report: What was weighed.
        before: The report to compare with.
        text: How the user named `before`.
        settings: Has the budgets.
        folder: The folder of the earlier records; this report must not be in it yet.
        trees: Returns the parts of the images.
    """
    earlier_ones = records.recorded(folder)  # listed now, before this report is among them
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
