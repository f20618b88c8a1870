"""Files are merged key by key; whole files against Compose: `test_reader.py` and `tests/live/test_compose_files.py`."""

from __future__ import annotations

from typing import Any

import pytest

from weighbridge.settings.compose.merging import merge
from weighbridge.settings.compose.shapes import Mark, Whole


@pytest.mark.parametrize(
    ("earlier", "later", "merged"),
    [
        ({"a": 1, "b": 1}, {"b": 2, "c": 2}, {"a": 1, "b": 2, "c": 2}),
        ({"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
        ((1, 2), (2, 3), (1, 2, 3)),
        ({"a": (1,)}, {"a": Whole((2,))}, {"a": (2,)}),
        ({"a": Whole(("x",))}, {"a": Whole(None)}, {"a": None}),
        ({"a": 1, "b": 1}, {"a": Mark.RESET, "c": Mark.RESET}, {"b": 1}),
        ({}, {"a": Whole({"b": Mark.RESET, "c": Whole(1)})}, {"a": {"c": 1}}),
        ({"a": {"x": 1}}, {"a": Whole({"y": 2})}, {"a": {"y": 2}}),
        ({"a": 1}, {"a": None}, {"a": None}),
    ],
)
def test_merge(earlier: Any, later: Any, merged: Any) -> None:
    """Sections are merged, lists put together, anything else is replaced, and marks do what they say."""
    assert merge(earlier, later) == merged


def test_merge_leaves_its_values() -> None:
    """Neither value is changed, as an extended service may be merged again."""
    earlier, later = {"a": {"x": (1,)}}, {"a": {"x": (2,)}}
    merge(earlier, later)
    assert (earlier, later) == ({"a": {"x": (1,)}}, {"a": {"x": (2,)}})
