"""Lists the formats of every command, and writes a value in the formats that a user chooses.

A new format is a module and one line here. Its module is imported only when the format is used.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from weighbridge.errors import SettingsError
from weighbridge.render import log_commands
from weighbridge.render.log_commands import Syntax

if TYPE_CHECKING:
    from weighbridge.model.smoke import Proof
    from weighbridge.report.comparison import Comparison
    from weighbridge.report.trend import Trend

T = TypeVar("T")


def _defer(module: str, name: str = "render", *, syntax: Syntax = "markup") -> Callable[..., None]:
    """Return a renderer that imports its module, which is below this folder, on the first call.

    The renderer takes the value and a stream; without a stream it writes to standard output. Formats for machines are
    UTF-8, whatever the terminal's encoding is.
    """

    def render(value: Any, *stream: Any) -> None:
        if syntax != "text" and not stream:
            if isinstance(sys.stdout, io.TextIOWrapper):
                sys.stdout.reconfigure(encoding="utf-8")
            stream = (log_commands.guard(sys.stdout, syntax),)
        getattr(import_module(f"weighbridge.render.{module}"), name)(value, *stream)

    return render


REPORTS: Mapping[str, Callable[..., None]] = {
    "terminal": _defer("terminal.report", syntax="text"),
    "json": _defer("json", syntax="json"),
    "markdown": _defer("markdown.report"),
    "html": _defer("html.report"),
    "svg": _defer("svg.report"),
    "badge": _defer("svg.badge"),
    "cyclonedx": _defer("cyclonedx", syntax="json"),
}
DIFFERENCES: Mapping[str, Callable[[Comparison], None]] = {
    "terminal": _defer("terminal.difference", syntax="text"),
    "json": _defer("json", "render_difference", syntax="json"),
}
PROOFS: Mapping[str, Callable[[Sequence[Proof]], None]] = {
    "terminal": _defer("terminal.smoke", syntax="text"),
    "json": _defer("json", "render_proofs", syntax="json"),
    "junit": _defer("junit"),
}
TRENDS: Mapping[str, Callable[[Trend], None]] = {
    "terminal": _defer("terminal.trend", syntax="text"),
    "json": _defer("json", "render_trend", syntax="json"),
}


def choose(table: Mapping[str, T], name: str) -> T:
    """Return the renderer of that name.

    Raises:
        SettingsError: There is no such format; the advice lists the formats.
    """
    if name not in table:
        raise SettingsError(f"Unknown format {name}", advice=f"Choose from {', '.join(table)}.")
    return table[name]


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
        places = [each.path for each in self._outputs]
        for place in places:
            if places.count(place) > 1:
                raise SettingsError(
                    f"Several formats go to {place or 'standard output'}",
                    advice="Give all but one of them a file: --format json:FILE.",
                )
            if place:
                _try_to_write(place)

    def write(self, value: object) -> None:
        """Write the value in each format. Files are UTF-8; existing files are replaced.

        Files come first, because a reader of standard output may stop reading and so end the program.

        Raises:
            SettingsError: A file cannot be written.
        """
        for each in sorted(self._outputs, key=lambda each: each.path is None):
            if each.path is None:
                each.render(value)
                continue
            drawn = io.StringIO()  # complete before the old file is touched
            each.render(value, drawn)
            with _translate_errors(each.path):
                each.path.write_text(drawn.getvalue(), encoding="utf-8")


def _try_to_write(path: Path) -> None:
    """Check that a file can be written, without changing or creating it."""
    with _translate_errors(path), path.open("ab") if path.exists() else tempfile.TemporaryFile(dir=path.parent):
        pass


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}", advice="Name another file.") from error
