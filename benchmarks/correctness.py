"""Asks our report and dive for the waste in images whose waste we know because we made them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import archives
from benchmarks.archives import Entry, Spec, make_whiteout
from benchmarks.peers import Peer
from benchmarks.programs import Workplace
from benchmarks.results import WasteCase
from benchmarks.runs import Command, ProgramFailed, measure_command

_BYTES = 10 * 10**6
_NAME = "bench:waste"
_SHIPPED = Entry(path="srv/data/large.bin", size=_BYTES)
_CASES: dict[str, tuple[Entry, ...]] = {
    "a file, deleted later": (make_whiteout(_SHIPPED.path),),
    "a folder, deleted later": (make_whiteout("srv/data"),),
    "a file, given to another owner": (Entry(path=_SHIPPED.path, size=_BYTES, owner=1000),),
    "a file, replaced by a larger one": (Entry(path=_SHIPPED.path, size=2 * _BYTES, seed=1),),
}
"""What the second layer does to the file of the first. In each case the whole file is wasted, and nothing else is."""


def measure(place: Workplace, dive: Peer) -> tuple[WasteCase, ...]:
    """Ask our report and dive about each image; dive reads the same archive."""
    found = []
    for name, second in _CASES.items():
        folder = place.make_folder()  # a new one for each: dive does not truncate a longer file that it writes to
        path = folder / "image.tar"
        archives.write(path, Spec(name=_NAME, layers=((Entry(path="srv/data/"), _SHIPPED), second)))
        ours = place.make_report_command([f"archive:{path}#{_NAME}"], output=folder / "ours.json")
        told = _read_figure(ours, folder / "ours.json", lambda report: report["images"][0]["wasted_bytes"])
        theirs = None
        if dive.path:
            command = place.make_dive_command(dive, "docker-archive", str(path), folder / "dive.json")
            theirs = _read_figure(command, folder / "dive.json", lambda report: report["image"]["inefficientBytes"])
        found.append(WasteCase(name=name, truth_bytes=_BYTES, ours_bytes=told, dive_bytes=theirs))
    return tuple(found)


def _read_figure(command: Command, output: Path, figure: Callable[[Mapping[str, Any]], int]) -> int | None:
    """Run a program and return a figure from the JSON that it wrote; None if it failed."""
    try:
        measure_command(command)
        return int(figure(json.loads(output.read_text(encoding="utf-8"))))
    except (ProgramFailed, OSError, ValueError, LookupError):
        return None
