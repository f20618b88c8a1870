"""The page's map: the area of a tile is the share of its bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.model.tree import Node
from weighbridge.render.html import treemap


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=60))
def test_tiles_cover_what_their_bytes_are(sizes: list[int]) -> None:
    """Tiles of one level are inside the picture, do not overlap, and are as large as their share."""
    parts = tuple(Node(name="x", bytes=size) for size in sizes)
    found = treemap.build_tiles(Node(name="", bytes=sum(sizes), children=parts))
    for tile in found:
        assert tile.x >= 0
        assert tile.y >= 0
        assert tile.x + tile.width <= treemap.WIDTH
        assert tile.y + tile.height <= treemap.HEIGHT
    for index, one in enumerate(found):
        for other in found[index + 1 :]:
            assert (
                one.x + one.width <= other.x + 0.2
                or other.x + other.width <= one.x + 0.2
                or one.y + one.height <= other.y + 0.2
                or other.y + other.height <= one.y + 0.2
            )
    area = sum((tile.width + 2) * (tile.height + 2) for tile in found)
    shown = sum(size for size in sizes if size * treemap.WIDTH * treemap.HEIGHT >= 100 * sum(sizes))
    assert area == pytest.approx(treemap.WIDTH * treemap.HEIGHT * shown / sum(sizes), rel=0.03)
