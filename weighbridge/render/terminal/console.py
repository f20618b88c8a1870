"""The only door to Rich: tables, one-line messages and live progress, on a terminal and in a pipe.

Results go to standard output; progress and errors go to standard error, so that a pipe gets the result alone. Colour is
never the only signal: every state has a word or a sign of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from typing import Literal, TextIO

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from weighbridge.quoting import printable

Style = Literal["", "dim", "bold", "green", "red", "yellow", "cyan"]
PIPE_WIDTH = 100
"""Columns where the output is no terminal; COLUMNS overrides it."""
DENSE_GAP = 2
"""Columns between those of a dense table."""
_BOARD_WIDTH = 80
_FAIL = {"strict", "surrogateescape"}
"""What streams do with a sign that their encoding lacks; the second in the locale C."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with a style."""

    text: str
    style: Style = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table; numbers stand on the right."""

    name: str
    right: bool = False
    grows: bool = False
    """Whether it takes the width that is left, cut with an ellipsis where it is too narrow."""
    shrinks: bool = False
    """Whether it alone is cut where the table is too wide; without such a column, all are."""


def _console(stream: TextIO | None = None, *, stderr: bool = False) -> Console:
    console = Console(file=stream, stderr=stderr, highlight=False, emoji=False)  # `docker:o:x` is no `:o:`
    if console.width < 1 or (not console.is_terminal and "COLUMNS" not in os.environ):
        console.width = PIPE_WIDTH
    if isinstance(console.file, TextIOWrapper) and console.file.errors in _FAIL:
        console.file.reconfigure(errors="replace")  # a locale may lack our bars and signs
    return console


def print_table(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell | str]],
    *,
    stream: TextIO | None = None,
) -> None:
    """Print a table; it fits 80 columns as long as the columns that do not grow do."""
    table = Table(box=box.SIMPLE_HEAD, title=Text(printable(title), style="bold"), title_justify="left", pad_edge=False)
    _fill(table, columns, rows)
    console = _console(stream)
    console.print(table)


def width(stream: TextIO | None = None) -> int:
    """Return how many columns there are to print on."""
    return _console(stream).width


def print_dense_table(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell | str]],
    *,
    stream: TextIO | None = None,
) -> None:
    """Print a table with as little between its columns as can be; names of columns may have two lines."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.padding = (0, DENSE_GAP - 1, 0, 0)  # the box itself has one sign between columns
    _fill(table, columns, rows)
    for column in table.columns:
        column.vertical = "bottom"
    console = _console(stream)
    console.print(Text(printable(title), style="bold"))
    console.print(Padding(table, (0, 0, 1, 1), expand=False))


def print_entries(rows: Sequence[tuple[Cell, Sequence[Cell | str]]], *, stream: TextIO | None = None) -> None:
    """Print texts, each made of styled parts, beside their labels; they wrap in a column of their own."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for label, parts in rows:
        table.add_row(_text(label), Text.assemble(*map(_text, parts)))
    table.columns[0].no_wrap = True
    _console(stream).print(table)


def _fill(table: Table, columns: Sequence[Column], rows: Sequence[Sequence[Cell | str]]) -> None:
    for column in columns:
        table.add_column(
            column.name,
            justify="right" if column.right else "left",
            no_wrap=not column.shrinks,  # Rich takes width from columns that may wrap before it takes it from others
            overflow="ellipsis",
            ratio=1 if column.grows else None,
        )
    table.expand = any(column.grows for column in columns)
    for row in rows:
        cells = [_text(cell) for cell in row]
        for cell in cells:
            cell.no_wrap = True
        table.add_row(*cells)


def print_line(*cells: Cell | str, stream: TextIO | None = None) -> None:
    """Print one line made of styled parts, to standard output; on a terminal long ones wrap."""
    console = _console(stream)
    console.print(Text.assemble(*(_text(cell) for cell in cells)), soft_wrap=not console.is_terminal)


def print_paragraph(text: str, style: Style = "", *, indent: int = 0, stream: TextIO | None = None) -> None:
    """Print text as wide as the tables, all its lines indented by so many columns."""
    _console(stream).print(Padding(Text(printable(text), style=style), (0, 0, 0, indent), expand=False))


def say(message: str) -> None:
    """Tell what is being done now, on standard error."""
    _console(stderr=True).print(Text(message, style="dim"), soft_wrap=True)


def print_error(message: str, detail: str = "") -> None:
    """Print an error on standard error: lines of detail first, so that the message is what stands last."""
    console = _console(stderr=True)
    for line in detail.splitlines():
        console.print(Text(f"  {printable(line)}", style="dim"), soft_wrap=True)
    console.print(Text.assemble(("error: ", "bold red"), printable(message)), soft_wrap=True)


_READING = "Reading the images"


class Activity:
    """What goes on now: a line with a spinner and a clock on a terminal, finished lines above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._clock = _Clock("")
        self._watched = False

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the moving line, on terminals only, until the block ends."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, transient=True, refresh_per_second=8) as live:
            self._live = live
            yield
        self._live = None

    def begin(self, name: str) -> None:
        """Say what has begun; in a pipe this prints nothing, its end will."""
        self._clock = _Clock(name)
        self._watched = False
        if self._live:
            self._live.update(self._clock)

    def note(self, message: str) -> None:
        """Say what has begun, also in a pipe: for what takes long and happens once."""
        if self._live and not self._watched:
            self.begin(message)
        else:
            self._console.print(Text(message, style="dim"), soft_wrap=True)

    def reading(self) -> Callable[[int], None]:
        """Return what says how many bytes of the images have been read."""
        self.begin("Asking for the images")
        return self.counting(_READING)

    def counting(self, name: str) -> Callable[[int], None]:
        """Return what says how many bytes have been read or sent of something."""

        def tell(count: int) -> None:
            if not self._clock.name.startswith(name):
                self.begin(name)
            self._clock.name = f"{name}: {count / 10**6:.0f} MB"

        return tell

    def finish(self, *cells: Cell | str) -> None:
        """Print a finished line."""
        line = Text.assemble(*(_text(cell) for cell in cells))
        if self._console.is_terminal:
            line.truncate(self._console.width, overflow="ellipsis")
        self._console.print(line, soft_wrap=not self._console.is_terminal)

    def tell(self, *cells: Cell | str) -> None:
        """Print a finished line in full; on a terminal it wraps."""
        line = Text.assemble(*(_text(cell) for cell in cells))
        self._console.print(line, soft_wrap=not self._console.is_terminal)

    def watch(self, columns: Sequence[Column], rows: Callable[[], Sequence[Sequence[Cell | str]]]) -> bool:
        """Show a table in place of the moving line, on terminals only, until something else begins.

        Args:
            columns: Its columns.
            rows: Asked for the rows several times a second, from a thread of its own. What holds a lock of its own
                there must not print while it holds it.

        Returns:
            Whether it is shown.
        """
        self._watched = self._live is not None
        if self._live:
            self._live.update(_Board(columns, rows), refresh=True)
        return self._watched

    def unwatch(self) -> None:
        """Take the table away."""
        self._watched = False
        if self._live:
            self._live.update(Text(), refresh=True)


class _Board:
    """A table that is made anew each time it is drawn: no wider than 80 columns, so that its parts stay together."""

    def __init__(self, columns: Sequence[Column], rows: Callable[[], Sequence[Sequence[Cell | str]]]) -> None:
        self._columns = columns
        self._rows = rows

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        _fill(table, self._columns, self._rows())
        table.width = min(options.max_width, _BOARD_WIDTH)
        yield table


class _Clock:
    """A spinner, a name and the seconds since it began."""

    def __init__(self, name: str) -> None:
        self._spinner = Spinner("dots")
        self.name = name
        self._began = time.monotonic()

    def __rich__(self) -> Spinner:
        seconds = time.monotonic() - self._began
        self._spinner.update(text=Text(f"{self.name}  {seconds:.0f} s", overflow="ellipsis", no_wrap=True))
        return self._spinner


@contextmanager
def activity() -> Iterator[Activity]:
    """Show progress on standard error while the block runs."""
    shown = Activity(_console(stderr=True))
    with shown.shown():
        yield shown


def _text(cell: Cell | str) -> Text:
    """Return what a terminal can be given: names and paths of images may hold signs that it would obey."""
    return Text(printable(cell)) if isinstance(cell, str) else Text(printable(cell.text), style=cell.style)
