"""An engine as far as it is asked for images: in memory, with ids and a save stream like those of real engines."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from tests.support.images import LAYOUTS, ImageSpec, hexdigest, tar_of
from weighbridge.errors import EngineFault, NoSuchImage
from weighbridge.model.engine import DataRoot, LocalImage
from weighbridge.model.report import EngineIdentity

IDENTITY = EngineIdentity(version="0", store="overlay2", platform="linux/amd64")


class Shelf:
    """An engine with images of ours and the graph driver's or containerd's ids."""

    identity = IDENTITY
    can_save_at_once = False
    data_root = DataRoot(path="", store="overlay2", obstacle="the engine is in memory")

    def __init__(self, images: Sequence[ImageSpec], layout: str) -> None:
        self._images, self._layout, self.saves = images, layout, 0
        self.listed = 0

    def inspect_image(self, reference: str) -> LocalImage:
        """Return an image; a name with a space is no name, as in the real engine."""
        if " " in reference:
            raise EngineFault("The engine says: invalid reference format")
        for spec in self._images:
            if reference in spec.tags:
                config = spec.config if self._layout.startswith("docker") else b"manifest of " + spec.config
                return LocalImage(
                    reference=reference,
                    id=f"sha256:{hexdigest(config)}",
                    platform="linux/amd64",
                    diff_ids=spec.diff_ids,
                    labels=spec.labels,
                    user="",
                    names=spec.tags,
                    size_bytes=sum(map(len, spec.archives)),
                )
        raise NoSuchImage(f"The engine has no image {reference}")

    def has_image(self, reference: str) -> bool:
        """Tell whether an image has that name."""
        return any(reference in spec.tags for spec in self._images)

    def list_named_images(self) -> tuple[LocalImage, ...]:
        """Return all of them that have a name."""
        self.listed += 1
        return tuple(self.inspect_image(spec.tags[0]) for spec in self._images if spec.tags)

    @contextmanager
    def save(self, references: Sequence[str]) -> Iterator[BinaryIO]:
        """Yield the wanted images in the engine's layout."""
        self.saves += 1
        wanted = [spec for spec in self._images if set(references) & set(spec.tags)]
        yield io.BytesIO(tar_of(LAYOUTS[self._layout](wanted)))
