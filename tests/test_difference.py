"""The difference of two reports closes to the byte, whatever the reports hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.difference import LayerDifference, compare
from weighbridge.model import Image, Layer, Report

SIZES = {"a": 0, "b": 1, "c": 10, "d": 1000}
"""A diff ID stands for its content, so it has one size wherever it occurs."""


def image(variant: str, diff_ids: Iterable[str]) -> Image:
    """Return an image with these layers."""
    layers = tuple(
        Layer(index=at, diff_id=name, instruction=f"RUN {name}", in_base=False, shipped_bytes=SIZES[name], file_count=1)
        for at, name in enumerate(diff_ids)
    )
    return Image(
        variant=variant,
        reference=f"x:{variant}",
        source="docker",
        id="sha256:0",
        platform="linux/amd64",
        shipped_bytes=sum(layer.shipped_bytes for layer in layers),
        file_count=len(layers),
        base=None,
        layers=layers,
    )


def report(images: dict[str, str]) -> Report:
    """Return a report of variants with these layers, a letter for each."""
    weighed = tuple(image(variant, diff_ids) for variant, diff_ids in images.items())
    return Report(recorded_at="2026-11-23T10:00:00Z", commit=None, dirty=False, engine=None, images=weighed)


def told(rows: Iterable[LayerDifference], *changes: str) -> list[str]:
    """Return the diff IDs of the rows with one of these changes."""
    return [row.diff_id for row in rows if row.change in changes]


IMAGES = st.dictionaries(st.sampled_from(["single", "multi", "minimal"]), st.text("abcd", max_size=7))


@given(IMAGES, IMAGES)
def test_difference_closes(old: dict[str, str], new: dict[str, str]) -> None:
    """After less before is what was added less what was removed; by layer it is the difference of multisets."""
    rows = compare(report(old), report(new))
    assert [row.variant for row in rows] == [*new, *(name for name in old if name not in new)]
    for row in rows:
        before, after = Counter(old.get(row.variant, "")), Counter(new.get(row.variant, ""))
        assert row.after_bytes - row.before_bytes == row.delta_bytes
        assert row.delta_bytes == sum(
            {"added": 1, "removed": -1, "same": 0}[layer.change] * layer.shipped_bytes for layer in row.layers
        )
        assert Counter(told(row.layers, "added")) == after - before
        assert Counter(told(row.layers, "removed")) == before - after
        assert Counter(told(row.layers, "same")) == before & after


@given(IMAGES, IMAGES)
def test_layers_come_in_order(old: dict[str, str], new: dict[str, str]) -> None:
    """First every layer of the new image in its order, then what went, in the order that it had."""
    for row in compare(report(old), report(new)):
        assert "".join(told(row.layers, "added", "same")) == new.get(row.variant, "")
        gone, rest = told(row.layers, "removed"), iter(old.get(row.variant, ""))
        assert all(name in rest for name in gone)


@given(IMAGES)
def test_nothing_changed(images: dict[str, str]) -> None:
    """A report differs from itself by nothing."""
    for row in compare(report(images), report(images)):
        assert row.delta_bytes == 0
        assert told(row.layers, "added", "removed") == []


def test_same_layer_twice() -> None:
    """Of two equal layers one may stay and one go: they are counted, not only named."""
    (row,) = compare(report({"multi": "cbc"}), report({"multi": "c"}))
    assert [(layer.diff_id, layer.change) for layer in row.layers] == [
        ("c", "same"),
        ("b", "removed"),
        ("c", "removed"),
    ]
    assert row.delta_bytes == -11


def test_variant_that_one_report_lacks() -> None:
    """A new variant comes from 0 bytes and a dropped one goes to 0."""
    new, old = compare(report({"single": "d"}), report({"multi": "c"}))
    assert (new.variant, new.before_bytes, new.after_bytes) == ("multi", 0, 10)
    assert (old.variant, old.before_bytes, old.after_bytes) == ("single", 1000, 0)
