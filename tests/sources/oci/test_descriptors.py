"""Descriptors: which fields have to be right, what counts as nothing, and what a descriptor says of its document."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from weighbridge.model.platform import Platform
from weighbridge.sources.oci.descriptors import Descriptor

DIGEST = f"sha256:{'0' * 64}"
OCI, DOCKER = "application/vnd.oci.image", "application/vnd.docker"
FOREIGN = f"{DOCKER}.image.rootfs.foreign.diff.tar.gzip"


def described(**fields: Any) -> Descriptor:
    """Return a descriptor of one byte, with these fields as JSON has them."""
    return Descriptor.model_validate({"digest": DIGEST, "size": 1} | fields)


def test_what_is_left_out_is_empty() -> None:
    """A descriptor needs a digest and a size; every other field is empty without a value, and so it is with null."""
    optional = ("mediaType", "artifactType", "platform", "urls", "annotations")
    for found in (described(), described(**dict.fromkeys(optional))):
        assert (found.digest, found.size) == (DIGEST, 1)
        assert (found.media_type, found.artifact_type, found.platform, found.urls) == ("", "", None, ())
        assert found.annotations == {}


@pytest.mark.parametrize("missing", ["digest", "size"])
def test_what_has_to_be_there(missing: str) -> None:
    """A descriptor without digest or size is none."""
    with pytest.raises(ValidationError) as caught:
        Descriptor.model_validate({name: value for name, value in (("digest", DIGEST), ("size", 1)) if name != missing})
    assert [error["loc"] for error in caught.value.errors()] == [(missing,)]


@pytest.mark.parametrize(
    "digest", [DIGEST, "sha512:0", "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8=_-"]
)
def test_digests_of_the_specification(digest: str) -> None:
    """Every digest of the grammar in descriptor.md is one, whatever its algorithm."""
    assert described(digest=digest).digest == digest


@pytest.mark.parametrize(
    "digest", ["", "sha256", "sha256:", ":0", "SHA256:0", "sha256:0/1", "sha+:0", "a:b:c", "a:b\n"]
)
def test_texts_that_are_no_digest(digest: str) -> None:
    """What the grammar does not allow, such as a path, is no digest."""
    with pytest.raises(ValidationError):
        described(digest=digest)


@pytest.mark.parametrize(("size", "fits"), [(-1, False), (0, True), (2**63 - 1, True), (2**63, False)])
def test_sizes_at_their_limits(size: int, *, fits: bool) -> None:
    """A size is a signed number of 64 bits, as the specification has it, and not below zero."""
    if fits:
        assert described(size=size).size == size
    else:
        with pytest.raises(ValidationError):
            described(size=size)


@pytest.mark.parametrize(
    ("told", "platform"),
    [
        ("linux/amd64", None),
        (["linux", "amd64"], None),
        ({}, None),
        ({"os": None, "architecture": 5, "variant": ["v7"], "os.version": "10.0"}, None),
        ({"os": "windows"}, Platform("windows", "", "")),
        ({"architecture": "arm64"}, Platform("", "arm64", "")),
        ({"variant": "v7"}, Platform("", "", "v7")),
        ({"os": "linux", "architecture": "arm", "variant": "v7", "features": ["x"]}, Platform("linux", "arm", "v7")),
        ({"os": "linux", "architecture": "arm64", "variant": None}, Platform("linux", "arm64", "")),
    ],
)
def test_platform(told: Any, platform: Platform | None) -> None:
    """A platform has those of its three parts that are text; without any of them, the descriptor tells none."""
    assert described(platform=told).platform == platform


@pytest.mark.parametrize(
    ("told", "urls"),
    [
        ("https://example.com/a", ()),
        ({"0": "https://example.com/a"}, ()),
        ([], ()),
        (
            [5, "https://example.com/a", None, "https://example.com/b"],
            ("https://example.com/a", "https://example.com/b"),
        ),
    ],
)
def test_urls(told: Any, urls: tuple[str, ...]) -> None:
    """Of a list of addresses, those that are text count, in their order; what is no list holds none."""
    assert described(urls=told).urls == urls


def test_annotations() -> None:
    """An annotation is found by its name; one that is missing, null or no text is empty."""
    found = described(annotations={"a": "1", "b": None, "c": 3})
    assert [found.get_annotation(name) for name in ("a", "b", "c", "d")] == ["1", "", "", ""]
    assert described(annotations="a").get_annotation("a") == ""


@pytest.mark.parametrize(
    ("fields", "may_be"),
    [
        ({}, True),
        ({"mediaType": f"{OCI}.index.v1+json"}, True),
        ({"mediaType": f"{DOCKER}.distribution.manifest.list.v2+json"}, True),
        ({"mediaType": f"{OCI}.manifest.v1+json"}, True),
        ({"mediaType": f"{DOCKER}.distribution.manifest.v2+json"}, True),
        ({"mediaType": f"{OCI}.config.v1+json"}, False),
        ({"mediaType": "application/vnd.example.thing+json"}, False),
        ({"artifactType": f"{OCI}.config.v1+json"}, True),
        ({"artifactType": f"{DOCKER}.container.image.v1+json"}, True),
        ({"artifactType": "application/vnd.cncf.helm.config.v1+json"}, False),
        ({"platform": {"os": "linux", "architecture": "amd64"}}, True),
        ({"platform": {"os": "unknown", "architecture": "amd64"}}, True),
        ({"platform": {"os": "unknown", "architecture": "unknown"}}, False),
        ({"annotations": {"vnd.docker.reference.digest": DIGEST}}, True),
        ({"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}, False),
    ],
)
def test_what_may_be_an_image(fields: dict[str, Any], *, may_be: bool) -> None:
    """Manifests and indexes may be images; charts, attestations and what runs nowhere are none."""
    assert described(**fields).may_be_image is may_be


@pytest.mark.parametrize(
    ("fields", "is_foreign"),
    [
        ({"mediaType": f"{OCI}.layer.v1.tar+gzip"}, False),
        ({"mediaType": f"{OCI}.layer.nondistributable.v1.tar+gzip"}, True),
        ({"mediaType": FOREIGN}, True),
        ({"mediaType": f"{OCI}.layer.v1.tar+gzip", "urls": ["https://example.com/a"]}, True),
    ],
)
def test_what_others_hand_out(fields: dict[str, Any], *, is_foreign: bool) -> None:
    """A layer is foreign by either media type that says so, and by any address elsewhere."""
    assert described(**fields).is_foreign is is_foreign
