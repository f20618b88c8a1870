"""Measures how our report's time and memory grow with an image's files and bytes, on generated archives."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks import archives
from benchmarks.archives import Spec
from benchmarks.programs import Workplace
from benchmarks.results import LARGE_FILES, Growth, Point
from benchmarks.runs import Contender, interleave
from weighbridge.errors import SettingsError
from weighbridge.report.units import format_size

Kind = Literal["files", "bytes"]
SIZES: dict[Kind, tuple[int, ...]] = {
    "files": (1_000, 10_000, 50_000, 100_000, LARGE_FILES),
    "bytes": (10 * 10**6, 50 * 10**6, 200 * 10**6, 500 * 10**6),
}
QUICK_SIZES: dict[Kind, tuple[int, ...]] = {
    "files": (1_000, 50_000, LARGE_FILES),
    "bytes": (10 * 10**6, 200 * 10**6),
}
_SPECS: dict[Kind, Callable[[int], Spec]] = {"files": archives.make_packages, "bytes": archives.make_blobs}
_ARCHIVED_BYTES: dict[Kind, int] = {"files": 1200, "bytes": 1}
"""Bytes in the archive for each file or byte of the image, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A generated image."""

    kind: Kind
    amount: int
    location: str

    @property
    def name(self) -> str:
        """Its name in the progress messages."""
        return f"an image of {f'{self.amount:,} files' if self.kind == 'files' else format_size(self.amount)}"


def measure(
    place: Workplace,
    sizes: dict[Kind, tuple[int, ...]],
    rounds: int,
    say: Callable[[str], None],
    on_run: Callable[[int, str], object],
) -> tuple[Growth, ...]:
    """Write the images and run our report on each, in turns.

    Raises:
        SettingsError: The temporary folder has no room for them.
    """
    _check_room(place.folder, sum(_ARCHIVED_BYTES[kind] * sum(amounts) for kind, amounts in sizes.items()))
    made = []
    for kind, amounts in sizes.items():
        say(f"Writing images of up to {f'{max(amounts):,} files' if kind == 'files' else format_size(max(amounts))}")
        made += [_make_image(place.folder, kind, amount) for amount in amounts]
    series = interleave([_make_contender(place, each) for each in made], rounds, on_run)
    found = list(zip(made, series, strict=True))
    return tuple(
        Growth(
            kind=kind, points=tuple(Point(amount=each.amount, series=runs) for each, runs in found if each.kind == kind)
        )
        for kind in sizes
    )


def _make_image(folder: Path, kind: Kind, amount: int) -> _Made:
    path, spec = folder / f"{kind}-{amount}.tar", _SPECS[kind](amount)
    archives.write(path, spec)
    return _Made(kind=kind, amount=amount, location=f"archive:{path}#{spec.name}")


def _make_contender(place: Workplace, made: _Made) -> Contender:
    return Contender(name=made.name, commands=lambda: [place.make_report_command([made.location])])


def _check_room(folder: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        advice = "Set TMPDIR to a folder with more room, or use --quick."
        message = (
            f"The generated images take {format_size(needed_bytes)}, but {folder} has only {format_size(free)} free"
        )
        raise SettingsError(message, advice=advice)
