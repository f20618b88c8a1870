"""The difference of two reports adds up to the byte, whatever the reports contain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.model.report import Image, Layer, LedgerRow, Pull, Report
from weighbridge.report.comparison import Comparison, compare_reports
from weighbridge.report.difference import LayerDifference, VariantDifference, subtract_images

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
    """Return a report; each letter is a layer."""
    weighed = tuple(image(variant, diff_ids) for variant, diff_ids in images.items())
    return Report(recorded_at="2026-11-23T10:00:00Z", commit=None, dirty=False, engine=None, images=weighed)


def compare(before: Report, after: Report) -> list[VariantDifference]:
    """Return the differences of all variants, all of which can be compared."""
    return [each.difference for each in compare_reports(before, after) if isinstance(each, Comparison)]


def told(rows: Iterable[LayerDifference], *changes: str) -> list[str]:
    """Return the diff IDs of the rows with one of these changes."""
    return [row.diff_id for row in rows if row.change in changes]


IMAGES = st.dictionaries(st.sampled_from(["single", "multi", "minimal"]), st.text("abcd", max_size=7))


@given(IMAGES, IMAGES)
def test_difference_closes(old: dict[str, str], new: dict[str, str]) -> None:
    """The delta is the added layers minus the removed ones, and layers are compared as multisets."""
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
    """All layers of the new image come first, in order, then the removed ones in their old order."""
    for row in compare(report(old), report(new)):
        assert "".join(told(row.layers, "added", "same")) == new.get(row.variant, "")
        gone, rest = told(row.layers, "removed"), iter(old.get(row.variant, ""))
        assert all(name in rest for name in gone)


@given(IMAGES)
def test_nothing_changed(images: dict[str, str]) -> None:
    """A report does not differ from itself."""
    for row in compare(report(images), report(images)):
        assert row.delta_bytes == 0
        assert told(row.layers, "added", "removed") == []


def test_same_layer_twice() -> None:
    """One of two equal layers may be removed: layers are counted, not only looked up."""
    (row,) = compare(report({"multi": "cbc"}), report({"multi": "c"}))
    assert [(layer.diff_id, layer.change) for layer in row.layers] == [
        ("c", "same"),
        ("b", "removed"),
        ("c", "removed"),
    ]
    assert row.delta_bytes == -11


def test_variant_that_one_report_lacks() -> None:
    """A new variant grows from 0 bytes, and a dropped one shrinks to 0."""
    new, old = compare(report({"single": "d"}), report({"multi": "c"}))
    assert (new.variant, new.before_bytes, new.after_bytes) == ("multi", 0, 10)
    assert (old.variant, old.before_bytes, old.after_bytes) == ("single", 1000, 0)


CATEGORIES = st.sampled_from(["base", "debian", "python", "wasted"])
ROWS = st.lists(
    st.builds(
        LedgerRow,
        category=CATEGORIES,
        name=st.sampled_from("xyz"),
        version=st.sampled_from([None, "1", "2"]),
        bytes=st.integers(1, 100),
    ),
    max_size=6,
)


def with_ledger(rows: Iterable[LedgerRow]) -> Image:
    """Return an image with one layer and these owners."""
    rows = tuple(rows)
    return replace(image("a", ""), shipped_bytes=sum(row.bytes for row in rows), ledger=rows)


@given(ROWS, ROWS)
def test_ledgers_close(old: list[LedgerRow], new: list[LedgerRow]) -> None:
    """The rows add up to the difference, the largest change first; unchanged owners are left out."""
    found = subtract_images("a", with_ledger(old), with_ledger(new))
    assert sum(row.delta_bytes for row in found.ledger) == found.delta_bytes
    assert all(row.delta_bytes == row.after_bytes - row.before_bytes for row in found.ledger)
    assert all(row.delta_bytes or row.before_version != row.after_version for row in found.ledger)
    sizes = [abs(row.delta_bytes) for row in found.ledger]
    assert sizes == sorted(sizes, reverse=True)
    assert subtract_images("a", with_ledger(old), with_ledger(old)).ledger == ()


def test_versions_are_told() -> None:
    """A package with a new version is one row with both versions, even if its bytes are the same."""
    old, new = (LedgerRow(category="python", name="redis", version=version, bytes=7) for version in ("8.0", "8.1"))
    (row,) = subtract_images("a", with_ledger([old]), with_ledger([new])).ledger
    assert (row.before_version, row.after_version, row.delta_bytes) == ("8.0", "8.1", 0)


def test_record_without_a_ledger() -> None:
    """If one record has no ledger, the difference has no owners."""
    bare = replace(with_ledger([]), shipped_bytes=10)
    assert subtract_images("a", bare, with_ledger([])).ledger == ()


def packed(name: str, layers: str, *, blobs: bool) -> Image:
    """Return an image in which pulling layer `x` takes SIZES[x] bytes, and its config 5."""
    base = image(name, layers)
    told = tuple(
        replace(layer, pull_bytes=SIZES[layer.diff_id], blob=f"blob-{layer.diff_id}" if blobs else None)
        for layer in base.layers
    )
    total = 5 + sum(SIZES[name] for name in set(layers))
    return replace(base, id=name, layers=told, pull=Pull(bytes=total, basis="exact" if blobs else "estimated"))


@given(st.text("abcd", max_size=6), st.text("abcd", max_size=6), st.booleans(), st.booleans())
def test_cost_of_a_change(old: str, new: str, before_blobs: bool, after_blobs: bool) -> None:  # noqa: FBT001 - drawn
    """The cost is the later image's new blobs, each once, and its config; it is exact if all blobs are known."""
    before, after = packed("1", old, blobs=before_blobs), packed("2", new, blobs=after_blobs)
    cost = subtract_images("a", before, after).cost
    missing = set(new) - set(old)
    assert cost is not None
    assert cost.bytes == 5 + sum(SIZES[name] for name in missing)
    assert cost.basis == ("exact" if after_blobs or not missing else "estimated")
    alone = subtract_images("a", None, after).cost
    assert alone == after.pull or (alone and not new)


def test_cost_of_no_change_and_of_the_unknown() -> None:
    """The same image costs nothing; without pull bytes in a record there is no cost."""
    same = packed("1", "abc", blobs=True)
    assert subtract_images("a", same, same).cost == Pull(bytes=0, basis="exact")
    assert subtract_images("a", same, image("a", "abc")).cost is None
    assert subtract_images("a", same, None).cost is None
