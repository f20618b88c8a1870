"""Which images are meant: variants, or images with their source, each under one name."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from weighbridge.commands.choose import choose_images
from weighbridge.errors import SettingsError
from weighbridge.settings.project import check
from weighbridge.sources.locations import DOCKER, Location


def docker(variants: Mapping[str, str]) -> dict[str, Location]:
    """Return the locations of an engine's images."""
    return {variant: Location(DOCKER, reference) for variant, reference in variants.items()}


def test_wanted_images() -> None:
    """Images that are named take the variants' place; a wrong location and both at once are matters of settings."""
    settings = check({"variants": {"multi": {}, "single": {}}})
    assert choose_images(settings, ["multi"], []) == docker({"multi": "backend:multi"})
    assert list(choose_images(settings, [], [])) == ["multi", "single"]
    assert choose_images(settings, [], ["multi", "archive:a.tar#x:1"]) == {
        **docker({"multi": "backend:multi"}),
        "archive:a.tar#x:1": Location("archive", "a.tar", "x:1"),
    }
    assert choose_images(settings, [], ["multi=docker:shop:1", "x.y=multi", "archive:a=b.tar", "oci:c=d"]) == {
        **docker({"multi": "shop:1", "x.y": "backend:multi"}),
        "archive:a=b.tar": Location("archive", "a=b.tar"),
        "oci:c=d": Location("oci", "c=d"),
    }
    assert list(choose_images(settings, [], ["docker:x", "docker:x"])) == ["docker:x"]
    for images in (["a=docker:x", "a=docker:y"], ["multi", "multi=docker:y"]):
        with pytest.raises(SettingsError, match=r"^Two images are called (a|multi)[.] Name each"):
            choose_images(settings, [], images)
    with pytest.raises(SettingsError, match="Use one of them"):
        choose_images(settings, ["multi"], ["docker:x"])
    for text in ("nonsense", "docker:", "podman:x"):
        with pytest.raises(SettingsError, match=f"^{text} names no image. Write docker:REFERENCE, "):
            choose_images(settings, [], [text])
