"""Shows what is being done as `console` does, and loads Rich only on a terminal, or when there is a line to print."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.render.terminal.console import Activity, Cell


class Piped:
    """What is being done, for a pipe or a file: only what is finished is printed."""

    def begin(self, name: str) -> None:
        """Print nothing, because `finish` will print the end of it."""

    def note(self, message: str) -> None:
        """Print what has begun: for things that take long and happen once."""
        with _open() as shown:
            shown.note(message)

    def track_reading(self) -> Callable[[int], None]:
        """Return a callback that takes how many bytes of the images have been read."""
        return _show_nothing

    def finish(self, *cells: Cell | str) -> None:
        """Print a finished line."""
        self.tell(*cells)

    def tell(self, *cells: Cell | str) -> None:
        """Print a finished line."""
        with _open() as shown:
            shown.tell(*cells)


def load() -> None:
    """Load Rich before there is a line to print."""
    from weighbridge.render.terminal import console  # noqa: F401, PLC0415 - this is the time for it


def say(message: str) -> None:
    """Print on standard error what was done."""
    from weighbridge.render.terminal import console  # noqa: PLC0415 - it loads Rich

    console.say(message)


@contextmanager
def show_activity() -> Iterator[Activity | Piped]:
    """Show progress on standard error while the block runs."""
    if not _may_move():
        yield Piped()
        return
    with _open() as shown:
        yield shown


@contextmanager
def _open() -> Iterator[Activity]:
    from weighbridge.render.terminal import console  # noqa: PLC0415 - it loads Rich

    with console.show_activity() as shown:
        yield shown


def _show_nothing(_count: int) -> None:
    """Take how many bytes have been read."""


def _may_move() -> bool:
    """Tell whether Rich may take standard error for a terminal, as these variables can make it do."""
    forced = os.environ.get("FORCE_COLOR") or os.environ.get("TTY_COMPATIBLE") == "1"
    return bool(forced) or bool(sys.stderr and sys.stderr.isatty())
