"""Reads an image of a layout, in one step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from weighbridge.image.content import ImageContent
from weighbridge.sources import oci_layout
from weighbridge.sources.assembly import Known, know_nothing
from weighbridge.sources.blobs import Tally


def read_layout(
    path: Path,
    name: str = "",
    platform: str = "",
    *,
    known: Known = know_nothing,
    on_progress: Callable[[int], None] | None = None,
) -> ImageContent:
    """Return an image, all of whose layers this process reads."""
    return oci_layout.open_image(path, name, platform, known=known, tally=Tally(on_progress)).finish()
