"""The order in which layers are begun."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.sources.processes.order import arrange


@given(st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 10_000)), max_size=5))
def test_each_layer_once(images: list[dict[str, int]]) -> None:
    """Each layer is there once, with the size and place of the first image that has it."""
    jobs = arrange(images)
    assert len({each.diff_id for each in jobs}) == len(jobs)
    assert {each.diff_id for each in jobs} == {diff_id for sizes in images for diff_id in sizes}
    for each in jobs:
        assert each.place == next(place for place, sizes in enumerate(images) if each.diff_id in sizes)
        assert each.size == images[each.place][each.diff_id]


def test_long_layers_first_then_image_by_image() -> None:
    """A process does not begin with a long layer when the others have nothing left."""
    images = [{"small": 5, "shared": 40, "tiny": 1}, {"shared": 40, "huge": 900, "other": 30}, {"long": 500, "last": 3}]
    assert [each.diff_id for each in arrange(images)] == ["huge", "long", "shared", "small", "tiny", "other", "last"]


def test_nothing_to_read() -> None:
    """Images whose layers are all known."""
    assert arrange([{}, {}]) == []
