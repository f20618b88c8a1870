"""The only module that uses Rich: prints tables, one-line messages and live progress, on a terminal and in a pipe.

Results go to standard output; progress and errors go to standard error, so that a pipe gets only the result. Colour is
never the only signal: every state also has its own word or sign.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import TextIOWrapper
from typing import TYPE_CHECKING, Literal, TextIO, cast

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from weighbridge.quoting import replace_unprintable, spell_commands
from weighbridge.render import log_commands

if TYPE_CHECKING:  # only a terminal needs what moves
    from rich.live import Live
    from rich.spinner import Spinner

Style = Literal["", "dim", "bold", "green", "red", "yellow", "cyan"]
PIPE_WIDTH = 100
"""Width of output that is no terminal, unless COLUMNS says otherwise."""
DENSE_GAP = 2
"""Blanks between the columns of a dense table."""
_BOARD_WIDTH = 80
_FAIL = {"strict", "surrogateescape"}
"""Error handlers of streams that fail on a character which their encoding lacks; the second is that of the locale C."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Text with a style."""

    text: str
    style: Style = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table; `right` is for numbers."""

    name: str
    right: bool = False
    grows: bool = False
    """Whether it takes the remaining width; longer texts end with an ellipsis."""
    shrinks: bool = False
    """Whether it is the only column to be cut if the table is too wide; without such a column, all are cut."""


def _make_console(stream: TextIO | None = None, *, stderr: bool = False) -> Console:
    console = Console(file=stream, stderr=stderr, highlight=False, emoji=False)  # `docker:o:x` is no `:o:`
    if console.width < 1 or (not console.is_terminal and "COLUMNS" not in os.environ):
        console.width = PIPE_WIDTH
    if isinstance(console.file, TextIOWrapper) and console.file.errors in _FAIL:
        console.file.reconfigure(errors="replace")  # a locale may lack our bars and signs
    if stream is None:
        guarded = log_commands.guard(cast("TextIO", console.file), "text")
        if guarded is not console.file:
            console.file = guarded
    return console


def print_table(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell | str]],
    *,
    stream: TextIO | None = None,
) -> None:
    """Print a table, which fits 80 columns if its columns that do not grow fit."""
    heading = _make_text(Cell(title, "bold"))
    table = Table(box=box.SIMPLE_HEAD, title=heading, title_justify="left", pad_edge=False)
    _fill(table, columns, rows)
    console = _make_console(stream)
    console.print(table)


def measure_width(stream: TextIO | None = None) -> int:
    """Return the width of the output in columns."""
    return _make_console(stream).width


def print_dense_table(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell | str]],
    *,
    stream: TextIO | None = None,
) -> None:
    """Print a table with narrow gaps between its columns, whose names may have two lines."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.padding = (0, DENSE_GAP - 1, 0, 0)  # the box itself puts one blank between columns
    _fill(table, columns, rows)
    for column in table.columns:
        column.vertical = "bottom"
    console = _make_console(stream)
    console.print(_make_text(Cell(title, "bold")))
    console.print(Padding(table, (0, 0, 1, 1), expand=False))


def print_entries(rows: Sequence[tuple[Cell, Sequence[Cell | str]]], *, stream: TextIO | None = None) -> None:
    """Print labels in one column and texts, made of styled parts, in a second one, in which they wrap."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for label, parts in rows:
        table.add_row(_make_text(label), Text.assemble(*map(_make_text, parts)))
    table.columns[0].no_wrap = True
    _make_console(stream).print(table)


def _fill(table: Table, columns: Sequence[Column], rows: Sequence[Sequence[Cell | str]]) -> None:
    for column in columns:
        table.add_column(
            Text("\n").join(map(_make_text, column.name.split("\n"))),
            justify="right" if column.right else "left",
            no_wrap=not column.shrinks,  # Rich takes width from columns that may wrap before it takes it from others
            overflow="ellipsis",
            ratio=1 if column.grows else None,
        )
    table.expand = any(column.grows for column in columns)
    for row in rows:
        cells = [_make_text(cell) for cell in row]
        for cell in cells:
            cell.no_wrap = True
        table.add_row(*cells)


def print_line(*cells: Cell | str, stream: TextIO | None = None) -> None:
    """Print a line made of styled parts; on a terminal a long one wraps."""
    console = _make_console(stream)
    console.print(Text.assemble(*(_make_text(cell) for cell in cells)), soft_wrap=not console.is_terminal)


def print_paragraph(text: str, style: Style = "", *, indent: int = 0, stream: TextIO | None = None) -> None:
    """Print text as wide as tables are, with all its lines indented by `indent` columns."""
    _make_console(stream).print(Padding(_make_text(Cell(text, style)), (0, 0, 0, indent), expand=False))


def say(message: str) -> None:
    """Print on standard error what is being done now."""
    _make_console(stderr=True).print(_make_text(Cell(spell_commands(message), "dim")), soft_wrap=True)


def print_error(message: str, detail: str = "") -> None:
    """Print an error on standard error: first the lines of detail, so that the message comes last."""
    console = _make_console(stderr=True)
    for line in detail.splitlines():
        console.print(_make_text(Cell(f"  {line}", "dim")), soft_wrap=True)
    console.print(Text.assemble(("error: ", "bold red"), _make_text(spell_commands(message))), soft_wrap=True)


_READING = "Reading the images"


class Activity:
    """Shows what is being done: on a terminal, a line with a spinner and a clock, below what is finished."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._clock = _Clock("")
        self._watched = False

    @contextmanager
    def show(self) -> Iterator[None]:
        """Show the moving line until the block ends, if this is a terminal."""
        if not self._console.is_terminal:
            yield
            return
        from rich.live import Live  # noqa: PLC0415 - as above

        with Live(console=self._console, transient=True, refresh_per_second=8) as live:
            self._live = live
            yield
        self._live = None

    def begin(self, name: str) -> None:
        """Show what has begun; in a pipe this prints nothing, because `finish` will print its end."""
        self._clock = _Clock(name)
        self._watched = False
        if self._live:
            self._live.update(self._clock)

    def note(self, message: str) -> None:
        """Show what has begun, also in a pipe: for things that take long and happen once."""
        if self._live and not self._watched:
            self.begin(message)
        else:
            self._console.print(_make_text(Cell(message, "dim")), soft_wrap=True)

    def track_reading(self) -> Callable[[int], None]:
        """Return a callback that takes and shows how many bytes of the images have been read."""
        self.begin("Asking for the images")
        return self.track_bytes(_READING)

    def track_bytes(self, name: str) -> Callable[[int], None]:
        """Return a callback that takes and shows how many bytes of something have been read or sent."""

        def tell(count: int) -> None:
            if not self._clock.name.startswith(name):
                self.begin(name)
            self._clock.name = f"{name}: {count / 10**6:.0f} MB"

        return tell

    def finish(self, *cells: Cell | str) -> None:
        """Print a finished line."""
        line = Text.assemble(*(_make_text(cell) for cell in cells))
        if self._console.is_terminal:
            line.truncate(self._console.width, overflow="ellipsis")
        self._console.print(line, soft_wrap=not self._console.is_terminal)

    def tell(self, *cells: Cell | str) -> None:
        """Print a finished line without cutting it; on a terminal it wraps."""
        line = Text.assemble(*(_make_text(cell) for cell in cells))
        self._console.print(line, soft_wrap=not self._console.is_terminal)

    def watch(self, columns: Sequence[Column], rows: Callable[[], Sequence[Sequence[Cell | str]]]) -> bool:
        """Show a table in place of the moving line until something else begins, if this is a terminal.

        Args:
            columns: Its columns.
            rows: Returns the rows; a thread of its own calls it several times a second. If it takes a lock, nobody who
                holds this lock may print.

        Returns:
            Whether the table is shown.
        """
        self._watched = self._live is not None
        if self._live:
            self._live.update(_Board(columns, rows), refresh=True)
        return self._watched

    def unwatch(self) -> None:
        """Remove the table."""
        self._watched = False
        if self._live:
            self._live.update(Text(), refresh=True)


class _Board:
    """A table that is built again each time it is drawn, at most 80 columns wide, so that its parts stay together."""

    def __init__(self, columns: Sequence[Column], rows: Callable[[], Sequence[Sequence[Cell | str]]]) -> None:
        self._columns = columns
        self._rows = rows

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        _fill(table, self._columns, self._rows())
        table.width = min(options.max_width, _BOARD_WIDTH)
        yield table


class _Clock:
    """A spinner, a name, and the seconds since it began."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._began = time.monotonic()

    @cached_property
    def _spinner(self) -> Spinner:
        from rich.spinner import Spinner  # noqa: PLC0415 - as above

        return Spinner("dots")

    def __rich__(self) -> Spinner:
        seconds = time.monotonic() - self._began
        text = _make_text(f"{self.name}  {seconds:.0f} s")
        text.overflow, text.no_wrap = "ellipsis", True
        self._spinner.update(text=text)
        return self._spinner


@contextmanager
def show_activity() -> Iterator[Activity]:
    """Show progress on standard error while the block runs."""
    shown = Activity(_make_console(stderr=True))
    with shown.show():
        yield shown


def _make_text(cell: Cell | str) -> Text:
    """Return printable text: names and paths of images may contain characters that control a terminal.

    All text for a terminal goes through here.
    """
    text, style = (cell, "") if isinstance(cell, str) else (cell.text, cell.style)
    return Text(replace_unprintable(text), style=style)
