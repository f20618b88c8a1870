"""Reports images: weighed, compared with a baseline, held to budgets, joined with proofs, recorded and drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from weighbridge.commands import choose, requirements, weigh
from weighbridge.commands.weigh import Trees
from weighbridge.engine.protocol import Engine
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
from weighbridge.sources.locations import Location


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
    compared = baseline_locations(baseline, wanted)
    before = None if compared or not baseline else baselines.find(baseline, folder, project)
    demands = requirements.find_demands(settings, project, wanted)
    # One engine for both: a base that is found by its layers on one side is found on the other, too.
    with console.activity() as shown, weigh.connected((*wanted.values(), *compared.values())) as engine:
        if compared:
            before = weigh_baseline(compared, project, engine=engine, on_progress=shown.reading())
        weighed = weigh.weigh(wanted, project, engine=engine, on_progress=shown.reading(), demands=demands)
        result = weighed.report
        if rebuild:
            steps = partial(build_progress.steps, shown)
            result = rebuilding.added(result, settings, project, steps, shown.reading)
    told = summarized(result, before, baseline, settings, folder=folder, trees=weighed.trees)
    path = records.save(told.report, folder)
    outputs.write(told)
    console.say(f"Recorded in {path}")
    budgets.enforce(told.report)


def baseline_locations(text: str, names: Iterable[str]) -> dict[str, Location]:
    """Return the images that `--baseline` names, by what the report calls its own; empty where it names none.

    Args:
        text: The option; `SOURCE:REFERENCE` names images, with `{variant}` in it where each has one of its own.
        names: What the report calls its images.

    Raises:
        SettingsError: It names a source, and no image there.
    """
    if not opener.names_source(text):
        return {}
    return {name: opener.parse(text.replace("{variant}", name)) for name in names}


def weigh_baseline(
    compared: Mapping[str, Location], project: Path, *, engine: Engine | None, on_progress: Progress
) -> Report:
    """Weigh the images of `baseline_locations` now; `engine` is asked for their bases, if the run has one.

    Raises:
        NoSuchImage, UnreadableImage, EngineError: As the sources say.
    """
    report = weigh.weigh(compared, project, engine=engine, on_progress=on_progress).report
    # Nobody knows of which commit they are, and it need not be the present one.
    return replace(report, commit=None, dirty=False)


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
        compared = baselines.compare(before, report, baselines.described(text, before), settings.budgets.noise.bytes)
    checked = budgets.check(report, settings, compared)
    return Summary(
        report=checked,
        baseline=compared,
        standings=history.standings(checked),
        history=cache(lambda: records.read(earlier_ones).reports),
        trees=trees,
    )
