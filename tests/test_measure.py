"""An engine's images become a report whose sums hold."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, cast

import pytest

from tests.images import LAYOUTS, Entry, ImageSpec, hexdigest, tar_of
from weighbridge.engine import Engine
from weighbridge.errors import EngineFault, NoSuchImage
from weighbridge.measure import BASE_LABEL, measure
from weighbridge.model import Base, EngineIdentity, LocalImage, Report

IDENTITY = EngineIdentity(version="0", store="overlay2", platform="linux/amd64")
SYSTEM, TOOLS, APP = (Entry("os", b"1" * 100),), (Entry("a", b"22"), Entry("b", b"333")), (Entry("main.py", b"4444"),)

BASE = ImageSpec(tags=("debian:slim",), layers=(SYSTEM, TOOLS))
OTHER = ImageSpec(tags=("alpine:3",), layers=(TOOLS,))
NOTHING = ImageSpec(tags=("nothing:1",), layers=())


def built(base: str | None, variant: str = "multi") -> ImageSpec:
    """Return an image on BASE that names its base so."""
    return ImageSpec(
        tags=(f"backend:{variant}",),
        layers=(SYSTEM, TOOLS, APP),
        history=(
            {"created_by": "ADD x in /"},
            {"created_by": "RUN /bin/sh -c y # buildkit"},
            {"created_by": "ENV a=b", "empty_layer": True},
        ),
        labels={} if base is None else {BASE_LABEL: base},
    )


class Shelf:
    """An engine as far as `measure` needs one, with images of ours and the graph driver's or containerd's ids."""

    identity = IDENTITY

    def __init__(self, images: Sequence[ImageSpec], layout: str) -> None:
        self._images, self._layout, self.saves = images, layout, 0

    def image(self, reference: str) -> LocalImage:
        """Return an image; a name with a space is no name, as in the real engine."""
        if " " in reference:
            raise EngineFault("The engine says: invalid reference format")
        for spec in self._images:
            if reference in spec.tags:
                config = spec.config if self._layout.startswith("docker") else b"manifest"
                return LocalImage(
                    reference=reference,
                    id=f"sha256:{hexdigest(config)}",
                    platform="linux/amd64",
                    diff_ids=spec.diff_ids,
                    labels=spec.labels,
                    user="",
                )
        raise NoSuchImage(f"The engine has no image {reference}")

    @contextmanager
    def save(self, references: Sequence[str]) -> Iterator[BinaryIO]:
        """Yield the wanted images in the engine's layout."""
        self.saves += 1
        wanted = [spec for spec in self._images if set(references) & set(spec.tags)]
        yield io.BytesIO(tar_of(LAYOUTS[self._layout](wanted)))


def weigh(images: Sequence[ImageSpec], variants: dict[str, str], layout: str = "docker_20") -> Report:
    """Measure variants on an engine with these images, and hold what must hold of every report."""
    shelf = Shelf(images, layout)
    report = measure(cast("Engine", shelf), variants, recorded_at="2026-11-23T10:00:00Z", commit="c", dirty=True)
    assert shelf.saves == (1 if variants else 0)
    for image in report.images:
        assert image.shipped_bytes == sum(layer.shipped_bytes for layer in image.layers)
        assert image.file_count == sum(layer.file_count for layer in image.layers)
        assert [layer.index for layer in image.layers] == list(range(len(image.layers)))
    return report


@pytest.mark.parametrize("layout", ["docker_20", "docker_25", "containerd"])
def test_report_is_the_same_on_every_engine(layout: str) -> None:
    """Figures, instructions and base are those of the image, whatever the engine's store."""
    report = weigh([BASE, built("debian:slim")], {"multi": "backend:multi"}, layout)
    assert (report.recorded_at, report.commit, report.dirty, report.engine) == (
        "2026-11-23T10:00:00Z",
        "c",
        True,
        IDENTITY,
    )
    (image,) = report.images
    assert (image.variant, image.reference, image.source, image.platform) == (
        "multi",
        "backend:multi",
        "docker",
        "linux/amd64",
    )
    assert image.id == f"sha256:{hexdigest(built('debian:slim').config)}"
    assert [(layer.instruction, layer.in_base, layer.shipped_bytes, layer.file_count) for layer in image.layers] == [
        ("ADD x in /", True, 100, 1),
        ("RUN y", True, 5, 2),
        ("(missing)", False, 4, 1),
    ]
    assert image.base == Base(reference="debian:slim", layers=2, shipped_bytes=105)


@pytest.mark.parametrize("base", [None, "", " ", "gone:1", "no name", "alpine:3", "nothing:1", "backend:larger"])
def test_base_that_is_not_known(base: str | None) -> None:
    """No label, no such image, no valid name, or an image that this one does not stand on: there is no base."""
    larger = ImageSpec(tags=("backend:larger",), layers=(SYSTEM, TOOLS, APP, APP))
    (image,) = weigh([BASE, OTHER, NOTHING, larger, built(base)], {"multi": "backend:multi"}).images
    assert image.base is None
    assert not any(layer.in_base for layer in image.layers)


def test_two_variants_of_one_image_both_come_out() -> None:
    """Variants keep their order, also where names or bytes are the same."""
    image = built(None)
    twin = ImageSpec(tags=("backend:multi", "backend:twin"), layers=image.layers, history=image.history)
    variants = {"b": "backend:twin", "a": "backend:multi", "c": "backend:multi"}
    report = weigh([twin], variants)
    assert [(one.variant, one.reference) for one in report.images] == list(variants.items())
    assert len({one.id for one in report.images}) == 1


def test_image_that_is_missing_is_told_before_anything_is_read() -> None:
    """The engine is asked for every image at once, and nothing is saved where one is missing."""
    shelf = Shelf([BASE], "docker_20")
    with pytest.raises(NoSuchImage, match="no image backend:multi"):
        measure(
            cast("Engine", shelf), {"a": "debian:slim", "b": "backend:multi"}, recorded_at="", commit=None, dirty=False
        )
    assert shelf.saves == 0


def test_image_without_layers_and_no_image_at_all() -> None:
    """Nothing weighs nothing."""
    (image,) = weigh([NOTHING], {"x": "nothing:1"}).images
    assert (image.shipped_bytes, image.file_count, image.layers) == (0, 0, ())
    assert weigh([], {}).images == ()
