"""The images of an engine among which the base of another image may be."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from weighbridge.errors import EngineFault, NoSuchImage

if TYPE_CHECKING:
    from weighbridge.engine.protocol import ImageStore
    from weighbridge.model.engine import LocalImage


class LocalImages:
    """The images of the engine that is at hand, if any; they are listed once."""

    def __init__(self, engine: ImageStore | None) -> None:
        self._engine = engine

    def find(self, reference: str) -> LocalImage | None:
        """Return the image of a name; None where there is none."""
        try:
            return self._engine.inspect_image(reference) if self._engine else None
        except (NoSuchImage, EngineFault):  # a fault: the label's text is no name that the engine understands
            return None

    def list_named(self) -> tuple[LocalImage, ...]:
        """Return all images that have a name; none if the engine cannot tell."""
        return self._named

    @cached_property
    def _named(self) -> tuple[LocalImage, ...]:
        try:
            return self._engine.list_named_images() if self._engine else ()
        except EngineFault:
            return ()
