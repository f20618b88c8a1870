"""Writes a value in the formats that a user chooses, each to its place."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from weighbridge.errors import SettingsError
from weighbridge.render import destination
from weighbridge.render.formats import Renderer, choose

_STDOUT, _STDERR = 1, 2


@dataclass(frozen=True, slots=True)
class Output:
    """One format, and where to write it."""

    render: Callable[..., None]
    path: Path | None
    """The file to write; None for standard output."""


class Outputs:
    """The formats in which to write one value."""

    def __init__(self, table: Mapping[str, Callable[..., None]], texts: Sequence[str]) -> None:
        """Check the user's choice early, before any long work.

        Args:
            table: Name -> renderer.
            texts: `NAME` for standard output, or `NAME:FILE`. If empty, the table's first format.

        Raises:
            SettingsError: A format does not exist, two have the same destination, or a file cannot be written.
        """
        for text in texts:
            if text.endswith(":"):
                raise SettingsError(f"{text} names no file", advice="Write it as NAME:FILE.")
        parts = [text.partition(":") for text in texts or [next(iter(table))]]
        self._outputs = [Output(choose(table, name), Path(file) if colon else None) for name, colon, file in parts]
        places = [_identify(each.path) for each in self._outputs]
        for each, place in zip(self._outputs, places, strict=True):
            if places.count(place) > 1:
                raise SettingsError(
                    f"Several formats go to {'standard output' if place == _STDOUT else each.path}",
                    advice="Give all but one of them a file: --format json:FILE.",
                )
            if each.path:
                destination.check(each.path)

    def load(self) -> None:
        """Load what writes the formats, while there is nothing else to do."""
        for each in self._outputs:
            if isinstance(each.render, Renderer):
                each.render.load()

    def write(self, value: object) -> None:
        """Write the value in each format. Files are UTF-8; existing files are replaced.

        Files come first, because a reader of standard output may stop reading and so end the program.

        Raises:
            SettingsError: A file cannot be written.
        """
        for each in sorted(self._outputs, key=lambda each: _identify(each.path) == _STDOUT):
            place = _identify(each.path)
            if each.path is None or place == _STDOUT:
                each.render(value)
            elif place == _STDERR:  # a log, as standard output is
                with redirect_stdout(sys.stderr):
                    each.render(value)
            else:
                drawn = io.StringIO()  # complete before the old file is touched
                each.render(value, drawn)
                destination.write(each.path, drawn.getvalue().encode())


def _identify(path: Path | None) -> int | str:
    """Return what two paths of one place have in common: the number of a descriptor, or the end of all links."""
    if path is None:
        return _STDOUT
    descriptor = destination.find_descriptor(path)
    return os.path.realpath(path) if descriptor is None else descriptor
