"""Renders what was measured of the running service, as tables and as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TextIO

from benchmarks.service_load import ServiceResults
from benchmarks.soak import MOST_GROWTH, SoakResults
from weighbridge.render import log_commands
from weighbridge.render.terminal.console import Cell, Column, print_line, print_table
from weighbridge.report.units import format_size


def render(results: ServiceResults, stream: TextIO | None = None) -> None:
    """Print a row for each load."""
    names = ("Requests", "Clients", "A second", "Median", "99 %", "API", "Worker")
    columns = tuple(Column(name=name, right=name != "Requests") for name in names)
    rows = [
        (
            Cell(each.operation, "bold"),
            str(each.clients),
            f"{each.per_second:.0f}",
            f"{each.median_seconds * 1000:.0f} ms",
            f"{each.slowest_seconds * 1000:.0f} ms",
            format_size(each.api_bytes),
            format_size(each.worker_bytes),
        )
        for each in results.loads
    ]
    print_table(f"The service from {results.image}", columns, rows, stream=stream)
    for each in results.loads:
        if refused := {status: number for status, number in each.statuses.items() if status not in {200, 201, 202}}:
            print_line(Cell(f"{each.operation}, {each.clients} clients: {_list(refused)}", "dim"), stream=stream)
    print_line(f'"database is locked" in the logs: {results.locked}', stream=stream)
    if results.is_short_of_memory:
        print_line("The kernel has ended a process for want of memory.", stream=stream)


def render_json(results: ServiceResults, stream: TextIO | None = None) -> None:
    """Write all figures."""
    (stream or log_commands.guard(sys.stdout, "json")).write(json.dumps(asdict(results), indent=2) + "\n")


def render_soak(results: SoakResults, stream: TextIO | None = None) -> None:
    """Print what was accepted, what of it is lost, and how memory has grown."""
    print_line(f"{results.minutes:g} minutes, {results.kills} kills", stream=stream)
    for name, accepted, lost in (
        ("reports", results.reports, results.lost_reports),
        ("comparisons", results.comparisons, results.lost_comparisons),
    ):
        print_line(f"{accepted} {name} accepted, {lost} of them lost", stream=stream)
    print_line(f"{results.refused} requests were refused or broke, and were sent again", stream=stream)
    thirds = f"{format_size(results.first_bytes)} in the first third, {format_size(results.last_bytes)} in the last"
    print_line(f"Memory of API and workers: {thirds} ({results.growth:+.1%}, {MOST_GROWTH:.0%} allowed)", stream=stream)
    print_line(f'"database is locked" in the logs: {results.locked}', stream=stream)
    if results.is_short_of_memory:
        print_line("The kernel has ended a process for want of memory.", stream=stream)


def render_soak_json(results: SoakResults, stream: TextIO | None = None) -> None:
    """Write all figures."""
    (stream or log_commands.guard(sys.stdout, "json")).write(json.dumps(asdict(results), indent=2) + "\n")


def _list(statuses: Mapping[int, int]) -> str:
    return ", ".join(f"{number} times {status or 'no answer'}" for status, number in statuses.items())


FORMATS: Mapping[str, Callable[[ServiceResults], None]] = {"terminal": render, "json": render_json}
SOAK_FORMATS: Mapping[str, Callable[[SoakResults], None]] = {"terminal": render_soak, "json": render_soak_json}
