"""A cell's text looks as Rich's own does."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from weighbridge.render.terminal.cut_text import CutText

STYLES = ("", "dim", "bold", "yellow")
CELLS = st.tuples(st.text(st.sampled_from("ab …█▌日本e\u0301"), max_size=14), st.sampled_from(STYLES))
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=4)


def draw(rows: Sequence[Sequence[RenderableType]], width: int, *, shrinks: bool, grows: bool) -> str:
    """Return a table as a terminal with colours gets it."""
    stream = io.StringIO()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=grows)
    table.add_column("Name", no_wrap=not shrinks, overflow="ellipsis")
    table.add_column("Bytes", justify="right", no_wrap=not shrinks, overflow="ellipsis")
    table.add_column("What", no_wrap=True, overflow="ellipsis", ratio=1 if grows else None)
    for row in rows:
        table.add_row(*row)
    Console(file=stream, width=width, force_terminal=True, color_system="standard", highlight=False).print(table)
    return stream.getvalue()


@pytest.mark.parametrize("shrinks", [True, False])
@pytest.mark.parametrize("grows", [True, False])
@given(rows=ROWS, width=st.integers(12, 60))
def test_looks_as_rich_has_it(rows: list[list[tuple[str, str]]], width: int, *, shrinks: bool, grows: bool) -> None:
    """In wide and in narrow tables, to the left and to the right, it is what `Text` is that does not wrap."""
    ours = [[CutText(text, style) for text, style in row] for row in rows]
    theirs = [[Text(text, style, no_wrap=True) for text, style in row] for row in rows]
    kind = {"shrinks": shrinks, "grows": grows}
    assert draw(ours, width, **kind) == draw(theirs, width, **kind)
