"""What an image stands on: by what its build wrote down, by the base image, or by the layers of the engine's images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.image.base_image import (
    FROM_LABEL,
    NAME_LABEL,
    NOTHING_LABEL,
    TOP_LABEL,
    find_deepest,
    read_base_label,
)
from weighbridge.model.engine import LocalImage

LAYERS = st.lists(st.sampled_from(["sha256:a", "sha256:b", "sha256:e"]), max_size=5).map(tuple)


def top(base: Sequence[str]) -> dict[str, str]:
    """Return the label by which a build tells the layers of its base."""
    return {TOP_LABEL: f"{len(base)} {base[-1]}"} if base else {}


def nothing(_reference: str) -> None:
    """Know no image."""


@given(LAYERS, LAYERS)
def test_what_was_written_is_read(base: tuple[str, ...], own: tuple[str, ...]) -> None:
    """The number of the base's layers comes back without the base image, also where a layer comes twice."""
    written = {NAME_LABEL: "debian:slim", **top(base)}
    assert read_base_label(written, base + own, nothing) == (("debian:slim", len(base), "label") if base else None)
    read = {**written, FROM_LABEL: "debian:slim"}
    assert read_base_label(read, base + own, nothing) == (("debian:slim", len(base), "dockerfile") if base else None)


@given(LAYERS, LAYERS, LAYERS, st.sampled_from(["", "debian:slim", "other:1", "scratch"]))
def test_label_that_does_not_fit_tells_nothing(
    base: tuple[str, ...], other: tuple[str, ...], own: tuple[str, ...], read: str
) -> None:
    """Where the layer that it names does not stand there, the base image is asked for; it must be a prefix.

    A number of layers that belongs to another name was inherited, and says nothing.
    """
    written = {NAME_LABEL: "debian:slim", FROM_LABEL: read, **top(other)}
    fits = bool(other) and (base + own)[len(other) - 1 : len(other)] == other[-1:] and read in {"", "debian:slim"}
    count, known_by = len(other) if fits else len(base), "dockerfile" if read == "debian:slim" else "label"
    found = read_base_label(written, base + own, lambda _: base)
    assert found == (("debian:slim", count, known_by) if count else None)


def test_no_name() -> None:
    """An image that names no base has none, whatever else it says."""
    for read in ({}, {FROM_LABEL: "x:1"}):
        assert read_base_label({**top(("sha256:a",)), **read}, ("sha256:a",), lambda _: ("sha256:a",)) is None


def test_image_from_scratch() -> None:
    """What says that it stands on nothing has all layers of its own, whatever the build said of the usual base."""
    layers = ("sha256:a",)
    assert read_base_label({NOTHING_LABEL: "scratch", **top(layers)}, layers, nothing) == ("scratch", 0, "label")
    assert read_base_label({FROM_LABEL: "scratch", **top(layers)}, layers, nothing) == ("scratch", 0, "dockerfile")
    both = {NOTHING_LABEL: "scratch", FROM_LABEL: "scratch"}
    assert read_base_label(both, layers, nothing) == ("scratch", 0, "dockerfile")


def test_image_on_an_image_from_scratch() -> None:
    """What the build read comes before what an image inherits of one that stands on nothing."""
    labels = {NOTHING_LABEL: "scratch", NAME_LABEL: "app:1", FROM_LABEL: "app:1", TOP_LABEL: "1 sha256:a"}
    assert read_base_label(labels, ("sha256:a", "sha256:b"), nothing) == ("app:1", 1, "dockerfile")


NAMES = st.sampled_from(
    [
        "app:1",
        "app:2",
        "docker.io/library/app:3",
        "debian:slim",
        "debian:12",
        "alpine",
        "x/debian:12",
        "localhost:5000/app:1",
    ]
)
IMAGES = st.lists(
    st.builds(
        LocalImage,
        reference=st.just(""),
        id=st.just(""),
        platform=st.just(""),
        diff_ids=LAYERS,
        labels=st.just({}),
        user=st.just(""),
        names=st.lists(NAMES, max_size=3, unique=True).map(tuple),
    ),
    max_size=6,
)


@given(LAYERS, IMAGES, st.sets(NAMES, min_size=1, max_size=2))
def test_deepest_prefix(diff_ids: tuple[str, ...], images: list[LocalImage], own: set[str]) -> None:
    """A search from the deepest prefix down, name by name in the order of preference, finds the same."""
    official = ["app:1", "app:2", "alpine", "debian:12", "debian:slim", "docker.io/library/app:3"]
    preferred = [*official, "x/debian:12", "localhost:5000/app:1"]
    repositories = {name: name.rpartition(":")[0].removeprefix("docker.io/library/") or name for name in preferred}
    expected = None
    for count in range(len(diff_ids) - 1, 0, -1):
        for name in preferred:
            for image in images:
                others = {repositories[each] for each in image.names}
                if (
                    name in image.names
                    and image.diff_ids == diff_ids[:count]
                    and not others & {repositories[o] for o in own}
                ):
                    expected = expected or (name, count)
    assert find_deepest(diff_ids, own, images) == expected


def test_order_of_images_does_not_matter() -> None:
    """The same images in another order give the same base."""
    image = LocalImage(reference="", id="", platform="", diff_ids=("a",), labels={}, user="", names=("x/b:1", "c:10"))
    images = [image, replace(image, names=("b:2", "a/a:1")), replace(image, names=("b:1",))]
    for given_images in (images, images[::-1]):
        assert find_deepest(("a", "b"), ["own"], given_images) == ("b:1", 1)
