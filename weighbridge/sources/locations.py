"""Names of images with their source: `docker:REF`, `archive:FILE`, `oci:PATH`, `registry:REF`."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.errors import SettingsError

DOCKER, ARCHIVE, OCI, REGISTRY = SOURCES = ("docker", "archive", "oci", "registry")
_FORMS = "docker:REFERENCE, archive:FILE[#NAME], oci:FOLDER-OR-FILE[#NAME] or registry:HOST/NAME[:TAG]"


@dataclass(frozen=True, slots=True)
class Location:
    """Where an image is."""

    source: str
    """One of `SOURCES`."""
    place: str
    """A reference, or the path of a file or folder."""
    name: str = ""
    """Which image of an archive or a layout; empty: the only one."""


def parse(text: str) -> Location:
    """Return the location that a text names.

    Raises:
        SettingsError: It names no source that there is, or nothing behind it.
    """
    source, _, place = text.partition(":")
    if source not in SOURCES or not place:
        raise SettingsError(f"{text or repr(text)} names no image", advice=f"Write {_FORMS}.")
    if source in (ARCHIVE, OCI):
        place, _, name = place.partition("#")
        return Location(source, place, name)
    return Location(source, place)
