"""Renders the comparison of images, as tables and as JSON."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, TextIO

from benchmarks.image_results import Compared, ImageResults
from benchmarks.report import LINE_WIDTH, NOTHING, print_targets
from benchmarks.starts import ROLES
from weighbridge.model.report import Pull
from weighbridge.render import log_commands
from weighbridge.render.terminal.console import Cell, Column, print_line, print_table
from weighbridge.report.units import format_size


def render(results: ImageResults, stream: TextIO | None = None) -> None:
    """Print all tables; each fits 80 columns."""
    _print_images(results, stream)
    _print_changes(results, stream)
    print_targets(results.targets, stream)
    for line in _iterate_notes(results):
        print_line(Cell(line, "dim"), stream=stream)


def render_json(results: ImageResults, stream: TextIO | None = None) -> None:
    """Write all figures and every single run."""
    (stream or log_commands.guard(sys.stdout, "json")).write(json.dumps(_export(results), indent=2) + "\n")


FORMATS: Mapping[str, Callable[[ImageResults], None]] = {"terminal": render, "json": render_json}


def _print_images(results: ImageResults, stream: TextIO | None) -> None:
    columns = (
        Column(name="Image"),
        Column(name="Shipped", right=True),
        Column(name="Pull", right=True),
        Column(name="API start", right=True),
        Column(name="Worker", right=True),
        Column(name="API idle", right=True),
        Column(name="Worker", right=True),
    )
    rows: list[tuple[Cell | str, ...]] = [
        (
            _format_name(each),
            format_size(each.shipped_bytes),
            format_size(each.pull.bytes),
            *(_format_seconds(each.compute_start_seconds(role)) for role in ROLES),
            *(_format_bytes(each.compute_memory_bytes(role)) for role in ROLES),
        )
        for each in results.images
    ]
    print_table("What each ships, when it serves, what it holds at idle", columns, rows, stream=stream)


def _print_changes(results: ImageResults, stream: TextIO | None) -> None:
    columns = (
        Column(name="Image"),
        Column(name="Nothing changed", right=True),
        Column(name="A line of code", right=True),
        Column(name="To pull", right=True),
    )
    rows = [
        (
            _format_name(each),
            _format_seconds(each.again),
            _format_seconds(each.change),
            _format_bytes(each.change_pull.bytes if each.change_pull else None),
        )
        for each in results.images
    ]
    print_table("What it takes to build each again", columns, rows, stream=stream)


def _iterate_notes(results: ImageResults) -> Iterator[str]:
    yield "Bold: variants of this project; others: patterns, see benchmarks/dockerfiles."
    yield f"Base of all: {results.base}"
    how = f"medians of {results.rounds}, in turns" if results.rounds > 1 else "one run of each"
    yield f"Engine: {results.engine}; {how}."
    yield "Start: from the container's start, as the engine reports it, to the first 200 of"
    yield "/livez or the worker's `ready`; confined as in `invoke smoke`, no health check."
    yield "Idle: resident memory of all processes 2 s later, shared pages counted once."
    yield "To pull: what a node must pull if it has the image from before the change."
    for name, reason in results.left_out.items():
        yield textwrap.shorten(f"Left out: {name}, because {reason}", LINE_WIDTH, placeholder=" …")


def _format_name(image: Compared) -> Cell:
    return Cell(image.name, "bold" if image.is_ours else "")


def _format_seconds(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f} s"


def _format_bytes(value: float | None) -> str:
    return NOTHING if value is None else format_size(round(value))


def _export(results: ImageResults) -> dict[str, Any]:
    return {
        "format": 1,
        "rounds": results.rounds,
        "engine": results.engine,
        "base": results.base,
        "images": [_export_image(each) for each in results.images],
        "targets": [{**asdict(target), "meets": target.meets} for target in results.targets],
        "left_out": dict(results.left_out),
    }


def _export_image(image: Compared) -> dict[str, Any]:
    return {
        "name": image.name,
        "kind": "variant" if image.is_ours else "pattern",
        "shipped_bytes": image.shipped_bytes,
        "pull": asdict(image.pull),
        "starts": {role: _export_starts(image, role) for role in ROLES},
        "nothing_changed": {"median_seconds": image.again, "seconds": image.again_seconds},
        "line_changed": {
            "median_seconds": image.change,
            "seconds": image.change_seconds,
            "pull": _export_pull(image.change_pull),
        },
    }


def _export_starts(image: Compared, role: str) -> dict[str, Any]:
    medians = {
        "median_seconds": image.compute_start_seconds(role),
        "median_memory_bytes": image.compute_memory_bytes(role),
    }
    return {**medians, "runs": [asdict(start) for start in image.starts.get(role, ())]}


def _export_pull(pull: Pull | None) -> dict[str, Any] | None:
    return None if pull is None else asdict(pull)
