"""What an image stands on: by what the build wrote down, or by the base image itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.build.labels import base_layer_labels
from weighbridge.image.base_image import NAME_LABEL, NOTHING_LABEL, told

LAYERS = st.lists(st.sampled_from(["sha256:a", "sha256:b", "sha256:e"]), max_size=5).map(tuple)


def nothing(_reference: str) -> None:
    """Know no image."""


@given(LAYERS, LAYERS)
def test_what_was_written_is_told(base: tuple[str, ...], own: tuple[str, ...]) -> None:
    """The number of the base's layers comes back without the base image, also where a layer comes twice."""
    written = {NAME_LABEL: "debian:slim", **base_layer_labels(base)}
    assert told(written, base + own, nothing) == (("debian:slim", len(base)) if base else None)


@given(LAYERS, LAYERS, LAYERS)
def test_label_that_does_not_fit_tells_nothing(
    base: tuple[str, ...], other: tuple[str, ...], own: tuple[str, ...]
) -> None:
    """Where the layer that it names does not stand there, the base image is asked for; it must be a prefix."""
    written = {NAME_LABEL: "debian:slim", **base_layer_labels(other)}
    fits = bool(other) and (base + own)[len(other) - 1 : len(other)] == other[-1:]
    found = told(written, base + own, lambda _: base)
    assert found == (("debian:slim", len(other)) if fits else ("debian:slim", len(base)) if base else None)


def test_no_name() -> None:
    """An image that names no base has none, whatever else it says."""
    assert told(base_layer_labels(("sha256:a",)), ("sha256:a",), lambda _: ("sha256:a",)) is None


def test_image_from_scratch() -> None:
    """What says that it stands on nothing has all layers of its own, whatever the build said of the usual base."""
    assert told({NOTHING_LABEL: "scratch", **base_layer_labels(("sha256:a",))}, ("sha256:a",), lambda _: None) == (
        "scratch",
        0,
    )
