"""From what was weighed to what is told of it: compared with a baseline, held to budgets, joined with proofs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from weighbridge import baseline, budgets, filesystem, ledger, measure, standings, tree
from weighbridge.cache import Cache
from weighbridge.model import Image, Report
from weighbridge.settings import Settings
from weighbridge.sources import ImageContent
from weighbridge.sources.history import instructions
from weighbridge.sources.locations import DOCKER, OCI, Location, parse
from weighbridge.summary import Baseline, Summary
from weighbridge.tree import Node

Progress = Callable[[int], None]
_SOURCES = (f"{DOCKER}:", "registry:", f"{OCI}:", "archive:")


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
    if not text.startswith(_SOURCES):
        return baseline.find(text, project / settings.reports.directory, project)
    places = {name: parse(text.replace("{variant}", name)) for name in names}
    # Nobody knows of which commit they are, and it need not be the present one.
    return replace(measure.measure(places, project, on_progress=progress()), commit=None, dirty=False)


def summarized(report: Report, before: Report | None, text: str, settings: Settings) -> Summary:
    """Return what every format is drawn from, the findings of budgets in the report's images.

    Args:
        report: What was weighed.
        before: What it is compared with.
        text: How the user named that.
        settings: Has the budgets.
    """
    compared: Baseline | None = None
    if before:
        compared = baseline.compare(before, report, baseline.described(text, before))
    checked = budgets.check(report, settings, compared)
    return Summary(report=checked, baseline=compared, standings=standings.of(checked))


def with_trees(summary: Summary, locations: Mapping[str, Location]) -> Summary:
    """Return the summary with the parts of each image, layer by layer down to files, and all earlier records.

    Only a page needs them. Nothing is read that the report has not just read: its layers are known.
    """
    with ExitStack() as stack:
        engine = None
        if any(location.source == DOCKER for location in locations.values()):
            from weighbridge.engine import connect  # noqa: PLC0415 - an archive is measured without the SDK

            engine = stack.enter_context(connect())
        contents = measure.read(locations, engine, Cache())
    found = {
        image.variant: _tree(contents[locations[image.variant]], image)
        for image in summary.report.images
        if image.variant in locations
    }
    return replace(summary, trees=found)


def with_history(summary: Summary, folder: Path) -> Summary:
    """Return the summary with the records of a folder, the present one left out."""
    return replace(summary, history=baseline.history(folder).reports)


def _tree(content: ImageContent, image: Image) -> Node:
    view = filesystem.stack(content.layers)
    told = instructions(content.history, len(content.diff_ids))
    return tree.of_image(view, ledger.owned(view, content.working_dir), told, image.base.layers if image.base else 0)
