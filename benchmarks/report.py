"""Renders the results of a bench, as tables and as JSON."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TextIO

from benchmarks.programs import COLD, DIVE, SAVE, SYFT
from benchmarks.results import LARGE_FILES, Growth, Results, Target, WasteCase, compute_ratio
from benchmarks.runs import Series
from weighbridge.render import log_commands
from weighbridge.render.terminal.console import Cell, Column, print_line, print_table
from weighbridge.report.units import draw_bar, format_size

_BAR_WIDTH = 14
LINE_WIDTH = 80
NOTHING = "-"


def render(results: Results, stream: TextIO | None = None) -> None:
    """Print all tables; each fits 80 columns."""
    _print_speed(results, stream)
    for growth in results.growths:
        _print_growth(growth, stream)
    _print_large(results.large, stream)
    _print_waste(results.waste, stream)
    print_targets(results.targets, stream)
    for line in _iterate_notes(results):
        print_line(Cell(line, "dim"), stream=stream)


def render_json(results: Results, stream: TextIO | None = None) -> None:
    """Write all figures and every single run."""
    (stream or log_commands.guard(sys.stdout, "json")).write(json.dumps(_export(results), indent=2) + "\n")


def render_markdown(results: Results, stream: TextIO | None = None) -> None:
    """Write the table of the README: the targets that are ratios, by what they refer to."""
    rows = dict[str, list[str]]()
    for target in results.targets:
        if target.reference:
            rows.setdefault(target.reference, []).append(_describe_target(target))
    (stream or log_commands.guard(sys.stdout, "markup")).write(
        f"| {results.engine}, compared with | times its seconds (at most) |\n|---|---|\n"
        + "".join(f"| {name} | {'; '.join(told)} |\n" for name, told in rows.items())
    )


FORMATS: Mapping[str, Callable[[Results], None]] = {
    "terminal": render,
    "json": render_json,
    "markdown": render_markdown,
}


def _print_speed(results: Results, stream: TextIO | None) -> None:
    columns = (
        Column(name="Program"),
        Column(name="Median", right=True),
        Column(name="From - to", right=True),
        Column(name="Memory", right=True),
        Column(name="Ratio", right=True),
    )
    rows = []
    for each in results.series:
        against = compute_ratio(results.series, COLD, each.name) if each.name in (SAVE, DIVE, SYFT) else None
        ran = (Cell(each.name, "bold"), _format_seconds(each), _format_range(each), _format_peak(each))
        rows.append((*ran, "" if against is None else f"{against:.2f}"))
    print_table(f"{len(results.images)} images in one engine", columns, rows, stream=stream)


def _print_growth(growth: Growth, stream: TextIO | None) -> None:
    columns = (
        Column(name=growth.kind.capitalize(), right=True),
        Column(name="Median", right=True),
        Column(name=""),
        Column(name="Memory", right=True),
        Column(name=""),
    )
    slowest = max((point.series.seconds or 0 for point in growth.points), default=0)
    largest = max((point.series.peak_bytes or 0 for point in growth.points), default=0)
    rows = [
        (
            f"{point.amount:,}" if growth.kind == "files" else format_size(point.amount),
            _format_seconds(point.series),
            Cell(draw_bar(round(1000 * (point.series.seconds or 0)), round(1000 * slowest), _BAR_WIDTH), "cyan"),
            _format_peak(point.series),
            Cell(draw_bar(point.series.peak_bytes or 0, largest, _BAR_WIDTH), "cyan"),
        )
        for point in growth.points
    ]
    print_table(f"invoke report, by the {growth.kind} of a generated image", columns, rows, stream=stream)


def _print_large(large: Sequence[Series], stream: TextIO | None) -> None:
    if large:
        columns = Column(name="Read in"), Column(name="Median", right=True), Column(name="Memory", right=True)
        rows = [(Cell(each.name, "bold"), _format_seconds(each), _format_peak(each)) for each in large]
        print_table(f"invoke report of {LARGE_FILES:,} files, by where they are", columns, rows, stream=stream)


def _print_waste(cases: Sequence[WasteCase], stream: TextIO | None) -> None:
    columns = (
        Column(name="In an archive"),
        Column(name="Truth", right=True),
        Column(name="Ours", right=True),
        Column(name="dive", right=True),
    )
    rows = [
        (
            case.name,
            format_size(case.truth_bytes),
            _format_answer(case, case.ours_bytes),
            _format_answer(case, case.dive_bytes),
        )
        for case in cases
    ]
    print_table("What each says is wasted", columns, rows, stream=stream)


def _format_answer(case: WasteCase, answer: int | None) -> Cell:
    if answer is None:
        return Cell(NOTHING)
    right = answer == case.truth_bytes
    return Cell(f"{format_size(answer)} ✓ right", "green") if right else Cell(f"{format_size(answer)} ✗ wrong", "red")


def print_targets(targets: Sequence[Target], stream: TextIO | None) -> None:
    """Print each target beside the measured figure."""
    columns = (
        Column(name="Target"),
        Column(name="At most", right=True),
        Column(name="Measured", right=True),
        Column(name="Verdict"),
    )
    rows = [
        (
            target.name,
            _format_amount(target, target.limit),
            _format_amount(target, target.measured),
            _format_verdict(target),
        )
        for target in targets
    ]
    print_table("Targets", columns, rows, stream=stream)


def _describe_target(target: Target) -> str:
    """Return its figure and its limit, in few words."""
    mark = {True: "", False: " ✗", None: ""}[target.meets]
    most, found = (_format_amount(target, value).removesuffix(" x") for value in (target.limit, target.measured))
    return f"{target.what} {found} ({most}){mark}"


def _format_amount(target: Target, value: float | None) -> str:
    if value is None:
        return NOTHING
    return {"times": f"{value:.2f} x", "seconds": f"{value:.2f} s", "bytes": format_size(round(value))}[target.unit]


def _format_verdict(target: Target) -> Cell:
    verdicts = {True: Cell("✓ meets", "green"), False: Cell("✗ misses", "red")}
    return Cell("not measured", "dim") if target.meets is None else verdicts[target.meets]


def _iterate_notes(results: Results) -> Iterator[str]:
    yield f"Images: {', '.join(results.images)}"
    yield f"Engine: {results.engine}; peers: {', '.join(results.peers) or 'none'}"
    how = f"medians of {results.rounds}, in turns" if results.rounds > 1 else "one run of each"
    yield f"Whole processes, {how}; dive and syft: the sum of a process per image."
    yield "Ratio: time of the cold report by the program's. Cold: with an empty cache."
    yield "Folder: the engine's own, where it keeps its images; else they come by its API."
    yield "Memory: the largest process at its peak, without the engine's own memory."
    for name, reason in results.left_out.items():
        yield textwrap.shorten(f"Left out: {name}, because {reason}", LINE_WIDTH, placeholder=" …")


def _format_seconds(series: Series) -> str:
    return NOTHING if series.seconds is None else f"{series.seconds:.2f} s"


def _format_range(series: Series) -> str:
    return NOTHING if series.range_seconds is None else "{:.2f} - {:.2f}".format(*series.range_seconds)


def _format_peak(series: Series) -> str:
    return NOTHING if series.peak_bytes is None else format_size(series.peak_bytes)


def _export(results: Results) -> dict[str, Any]:
    return {
        "format": 1,
        "rounds": results.rounds,
        "engine": results.engine,
        "images": results.images,
        "peers": results.peers,
        "series": [_export_series(each) for each in results.series],
        "growth": {
            growth.kind: [{"amount": point.amount, **_export_series(point.series)} for point in growth.points]
            for growth in results.growths
        },
        "large": [_export_series(each) for each in results.large],
        "waste": [asdict(case) for case in results.waste],
        "targets": [{"name": target.name, **asdict(target), "meets": target.meets} for target in results.targets],
        "left_out": dict(results.left_out),
    }


def _export_series(series: Series) -> dict[str, Any]:
    medians = {"median_seconds": series.seconds, "median_peak_bytes": series.peak_bytes}
    return {"name": series.name, **medians, "runs": [asdict(run) for run in series.runs]}
