"""Manifests and indexes: the right image out of them, or one clear error."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.images import Entry, ImageSpec, OciBlobs
from weighbridge.errors import NoSuchImage, SourceError, UnreadableImage
from weighbridge.sources.oci.descriptors import Descriptor
from weighbridge.sources.oci.manifests import (
    MAX_DEPTH,
    MAX_DOCUMENT_BYTES,
    MAX_MANIFESTS,
    Index,
    Manifest,
    choose,
    parse_document,
)

SPEC = ImageSpec(tags=(), layers=((Entry("a", b"1"),),))
UNKNOWN = {"platform": {"os": "unknown", "architecture": "unknown"}}
ATTESTATION = {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
DIGEST = f"sha256:{'0' * 64}"


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this be the same machine everywhere."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


def on(platform: str) -> dict[str, Any]:
    """Return the field of a descriptor that tells a platform."""
    return {"platform": dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))}


def added(blobs: OciBlobs, platform: str, *, told: bool = True) -> dict[str, Any]:
    """Add an image for a platform; its descriptor tells it, or only its config does."""
    fields = on(platform)
    os, architecture, variant = (fields["platform"].get(name, "") for name in ("os", "architecture", "variant"))
    config = {"os": os, "architecture": architecture, "variant": variant}
    return blobs.add_image(SPEC, config=config, **(fields if told else {}))


def chosen(blobs: OciBlobs, *images: Mapping[str, Any], platform: str = "", **options: Any) -> str:
    """Choose among the images of an index, and return the digest of the one that it is."""
    root = parse_document(json.dumps({"manifests": images}).encode(), "The index")
    manifest = choose(root, "x:1", blobs.by_digest.__getitem__, platform=platform, **options)
    found = [digest for digest, data in blobs.by_digest.items() if manifest == _as_manifest(data)]
    assert len(found) == 1
    return found[0]


def _as_manifest(data: bytes) -> Manifest | Index | None:
    try:
        return parse_document(data, "")
    except UnreadableImage:
        return None


# Choosing.


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("platform", ["", "linux/amd64", "linux/arm64", "linux/arm/v7", "linux/arm", "windows/amd64"])
def test_platform(platform: str, *, told: bool) -> None:
    """The wanted platform is taken, or this machine's; where the index does not tell, the configs do."""
    blobs = OciBlobs()
    there = ("windows/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64", "linux/amd64")
    images = {each: added(blobs, each, told=told) for each in there}
    expected = {"": "linux/amd64", "linux/arm": "linux/arm/v7"}.get(platform, platform)
    assert chosen(blobs, *images.values(), platform=platform) == images[expected]["digest"]


def test_first_of_equal_platforms() -> None:
    """Of two images for one platform, such as two releases of Windows, the first is taken, as Docker takes it."""
    blobs = OciBlobs()
    first = blobs.add_image(SPEC, platform={"os": "linux", "architecture": "amd64", "os.version": "1"})
    second = blobs.add_image(
        SPEC, config={"x": 1}, platform={"os": "linux", "architecture": "amd64", "os.version": "2"}
    )
    assert chosen(blobs, first, second) == first["digest"]


def test_only_image_is_taken_whatever_it_runs_on() -> None:
    """One image is the image, unless another platform was asked for; attestations and charts are no images."""
    blobs = OciBlobs()
    only = added(blobs, "linux/s390x")
    others = [
        blobs.add_json({}, "image.manifest", **UNKNOWN),
        blobs.add_json({}, "image.manifest", **on("linux/amd64"), **ATTESTATION),
        blobs.add_json({}, "image.manifest", artifactType="application/vnd.cncf.helm.config.v1+json"),
        {"mediaType": "application/vnd.example.thing+json", "digest": "sha999:x", "size": 5, "unknown": [{}]},
    ]
    assert chosen(blobs, *others, only) == only["digest"]
    with pytest.raises(NoSuchImage, match=r"x:1 does not exist for linux/amd64, but for linux/s390x\. Ask for one of"):
        chosen(blobs, *others, only, platform="linux/amd64")
    with pytest.raises(UnreadableImage, match="an index that leads to no image"):
        chosen(blobs, *others)


def test_platforms_that_are_there_are_told() -> None:
    """The error for a missing platform lists a limited number of those that exist, each once, on one line."""
    blobs = OciBlobs()
    images = [added(blobs, each) for each in ("linux/arm64", "linux/arm64", "linux/s390x\x1b\n")]
    with pytest.raises(NoSuchImage, match="does not exist for linux/amd64, but for linux/arm64, linux/s390x") as caught:
        chosen(blobs, *images)
    assert str(caught.value).isprintable()
    with pytest.raises(NoSuchImage, match="and 88 more") as caught:
        chosen(blobs, *(added(blobs, f"linux/{number}") for number in range(100)))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("media_type", ["application/vnd.docker.distribution.manifest.list.v2+json", ""])
def test_nested_indexes(media_type: str) -> None:
    """An index within an index is followed, Docker's like OCI's, and one without a media type by what it is."""
    blobs = OciBlobs()
    wanted, other = added(blobs, "linux/amd64"), added(blobs, "linux/arm64")
    inner = blobs.add_index(blobs.add_index(other, wanted) | {"mediaType": media_type})
    assert chosen(blobs, inner) == wanted["digest"]
    without_type = {**wanted, "mediaType": ""}
    assert chosen(blobs, without_type, other) == wanted["digest"]


def test_documents_that_are_missing_are_passed_over() -> None:
    """A source that lacks the other platforms' manifests says so; one that is left is taken."""
    blobs = OciBlobs()
    ours, foreign = added(blobs, "linux/arm64"), added(blobs, "linux/amd64")
    del blobs.by_digest[foreign["digest"]]
    assert chosen(blobs, ours, foreign, present=blobs.by_digest.__contains__) == ours["digest"]


def test_manifest_is_the_image() -> None:
    """What is no index needs no choice, and nothing is fetched for it."""
    blobs = OciBlobs()
    data = blobs.by_digest[blobs.add_image(SPEC)["digest"]]
    root = parse_document(data, "x")
    assert choose(root, "x", dict[str, bytes]().__getitem__, platform="any/thing") is root


# Indexes without end.


def nested(depth: int) -> tuple[OciBlobs, dict[str, Any]]:
    """Return an image below so many indexes, and what describes the uppermost."""
    blobs = OciBlobs()
    described = added(blobs, "linux/amd64")
    for _ in range(depth):
        described = blobs.add_index(described)
    return blobs, described


def test_depth_has_an_end() -> None:
    """Indexes may be nested as deep as anybody does it, and not deeper."""
    blobs, described = nested(MAX_DEPTH - 1)
    chosen(blobs, described)
    blobs, described = nested(MAX_DEPTH)
    with pytest.raises(UnreadableImage, match=f"nested in more than {MAX_DEPTH} indexes"):
        chosen(blobs, described)


def test_index_that_names_itself() -> None:
    """An index cannot have its own digest in it; one that pretends to is found out, and so is any circle."""
    texts = (json.dumps({"manifests": [{"digest": DIGEST, "size": size}]}).encode() for size in range(200))
    text = next(text for text in texts if json.loads(text)["manifests"][0]["size"] == len(text))
    with pytest.raises(UnreadableImage, match="is damaged: its digest is sha256:"):
        choose(parse_document(text, "x"), "x", lambda _: text)


def test_wide_indexes_end() -> None:
    """Neither one index nor all of them together may have entries without end; no document is asked for twice."""
    blobs = OciBlobs()
    image = added(blobs, "linux/amd64")
    with pytest.raises(UnreadableImage, match=f"more than {MAX_MANIFESTS} manifests"):
        chosen(blobs, *[image] * (MAX_MANIFESTS + 1))
    described = image
    for _ in range(MAX_DEPTH - 1):
        described = blobs.add_index(*[described] * 100)
    asked = list[str]()

    def document(digest: str) -> bytes:
        asked.append(digest)
        return blobs.by_digest[digest]

    choose(Index(manifests=(Descriptor.model_validate(described),)), "x", document)
    assert len(asked) == len(set(asked)) == MAX_DEPTH
    many = [blobs.add_index(image, *[{**image, "annotations": {"a": str(number)}}] * 300) for number in range(4)]
    with pytest.raises(UnreadableImage, match=f"more than {MAX_MANIFESTS} manifests"):
        chosen(blobs, *many)


# Damage.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda described: described.update(size=5), "A manifest of x:1 has .* bytes and should have 5"),
        (lambda described: described.update(size=MAX_DOCUMENT_BYTES + 1), "which is too long"),
        (lambda described: described.update(digest=f"sha512:{'0' * 128}"), "which is not a SHA-256"),
        (lambda described: described.update(digest=f"sha256:{'0' * 63}"), "which is not a SHA-256"),
    ],
)
def test_descriptor_that_does_not_fit(change: Callable[[dict[str, Any]], object], message: str) -> None:
    """What an index says of a manifest has to be true before it is used."""
    blobs = OciBlobs()
    described = added(blobs, "linux/amd64")
    change(described)
    with pytest.raises(UnreadableImage, match=message):
        chosen(blobs, described)


def test_index_where_a_manifest_should_be() -> None:
    """A document may not be another thing than its descriptor says."""
    blobs = OciBlobs()
    index = blobs.add_index(added(blobs, "linux/amd64"))
    with pytest.raises(UnreadableImage, match="has an index where a manifest was announced"):
        chosen(blobs, {**index, "mediaType": "application/vnd.oci.image.manifest.v1+json"})


def test_null_is_nothing() -> None:
    """Go writes null for an empty list."""
    described = {"digest": DIGEST, "size": 1, "platform": None, "annotations": None}
    text = json.dumps({"config": described, "layers": None}).encode()
    assert isinstance(parse_document(text, "x"), Manifest)
    assert parse_document(b'{"manifests": null}', "x") == Index(manifests=())


def test_schema_1_is_told_as_that() -> None:
    """Docker's first manifests have no sizes, so they are refused, with advice to copy the image."""
    text = b'{"schemaVersion": 1, "name": "x", "fsLayers": [{"blobSum": "sha256:0"}], "signatures": []}'
    with pytest.raises(UnreadableImage, match="schema 1") as caught:
        parse_document(text, "x")
    assert "`skopeo copy docker://HOST/NAME oci:FOLDER`" in caught.value.advice


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=10), each, max_size=4),
    max_leaves=10,
)


@given(st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_document(text: bytes) -> None:
    """Whatever the bytes, there is a document or our error on one line."""
    try:
        assert isinstance(parse_document(text, "x"), Manifest | Index)
    except UnreadableImage as error:
        assert str(error).isprintable()  # noqa: PT017 - either is right


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where in a document anything is."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in steps for place in places(each, (*path, key)))]


@given(st.data())
def test_damaged_index(data: st.DataObject) -> None:
    """One thing in an index replaced by anything: the right image, another of its images, or our error."""
    blobs = OciBlobs()
    images = [added(blobs, each) for each in ("linux/amd64", "linux/arm64")]
    manifests = [blobs.add_index(images[0]), images[1], {**images[1], **UNKNOWN}]
    index = json.loads(json.dumps({"schemaVersion": 2, "manifests": manifests}))
    *way, last = data.draw(st.sampled_from(places(index)[1:]))
    target: Any = index
    for step in way:
        target = target[step]
    target[last] = data.draw(JSON | st.sampled_from([images[0], images, [], {}, DIGEST, 2**64]))
    try:
        found = chosen(blobs, *index["manifests"]) if isinstance(index["manifests"], list) else ""
    except (SourceError, KeyError) as error:
        assert isinstance(error, SourceError) or error.args[0] not in blobs.by_digest  # noqa: PT017 - either is right
    else:
        assert found in ("", *(each["digest"] for each in images))


@pytest.mark.parametrize(
    ("field", "reason"), [("layers", "more than 1,000 layers"), ("manifests", r"manifests\.0\.digest")]
)
def test_many_faults(field: str, reason: str) -> None:
    """A long document of faults is refused for its length or the first fault, and does not fill the memory."""
    text = b'{"%b": [%b{}]}' % (field.encode(), b"{}," * 200_000)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableImage, match=reason):
            parse_document(text, "x")
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
