"""Weighs images, compares them with a baseline, checks their budgets, adds smoke results, records and renders them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.commands import choose, requirements, weigh
from weighbridge.render import formats
from weighbridge.render.outputs import Outputs
from weighbridge.render.terminal import activity
from weighbridge.report import budgets, records
from weighbridge.report.summary import Baseline, Summary
from weighbridge.smoke import history
from weighbridge.sources import opener
from weighbridge.sources.local.reading import note_nothing

if TYPE_CHECKING:
    from weighbridge.commands.weigh import Trees
    from weighbridge.model.report import Report
    from weighbridge.settings.project import Settings
    from weighbridge.sources.locations import Location

NOT_RECORDED = "Not recorded: no settings file names a folder for records."


def run(
    settings: Settings,
    project: Path,
    variants: Sequence[str],
    images: Sequence[str],
    *,
    formats_wanted: Sequence[str] = (),
    baseline: str = "",
    rebuild: bool = False,
    verbose: bool = False,
) -> None:
    """Weigh the named images, or all variants; compare, record and render them, then enforce their budgets.

    With `verbose`, also say where the images are read.

    Raises:
        OverBudget: An image is over a hard limit; raised after everything is recorded and rendered.
    """
    outputs = Outputs(formats.REPORTS, formats_wanted)
    wanted = choose.choose_images(settings, variants, images)
    if rebuild:
        from weighbridge.commands import rebuild as rebuilding  # noqa: PLC0415 - it takes a tenth of a second

        rebuilding.check(settings, project, variants, images)
    folder = records.prepare_folder(project / settings.reports.directory) if settings.reports.directory else None
    compared = locate_baseline(baseline, wanted)
    before = None if compared or not baseline else _find_record(baseline, folder, project)
    # One engine for both: a base that is found by its layers on one side is found on the other, too.
    with activity.show_activity() as shown, weigh.connect_if_needed((*wanted.values(), *compared.values())) as engine:
        read = partial(weigh.weigh, engine=engine, settings=settings, on_note=shown.tell if verbose else note_nothing)
        find_demands = partial(requirements.find_demands, settings, project, wanted)
        if compared:
            # These images need not be of the present commit, and their own is unknown.
            before = replace(
                read(compared, project, on_progress=shown.track_reading()).report, commit=None, dirty=False
            )
        weighed = read(
            wanted,
            project,
            on_progress=shown.track_reading(),
            find_demands=find_demands,
            while_asking=(records.load, outputs.load, activity.load),
        )
        result = weighed.report
        if rebuild:
            from weighbridge.render.terminal import build_progress  # noqa: PLC0415 - only a build shows its steps

            steps = partial(build_progress.show_steps, shown)
            result = rebuilding.add_costs(result, settings, project, steps, shown.track_reading)
    summary = summarize(result, before, baseline, settings, folder=folder, trees=weighed.trees)
    told = f"Recorded in {records.save(summary.report, folder)}" if folder else NOT_RECORDED
    outputs.write(summary)
    activity.say(told)
    budgets.enforce(summary.report)


def _find_record(text: str, folder: Path | None, project: Path) -> Report:
    from weighbridge.report import baseline  # noqa: PLC0415 - most reports have none

    return baseline.find(text, folder, project)


def locate_baseline(text: str, names: Iterable[str]) -> dict[str, Location]:
    """Return the images that `--baseline` names, by the name of the image to compare each with; empty if it names none.

    Args:
        text: The option; `SOURCE:REFERENCE` names images, and `{variant}` in it stands for the name of each image.
        names: The names of the images in the report.

    Raises:
        SettingsError: It names a source, and no image there.
    """
    if not opener.has_source(text):
        return {}
    return {name: opener.parse(text.replace("{variant}", name)) for name in names}


def summarize(
    report: Report, before: Report | None, text: str, settings: Settings, *, folder: Path | None, trees: Trees
) -> Summary:
    """Return the value that every format renders; its images include the findings of the budgets.

    Args:
        report: What was weighed.
        before: The report to compare with.
        text: How the user named `before`.
        settings: Has the budgets.
        folder: The folder of the earlier records, if any; this report must not be in it yet.
        trees: Returns the parts of the images.
    """
    earlier_ones = records.list_files(folder) if folder else ()  # listed now, before this report is among them
    compared: Baseline | None = None
    if before:
        from weighbridge.report import baseline as baselines  # noqa: PLC0415 - as above

        compared = baselines.compare(before, report, baselines.describe(text, before), settings.budgets.noise.bytes)
    checked = budgets.check(report, settings, compared)
    return Summary(
        report=checked,
        baseline=compared,
        standings=history.read_standings(checked),
        history=cache(partial(_read_earlier, earlier_ones)),
        trees=trees,
    )


def _read_earlier(paths: Iterable[Path]) -> Sequence[Report]:
    """Return the earlier reports, and tell the user which files are left out."""
    known = records.read(paths)
    for line in known.describe_left_out():
        activity.say(line)
    return known.reports
