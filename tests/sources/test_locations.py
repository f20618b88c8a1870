"""Names of images with their source."""

from __future__ import annotations

import pytest

from weighbridge.errors import SettingsError
from weighbridge.sources.locations import Location, parse


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("docker:localhost:5000/a:1", Location("docker", "localhost:5000/a:1")),
        ("docker:a#b", Location("docker", "a#b")),
        ("archive:x.tar", Location("archive", "x.tar")),
        ("archive:x.tar#a:1", Location("archive", "x.tar", "a:1")),
        ("oci:folder#a#b", Location("oci", "folder", "a#b")),
        ("registry:h.example/a@sha256:0", Location("registry", "h.example/a@sha256:0")),
    ],
)
def test_location(text: str, location: Location) -> None:
    """The source stands before the first colon; only what holds several images has a name behind a `#`."""
    assert parse(text) == location


@pytest.mark.parametrize("text", ["", "multi", "docker:", "archive", "tar:x", "Docker:a", ":a"])
def test_no_location(text: str) -> None:
    """What names no source, or nothing behind it, is told with the forms that there are."""
    with pytest.raises(SettingsError, match=r"names no image. Write docker:REFERENCE, archive:FILE") as caught:
        parse(text)
    assert str(caught.value).startswith(text or "''")
