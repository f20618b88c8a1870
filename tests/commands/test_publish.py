"""Where variants are pushed to, and whether what a registry has is what was proven. Real pushes: `tests/live`."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.support.images import Entry, ImageSpec, OciBlobs
from tests.support.registries import Registry
from weighbridge.commands import publish
from weighbridge.errors import PushRefused, SettingsError

SPEC = ImageSpec(tags=(), layers=((Entry("a", b"1"),),))
OTHER = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("text", "variants", "expected"),
    [
        ("h.example/x:1", ["multi"], {"multi": "h.example/x:1"}),
        ("h.example:5000/a/x", ["multi"], {"multi": "h.example:5000/a/x:latest"}),
        ("h.example/x:1", ["a", "b"], {"a": "h.example/x:1-a", "b": "h.example/x:1-b"}),
        ("h.example/x", ["a", "b"], {"a": "h.example/x:latest-a", "b": "h.example/x:latest-b"}),
        ("team/x:1", ["multi"], {"multi": "docker.io/team/x:1"}),
        (None, ["multi"], {}),
    ],
)
def test_targets(text: str | None, variants: list[str], expected: dict[str, str]) -> None:
    """One variant takes the name as it is; of several, each adds its own to the tag."""
    assert {name: str(target) for name, target in publish.choose_targets(text, variants).items()} == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Q", "--push Q: Q is not the name of an image. Write it as HOST/NAME:TAG"),
        ("https://h.example/x:1", "is not the name of an image. "),
        (f"h.example/x@{OTHER}", "has a digest, which only the push itself determines. Give a tag instead."),
        (f"h.example/x:{'t' * 127}", "is not the name of an image. "),
    ],
)
def test_no_target(text: str, said: str) -> None:
    """What is no name, or becomes none by what is added to it, is refused as the user's own word."""
    with pytest.raises(SettingsError) as caught:
        publish.choose_targets(text, ["a", "b"])
    assert said in str(caught.value)


def test_what_the_registry_has() -> None:
    """The image is the proven one by its config, as a graph driver calls it, or by its manifest, as containerd does."""
    blobs = OciBlobs()
    manifest = blobs.add_image(SPEC)
    config = json.loads(blobs.by_digest[manifest["digest"]])["config"]["digest"]
    index = blobs.add_index(manifest)
    with Registry(blobs, {}) as registry:
        name = f"{registry.host}/x"
        publish._verify(f"{name}@{manifest['digest']}", config)
        publish._verify(f"{name}@{manifest['digest']}", manifest["digest"])
        publish._verify(f"{name}@{index['digest']}", index["digest"])
        for digest, image_id in ((manifest["digest"], OTHER), (index["digest"], manifest["digest"])):
            with pytest.raises(PushRefused, match=r"is not sha256:[0-9a-f]{12}…, the image that was tested"):
                publish._verify(f"{name}@{digest}", image_id)
        assert {request.kind for request in registry.requests} == {"manifests"}, "no blob is fetched"


def test_registry_that_lies() -> None:
    """What comes for a digest must have it; else the push cannot be checked, and that is said."""
    blobs = OciBlobs()
    manifest = blobs.add_image(SPEC)
    lie = {"digest": manifest["digest"]}
    claimed = f"sha256:{hashlib.sha256(b'x').hexdigest()}"
    tags: dict[str, dict[str, Any]] = {claimed: lie}
    with Registry(blobs, tags) as registry:
        reference = f"{registry.host}/x@{claimed}"
        with pytest.raises(PushRefused, match=r"was pushed, but cannot be checked: .* has another digest"):
            publish._verify(reference, claimed)
        with pytest.raises(PushRefused, match=r"was pushed, but cannot be checked: .* has no x@"):
            publish._verify(f"{registry.host}/x@{OTHER}", OTHER)
