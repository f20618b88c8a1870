"""Text in one cell of a table, on one line: what does not fit its column is cut, and ends in an ellipsis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.measure import Measurement
from rich.segment import Segment

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult


class CutText:
    """Looks like Rich's `Text` with `no_wrap`, which takes longer because it may have several lines and styles.

    A report has hundreds of cells.
    """

    def __init__(self, text: str, style: str) -> None:
        """Take printable text, and one style for all of it."""
        self._text, self._style = text, style

    def __rich_measure__(self, _console: Console, _options: ConsoleOptions) -> Measurement:
        width = cell_len(self._text)
        return Measurement(width, width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text, room, right = self._text, options.max_width, options.justify == "right"
        if right:
            text = text.rstrip()
        if (width := cell_len(text)) > room:
            text, width = set_cell_size(text, room - 1) + "…", room
        blanks = " " * (room - width)
        yield Segment(blanks + text if right else text + blanks, console.get_style(self._style))
