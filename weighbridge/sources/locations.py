"""Where an image is: its source, and its place there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

SourceName = Literal["docker", "archive", "oci", "registry"]
"""A container engine, a file, an OCI layout, a registry."""
DOCKER: Final = "docker"
ARCHIVE: Final = "archive"
OCI: Final = "oci"
REGISTRY: Final = "registry"


@dataclass(frozen=True, slots=True)
class Location:
    """Where an image is."""

    source: SourceName
    place: str
    """A reference, or the path of a file or folder."""
    name: str = ""
    """The image's name in an archive or a layout; empty: the only image."""
