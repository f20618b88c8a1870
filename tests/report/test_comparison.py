"""Decides which images can be compared, and returns a comparison or a refusal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reports import MB, OFFICIAL, image, report
from weighbridge.model.report import Base, Image, KnownBy, Layer, LedgerRow, Pull
from weighbridge.report.comparison import (
    NOISE_BYTES,
    Comparison,
    Refusal,
    compare_images,
    compare_reports,
    find_largest,
    find_pull_basis,
    find_refusals,
    find_repository,
)

STANDIN = "weighbridge/python:3.13-slim-trixie"
KNOWN_BY = "the earlier image's base is known by"
IN_ONE_WAY = "measure both again in the same way: both built by `invoke build`, or both in the engine"
WHERE_KNOWN = (
    "measure both again where their bases are known: both built by `invoke build`, or both in the engine, with the base"
)
WAYS: tuple[KnownBy, ...] = ("dockerfile", "label", "layers")


def on(reference: str | None, known_by: KnownBy | None = None) -> dict[str, Any]:
    """Return the fields of an image with that base."""
    base = Base(reference=reference, layers=1, shipped_bytes=100 * MB, known_by=known_by) if reference else None
    return {"base": base}


def compare(before: Image, after: Image) -> Comparison:
    """Return the comparison of two images that can be compared."""
    found = compare_images("multi", before, after)
    assert isinstance(found, Comparison)
    return found


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ({"ledger": ()}, {}, "the earlier image was recorded without a ledger; measure it again"),
        ({}, {"ledger": ()}, "the later image was recorded without a ledger; measure it again"),
        (
            {"platform": "linux/arm64"},
            {},
            "the earlier image is for linux/arm64, the later one for linux/amd64; measure both for one platform",
        ),
        (
            on(STANDIN),
            {},
            f"the earlier image stands on {STANDIN}, the later one on {OFFICIAL}; measure both on one base",
        ),
        (
            {},
            on("scratch"),
            f"the earlier image stands on {OFFICIAL}, the later one on scratch; measure both on one base",
        ),
        (
            on(None),
            {},
            f"the earlier image stands on an unknown base, the later one on {OFFICIAL}; {WHERE_KNOWN}",
        ),
        (
            on("a:5000/python:3.13"),
            {},
            f"the earlier image stands on a:5000/python:3.13, the later one on {OFFICIAL}; measure both on one base",
        ),
        (
            on(OFFICIAL, "layers"),
            on(OFFICIAL, "dockerfile"),
            f"{KNOWN_BY} a search by layers, the later one's by the build's Dockerfile; {IN_ONE_WAY}",
        ),
        (
            on(OFFICIAL),
            on(OFFICIAL, "layers"),
            f"{KNOWN_BY} the image's label, the later one's by a search by layers; {IN_ONE_WAY}",
        ),
        (
            on(OFFICIAL, "dockerfile"),
            on(OFFICIAL, "label"),
            f"{KNOWN_BY} the build's Dockerfile, the later one's by the image's label; {IN_ONE_WAY}",
        ),
    ],
)
def test_unlike_figures_are_refused(before: dict[str, Any], after: dict[str, Any], reason: str) -> None:
    """Images that cannot be compared are not subtracted; the refusal has the reason and the advice."""
    found = compare_images("multi", image(**before), image(**after))
    assert isinstance(found, Refusal)
    assert str(found) == reason
    assert found.variant == "multi"


@pytest.mark.parametrize(
    ("before", "after", "is_one"),
    [
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/x86_64", "linux/amd64", True),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/arm", "linux/arm/v6", False),
        ("linux/amd64", "linux/amd64/v2", False),
        ("linux/arm/v7", "linux/arm64", False),
        ("unknown/unknown", "linux/amd64", False),
        ("unknown/unknown", "unknown/unknown", True),
    ],
)
def test_names_of_platforms(before: str, after: str, *, is_one: bool) -> None:
    """Two names of one platform, by containerd's rules, do not prevent a comparison; another variant does."""
    for old, new in ((before, after), (after, before)):
        found = [each.obstacle for each in find_refusals("multi", image(platform=old), image(platform=new))]
        assert found == ([] if is_one else ["platform"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OFFICIAL, "python:3.14-alpine"),
        (OFFICIAL, "docker.io/library/python:3.13"),
        (OFFICIAL, "python@sha256:1f"),
        ("other.example:5000/python", "other.example:5000/python:3.13@sha256:1f"),
        (None, None),
    ],
)
def test_another_version_of_the_base_is_drift(before: str | None, after: str | None) -> None:
    """Images with different tags or digests of one base are compared, and so are two images with unknown bases."""
    assert compare(image(**on(before)), image(**on(after), base_mb=103)).delta_bytes == 3 * MB


@given(st.sampled_from([None, *WAYS]), st.sampled_from([None, *WAYS]))
def test_bases_known_in_unlike_ways_are_refused(before: KnownBy | None, after: KnownBy | None) -> None:
    """A record without a way counts as known by label, and is compared with all but a search by layers."""
    found = compare_images("multi", image(**on(OFFICIAL, before)), image(**on(OFFICIAL, after)))
    alike = before == after or (None in (before, after) and "layers" not in (before, after))
    assert isinstance(found, Comparison) == alike


def test_all_obstacles_are_named_in_their_order() -> None:
    """Every obstacle is found, the most important first; another base is not also reported as known in another way."""
    found = find_refusals(
        "multi",
        image(platform="linux/arm64", ledger=(), **on(STANDIN, "label")),
        image(**on(OFFICIAL, "layers")),
    )
    assert [each.obstacle for each in found] == ["platform", "base", "ledger"]


def test_base_that_is_known_in_one_image_alone() -> None:
    """A known base and an unknown one are two bases, whichever is the earlier."""
    reason = f"the earlier image stands on {OFFICIAL}, the later one on an unknown base; {WHERE_KNOWN}"
    assert [str(each) for each in find_refusals("multi", image(), image(**on(None)))] == [reason]


def test_repository() -> None:
    """A base's repository is its name without what differs between versions; an unknown base has none."""
    assert find_repository(Base(reference="docker.io/library/python:3.13", layers=1, shipped_bytes=1)) == "python"
    assert find_repository(None) is None


ESTIMATED = Pull(bytes=45 * MB, basis="estimated")


def test_pull_basis() -> None:
    """An image tells how its pull is known; an image without the figure, and no image, tell nothing."""
    assert [find_pull_basis(each) for each in (image(), image(pull=ESTIMATED), image(pull=None), None)] == [
        "exact",
        "estimated",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("before", "after", "cost"),
    [
        (image(redis_mb=30), image(redis_mb=33), Pull(bytes=11_001_000, basis="exact")),
        (None, image(redis_mb=30), Pull(bytes=46_667_666, basis="exact")),
        (image(redis_mb=30, pull=ESTIMATED), image(redis_mb=33), None),
        (image(redis_mb=30, pull=None), image(redis_mb=33), None),
        (image(redis_mb=30), None, None),
    ],
)
def test_cost_of_the_change(before: Image | None, after: Image | None, cost: Pull | None) -> None:
    """A node pulls the new layers and the config; exact and estimated bytes do not mix, so then it is unknown."""
    found = compare_images("multi", before, after)
    assert isinstance(found, Comparison)
    assert found.difference.cost == cost


def test_image_without_bytes_needs_no_ledger() -> None:
    """An image without bytes is compared without a ledger."""
    empty = image(ledger=(), layers=(), shipped_bytes=0)
    assert compare(empty, image()).delta_bytes == 140 * MB


def test_records_without_ledgers_are_compared_by_layers() -> None:
    """If neither record has a ledger, the added and removed layers are the causes."""
    found = compare(image(ledger=()), image(ledger=(), redis_mb=33))
    assert [(cause.category, cause.delta_bytes) for cause in found.growth.causes] == [
        ("layer", 33 * MB),
        ("layer", -30 * MB),
    ]


@pytest.mark.parametrize(
    ("delta", "is_noise"), [(NOISE_BYTES - 1, True), (NOISE_BYTES, False), (1 - NOISE_BYTES, True)]
)
def test_noise_is_below_the_limit(delta: int, is_noise: bool) -> None:  # noqa: FBT001 - a parameter of the case
    """A change as large as the limit counts; one byte less, in either direction, is noise."""
    after = image(shipped_bytes=140 * MB + delta)
    assert compare(image(), after).is_noise == is_noise
    found = compare_images("multi", image(), after, noise_bytes=abs(delta) + 1)
    assert isinstance(found, Comparison)
    assert found.is_noise


def test_largest_growth_is_told_first() -> None:
    """Growth above the noise comes before any shrinking, and noise before no change."""
    grown, shrunk = compare(image(), image(redis_mb=31)), compare(image(), image(redis_mb=10))
    slight, same = compare(image(), image(shipped_bytes=140 * MB + 5)), compare(image(), image())
    assert find_largest((same, shrunk, grown, slight)) is grown
    assert find_largest((same, shrunk, slight)) is shrunk
    assert find_largest((same, slight)) is slight


def test_growth_as_large_as_the_noise_is_told_first() -> None:
    """Growth at the noise limit counts as growth, and one byte less as none."""
    shrunk = compare(image(), image(redis_mb=10))
    at, below = (compare(image(), image(shipped_bytes=140 * MB + delta)) for delta in (10_000, 9_999))
    assert find_largest((shrunk, at)) is at
    assert find_largest((shrunk, below)) is shrunk


def test_reports_are_compared_by_variant() -> None:
    """Every variant of either report is compared, the later report's first; a missing one counts as no image."""
    before = report(image("multi"), image("gone"), image("arm", platform="linux/arm64"))
    found = compare_reports(before, report(image("new"), image("arm"), image("multi")))
    assert [each.variant for each in found] == ["new", "arm", "multi", "gone"]
    new, arm, multi, gone = found
    assert isinstance(arm, Refusal)
    assert [each.delta_bytes for each in (new, multi, gone) if isinstance(each, Comparison)] == [140 * MB, 0, -140 * MB]


def test_noise_of_reports() -> None:
    """The caller's noise limit holds in every pair; without one, it is 10 kB."""
    before, after = report(image("multi"), image("gone")), report(image("multi"), image("new"))
    for found, noise in (
        (compare_reports(before, after), 10_000),
        (compare_reports(before, after, noise_bytes=7), 7),
    ):
        assert [each.noise_bytes for each in found if isinstance(each, Comparison)] == [noise] * 3


KINDS = ("debian", "python", "bytecode", "unowned")
Stacked = tuple[str, str, int]
"""A layer's name, the kind of its one owner, and its bytes."""
STACKS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from(KINDS), st.integers(1, 3)), max_size=6, unique=True
)


def stack(layers: list[Stacked], depth: int) -> Image:
    """Return an image of these layers; the first ones are its base."""
    depth = min(depth, len(layers))
    ledger = tuple(
        LedgerRow(category="base", kind=kind, name=name, version=None, bytes=size)
        if index < depth
        else LedgerRow(category=kind, name=name, version=None, bytes=size)
        for index, (name, kind, size) in enumerate(layers)
    )
    return Image(
        variant="multi",
        reference="x",
        source="docker",
        id="sha256:0",
        platform="linux/amd64",
        shipped_bytes=sum(size for *_, size in layers),
        file_count=1,
        base=Base(reference="b", layers=depth, shipped_bytes=sum(size for *_, size in layers[:depth])),
        layers=tuple(
            Layer(
                index=index,
                diff_id=f"{name}-{kind}-{size}",
                instruction="RUN",
                in_base=index < depth,
                shipped_bytes=size,
                file_count=1,
            )
            for index, (name, kind, size) in enumerate(layers)
        ),
        ledger=ledger,
    )


@given(STACKS, STACKS, st.integers(0, 6), st.integers(0, 6))
def test_layer_that_stayed_is_no_cause(old: list[Stacked], new: list[Stacked], before: int, after: int) -> None:
    """A layer in both images causes nothing, even if only one of them counts it to its base."""
    growth = compare(stack(old, before), stack(new, after)).growth
    assert sum(cause.delta_bytes for cause in growth.causes) == growth.delta_bytes
    came, went = set(new[:after]) - set(old), set(old[:before]) - set(new)
    assert growth.base_bytes == sum(size for *_, size in came) - sum(size for *_, size in went)
    if sorted(old) == sorted(new):
        assert growth.causes == ()


def test_base_that_took_over_a_layer_changes_nothing() -> None:
    """If a newer base includes one of our layers, nothing grew and no package went: the layers are the same."""
    layers: list[Stacked] = [("libc6", "debian", 7), ("ffmpeg", "debian", 113), ("app", "python", 5)]
    found = compare(stack(layers, 1), stack(layers, 2))
    assert found.growth == replace(found.growth, delta_bytes=0, base_bytes=0, causes=())
    assert {row.change for row in found.difference.layers} == {"same"}
