"""Among which images the base of another may be, where an engine is at hand, fails, or is not there."""

from __future__ import annotations

from typing import cast

import pytest

from weighbridge.engine.local_images import LocalImages
from weighbridge.engine.protocol import Engine
from weighbridge.errors import EngineFault, NoSuchImage
from weighbridge.model.engine import LocalImage

IMAGE = LocalImage(reference="a:1", id="a", platform="linux/amd64", diff_ids=(), labels={}, user="", names=("a:1",))


class Having:
    """An engine of a few lines that has one image, or fails."""

    def __init__(self, error: EngineFault | None = None) -> None:
        self.error, self.listed = error, 0

    def inspect_image(self, reference: str) -> LocalImage:
        """Return the image of that name."""
        if self.error:
            raise self.error
        if reference != IMAGE.reference:
            raise NoSuchImage(reference)
        return IMAGE

    def list_named_images(self) -> tuple[LocalImage, ...]:
        """Return the image."""
        self.listed += 1
        if self.error:
            raise self.error
        return (IMAGE,)


def test_images_of_an_engine() -> None:
    """An image is found by its name, and all are listed once, however often they are asked for."""
    engine = Having()
    images = LocalImages(cast("Engine", engine))
    assert (images.find("a:1"), images.find("b:1")) == (IMAGE, None)
    assert [images.list_named() for _ in range(2)] == [(IMAGE,)] * 2
    assert engine.listed == 1


@pytest.mark.parametrize("engine", [None, Having(EngineFault("invalid reference format"))])
def test_nothing_to_ask(engine: Having | None) -> None:
    """Without an engine, or from one that does not understand, no image is known."""
    images = LocalImages(cast("Engine | None", engine))
    assert (images.find("a:1"), images.list_named()) == (None, ())
