"""The causes of growth add up to the byte, with the base image's drift as a separate cause."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.model.report import Base, Image, Layer, LedgerRow
from weighbridge.report.difference import LedgerDifference, VariantDifference, subtract_images
from weighbridge.report.growth import Growth, explain_growth

CATEGORIES = ("base", "debian", "python", "bytecode", "application", "unowned", "wasted")


Owned = dict[tuple[str, str], int]
"""Bytes by category and name."""


def image(rows: Owned, *, ledger: bool = True) -> Image:
    """Return an image with one layer per category and these owners."""
    sizes = {category: sum(size for (each, _), size in rows.items() if each == category) for category in CATEGORIES}
    layers = tuple(
        Layer(
            index=index,
            diff_id=f"{category}:{size}",
            instruction=category,
            in_base=None,
            shipped_bytes=size,
            file_count=1,
        )
        for index, (category, size) in enumerate(sizes.items())
    )
    return Image(
        variant="x",
        reference="x",
        source="archive",
        id=f"sha256:{hash(tuple(rows.items()))}",
        platform="linux/amd64",
        shipped_bytes=sum(rows.values()),
        file_count=1,
        base=Base(reference="b", layers=1, shipped_bytes=sum(rows[key] for key in rows if key[0] == "base")),
        layers=layers,
        ledger=tuple(
            LedgerRow(category=category, name=name, version=None, bytes=size)
            for (category, name), size in rows.items()
            if ledger
        ),
    )


LEDGERS = st.dictionaries(
    st.tuples(st.sampled_from(CATEGORIES), st.sampled_from("abcdef")), st.integers(0, 10**9), max_size=20
)


@given(before=LEDGERS, after=LEDGERS, ledger=st.booleans(), count=st.integers(1, 5))
def test_causes_are_closed(before: Owned, after: Owned, *, ledger: bool, count: int) -> None:
    """The causes add up, with and without a ledger, and even if the smaller ones are merged."""
    difference = subtract_images("x", image(before, ledger=ledger), image(after, ledger=ledger))
    grown = explain_growth(difference)
    assert sum(cause.delta_bytes for cause in grown.causes) == grown.delta_bytes == difference.delta_bytes
    shown, rest = grown.split_largest(count)
    assert (*shown, *rest) == grown.causes
    assert len(rest) != 1
    sizes = [abs(cause.delta_bytes) for cause in grown.causes]
    assert sizes == sorted(sizes, reverse=True)
    if ledger:
        base = sum(size for (category, _), size in after.items() if category == "base")
        assert grown.base_bytes == base - sum(size for (category, _), size in before.items() if category == "base")
        assert grown.own_bytes == difference.delta_bytes - grown.base_bytes


def test_base_is_one_cause() -> None:
    """All changes of the base image are one cause, and it contains nothing else."""
    grown = explain_growth(
        subtract_images(
            "x",
            image({("base", "a"): 5, ("base", "b"): 7, ("python", "c"): 1}),
            image({("base", "a"): 9, ("base", "b"): 1, ("python", "c"): 2}),
        )
    )
    assert [(cause.category, cause.name, cause.delta_bytes) for cause in grown.causes] == [
        ("base", "", -2),
        ("python", "c", 1),
    ]
    assert [(part.name, part.delta_bytes) for part in grown.causes[0].parts] == [("b", -6), ("a", 4)]


def test_what_is_hidden_of_the_base_is_no_drift() -> None:
    """A base of the same size has no drift, whatever a later layer hides of it, and the sum still holds."""
    before = image({("base", "a"): 30, ("python", "c"): 1})
    after = image({("base", "a"): 0, ("python", "c"): 1, ("debian", "a"): 30, ("wasted", "metadata-only"): 30})
    shipped = replace(after, base=before.base, layers=(*before.layers[:1], *after.layers[1:]))
    grown = explain_growth(subtract_images("x", before, shipped))
    assert (grown.base_bytes, grown.own_bytes, grown.delta_bytes) == (0, 30, 30)
    assert sum(cause.delta_bytes for cause in grown.causes) == 30
    assert ("wasted", "of-the-base", -30) in [(each.category, each.name, each.delta_bytes) for each in grown.causes]


def test_nothing_changed() -> None:
    """Without a change there are no causes."""
    same = image({("base", "a"): 5})
    assert explain_growth(subtract_images("x", same, same)) == Growth(delta_bytes=0, base_bytes=0, causes=())


def test_shrinking_comes_by_its_size() -> None:
    """Causes are sorted by absolute size, whether they added or removed bytes."""
    rows = [("a", 1), ("b", -9), ("c", 2)]
    ledger = tuple(
        LedgerDifference(
            category="python",
            name=name,
            before_version=None,
            after_version=None,
            before_bytes=10,
            after_bytes=10 + delta,
            delta_bytes=delta,
        )
        for name, delta in rows
    )
    told = explain_growth(
        VariantDifference(
            variant="x",
            before_bytes=10,
            after_bytes=4,
            delta_bytes=-6,
            layers=(),
            ledger=ledger,
        )
    )
    assert [cause.name for cause in told.causes] == ["b", "c", "a"]
