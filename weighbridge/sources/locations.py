"""Where an image is: its source, and its place there."""

from __future__ import annotations

from dataclasses import dataclass

DOCKER, ARCHIVE, OCI, REGISTRY = "docker", "archive", "oci", "registry"


@dataclass(frozen=True, slots=True)
class Location:
    """Where an image is."""

    source: str
    """A key of the table in `opener`."""
    place: str
    """A reference, or the path of a file or folder."""
    name: str = ""
    """Which image of an archive or a layout; empty: the only one."""
