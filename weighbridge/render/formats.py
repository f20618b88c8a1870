"""The tables of formats: a new one is a module of its own and one line here, imported when it is chosen.

A report is drawn once and goes out in as many formats as are wanted, each into a file or to standard output.
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

if TYPE_CHECKING:
    from weighbridge.model.smoke import Proof
    from weighbridge.report.comparison import Comparison
    from weighbridge.report.trend import Trend

T = TypeVar("T")


def _of(module: str, name: str = "render", *, machine: bool = True) -> Callable[..., None]:
    """Return a function of a module below this folder, which is imported when that is called.

    It takes the value and a stream; without one it writes to standard output. What machines read is UTF-8, whatever
    the terminal's encoding is.
    """

    def render(value: Any, *stream: Any) -> None:
        if machine and not stream and isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")
        getattr(import_module(f"weighbridge.render.{module}"), name)(value, *stream)

    return render


REPORTS: Mapping[str, Callable[..., None]] = {
    "terminal": _of("terminal.report", machine=False),
    "json": _of("json"),
    "markdown": _of("markdown.report"),
    "html": _of("html.report"),
    "svg": _of("svg.report"),
    "badge": _of("svg.badge"),
    "cyclonedx": _of("cyclonedx"),
}
DIFFERENCES: Mapping[str, Callable[[Comparison], None]] = {
    "terminal": _of("terminal.difference", machine=False),
    "json": _of("json", "render_difference"),
}
PROOFS: Mapping[str, Callable[[Sequence[Proof]], None]] = {
    "terminal": _of("terminal.smoke", machine=False),
    "json": _of("json", "render_proofs"),
    "junit": _of("junit"),
}
TRENDS: Mapping[str, Callable[[Trend], None]] = {
    "terminal": _of("terminal.trend", machine=False),
    "json": _of("json", "render_trend"),
}


def choose(table: Mapping[str, T], name: str) -> T:
    """Return the renderer of that name.

    Raises:
        SettingsError: There is none; the message lists the known.
    """
    if name not in table:
        raise SettingsError(f"Unknown format {name}", advice=f"Choose from {', '.join(table)}.")
    return table[name]


@dataclass(frozen=True, slots=True)
class Output:
    """One format, and where it goes."""

    render: Callable[..., None]
    path: Path | None
    """The file that is written; None: standard output."""


class Outputs:
    """Formats that are wanted of one value."""

    def __init__(self, table: Mapping[str, Callable[..., None]], texts: Sequence[str]) -> None:
        """Read what a user wants, before there is anything to lose.

        Args:
            table: Name -> what renders it.
            texts: `NAME` for standard output, or `NAME:FILE`; none, the table's first.

        Raises:
            SettingsError: There is no such format, two go to one place, or a file cannot be written.
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
                    advice="Give each a file, but for one: --format json:FILE.",
                )
            if place:
                _try_to_write(place)

    def write(self, value: object) -> None:
        """Draw the value in each format, files first; they are UTF-8 and written over.

        Of standard output nobody may read more than the head.

        Raises:
            SettingsError: A file cannot be written.
        """
        for each in sorted(self._outputs, key=lambda each: each.path is None):
            if each.path is None:
                each.render(value)
                continue
            drawn = io.StringIO()  # whole, before anything of the file that may be there is gone
            each.render(value, drawn)
            with _writing(each.path):
                each.path.write_text(drawn.getvalue(), encoding="utf-8")


def _try_to_write(path: Path) -> None:
    """Leave what is there as it is, and nothing where nothing is."""
    with _writing(path), path.open("ab") if path.exists() else tempfile.TemporaryFile(dir=path.parent):
        pass


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}", advice="Name another file.") from error
