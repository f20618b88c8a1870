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
from weighbridge.errors import LimitExceeded, NoSuchImage, SourceError, UnreadableImage
from weighbridge.model.limits import Limits
from weighbridge.model.platform import Platform
from weighbridge.sources.oci.descriptors import Descriptor
from weighbridge.sources.oci.manifests import (
    MAX_DEPTH,
    MAX_DOCUMENT_BYTES,
    MAX_MANIFESTS,
    Index,
    Manifest,
    check_document,
    choose,
    describe_missing_platform,
    fetch_document,
    parse_document,
    require_platform,
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


def test_variant_of_this_machine_is_a_preference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several variants this machine's own is taken; of others, which a machine may run as well, the first."""
    monkeypatch.setattr("platform.machine", lambda: "armv7l")
    blobs = OciBlobs()
    fifth, sixth, seventh = (added(blobs, f"linux/arm/{variant}") for variant in ("v5", "v6", "v7"))
    assert chosen(blobs, fifth, sixth, seventh) == seventh["digest"]
    assert chosen(blobs, fifth, sixth) == fifth["digest"]
    assert chosen(blobs, fifth, sixth, platform="linux/arm/v6") == sixth["digest"]
    with pytest.raises(NoSuchImage, match=r"^x:1 does not exist for linux/arm/v7, but for linux/arm/v5, linux/arm/v6"):
        chosen(blobs, fifth, sixth, platform="linux/arm/v7")


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


def test_platform_that_is_none() -> None:
    """What a user asks for has to be a platform; the error shows it on one line and says how to write one."""
    assert require_platform("Linux/ARM/v7") == Platform("linux", "arm", "v7")
    with pytest.raises(NoSuchImage) as caught:
        require_platform("linux\n")
    assert caught.value.message == "linux is not a platform"
    assert caught.value.advice == "Write it like linux/amd64 or linux/arm/v7."


def test_words_for_a_missing_platform() -> None:
    """The error names each platform once and in order, an empty one too, and says what to do."""
    there = [Platform("linux", "arm", "v7"), Platform(), Platform("linux", "arm", "v7"), Platform("linux", "s390x")]
    error = describe_missing_platform("x:1", Platform("linux", "amd64"), there)
    others = "linux/arm/v7, an unknown platform, linux/s390x"
    assert error.message == f"x:1 does not exist for linux/amd64, but for {others}"
    assert error.advice == "Ask for one of these platforms."


def test_configs_from_elsewhere() -> None:
    """Configs may lie apart from the manifests; they are asked for only where an index tells no platform."""
    blobs = OciBlobs()
    images = [added(blobs, each, told=False) for each in ("linux/arm64", "linux/amd64")]
    apart = {digest: data for digest, data in blobs.by_digest.items() if b"rootfs" in data}
    for digest in apart:
        del blobs.by_digest[digest]
    assert chosen(blobs, *images, config=apart.__getitem__) == images[1]["digest"]
    with pytest.raises(KeyError):
        chosen(blobs, *images)


def test_config_that_tells_no_platform() -> None:
    """An image whose config tells neither system nor architecture is for an unknown one, not for any."""
    blobs = OciBlobs()
    images = [blobs.add_image(SPEC, config={"os": os, "architecture": "", "variant": ""}) for os in ("", "linux")]
    with pytest.raises(NoSuchImage, match=r"for linux/amd64, but for unknown/unknown, linux/unknown\. Ask"):
        chosen(blobs, *images)


def test_names_in_errors_about_parts() -> None:
    """An error about a part of an image says which part, and of which image."""
    blobs = OciBlobs()
    bare = blobs.add_json({}, "image.manifest")
    with pytest.raises(UnreadableImage, match=r"^A manifest of x:1 is neither a manifest nor an index\. "):
        chosen(blobs, bare)
    damaged = blobs.add_image(SPEC, config={"rootfs": 5})
    with pytest.raises(UnreadableImage, match=r"^A config of x:1 is damaged: rootfs: "):
        chosen(blobs, damaged, platform="linux/amd64")


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


def test_manifests_at_their_limit() -> None:
    """As many entries as the limit are followed, of which the same image counts once as an image."""
    blobs = OciBlobs()
    image = added(blobs, "linux/amd64")
    assert chosen(blobs, *[image] * 1_000) == image["digest"]


def test_limits_of_the_caller() -> None:
    """The limits of the caller bear on manifests and on configs, at the limit and beyond it."""
    blobs = OciBlobs()
    history: list[dict[str, Any]] = [{}] * 3
    image, other = (
        blobs.add_image(SPEC, config={"history": history, "architecture": each}) for each in ("amd64", "arm64")
    )
    assert chosen(blobs, image, other, limits=Limits(layers=1, history_steps=3)) == image["digest"]
    with pytest.raises(LimitExceeded, match=r"^A config of x:1 has more than 2 history steps, the limit for an image"):
        chosen(blobs, image, other, limits=Limits(history_steps=2))
    with pytest.raises(LimitExceeded, match=r"^A manifest of x:1 has more than 0 layers, the limit for an image"):
        chosen(blobs, image, limits=Limits(layers=0))


def test_length_of_a_document_at_its_limit() -> None:
    """A document of 8 MiB is fetched; one byte more is refused before it is."""
    data = b" " * 8_388_608
    blobs = OciBlobs()
    described = Descriptor.model_validate(blobs.add(data, ""))
    assert fetch_document(described, blobs.by_digest.__getitem__, "The config") is data
    longer = described.model_copy(update={"size": 8_388_609})
    with pytest.raises(UnreadableImage) as caught:
        fetch_document(longer, dict[str, bytes]().__getitem__, "The config")
    assert caught.value.message == "The config has 8388609 bytes, which is too long"


# Damage.


ABC = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""The digest of `abc`, by FIPS 180-2, appendix B.1."""
RENEW = "Save the image again and compare the files' checksums."


@pytest.mark.parametrize(
    ("digest", "size", "message", "advice"),
    [
        (ABC, 2, "The index has 3 bytes and should have 2", RENEW),
        (ABC, 4, "The index has 3 bytes and should have 4", RENEW),
        (
            DIGEST,
            3,
            "The index is damaged: its digest is sha256:ba7816bf8f01…, not sha256:000000000000…",
            RENEW,
        ),
        ("sha512:0", 3, "The index has the digest sha512:0, which is not a SHA-256", ""),
        (f"sha384:{'0' * 64}", 3, f"The index has the digest sha384:{'0' * 64}, which is not a SHA-256", ""),
        (f"{DIGEST}0", 3, f"The index has the digest {DIGEST}0, which is not a SHA-256", ""),
        (f"sha512:{'0' * 128}", 3, f"The index has the digest sha512:{'0' * 112}…, which is not a SHA-256", ""),
    ],
)
def test_document_that_is_another(digest: str, size: int, message: str, advice: str) -> None:
    """The error tells what differs, and gives advice where any helps."""
    check_document(b"abc", Descriptor(digest=ABC, size=3), "The index")
    with pytest.raises(UnreadableImage) as caught:
        check_document(b"abc", Descriptor(digest=digest, size=size), "The index")
    assert (caught.value.message, caught.value.advice) == (message, advice)


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


PAGE = "The index is a web page instead of a manifest"
LOGIN = "Check the host's name, and whether a proxy sends its login page."


@pytest.mark.parametrize(
    ("text", "message", "advice"),
    [
        (b"<!DOCTYPE html>", PAGE, LOGIN),
        (b" \r\n<html>", PAGE, LOGIN),
        (b"<", PAGE, LOGIN),
        (
            b'{"schemaVersion": 1, "name": "x", "fsLayers": [{"blobSum": "sha256:0"}], "signatures": []}',
            "The index is a manifest of Docker's schema 1, which has no sizes and no diff IDs",
            "Copy it: `skopeo copy docker://HOST/NAME oci:FOLDER`, and weigh that.",
        ),
        (b'{"manifests": [], "config": null}', "The index is both a manifest and an index", RENEW),
        (b'{"manifests": [], "layers": []}', "The index is both a manifest and an index", RENEW),
        (b"{}", "The index is neither a manifest nor an index", RENEW),
        (b'{"layers": [], "config": null}', "The index is neither a manifest nor an index", RENEW),
        (b'{"manifests": 5}', "The index is damaged: manifests: Input should be a valid array", RENEW),
    ],
)
def test_documents_that_are_no_image(text: bytes, message: str, advice: str) -> None:
    """The error says what came instead of a manifest, by the name that the caller gave it, and what to do."""
    with pytest.raises(UnreadableImage) as caught:
        parse_document(text, "The index")
    assert (caught.value.message, caught.value.advice) == (message, advice)


def test_fields_of_a_manifest() -> None:
    """A manifest has its config, its layers in order, and what says that it is an artifact."""
    config, first, second, subject = ({"digest": DIGEST, "size": size} for size in range(4))
    fields = {"config": config, "layers": [first, second], "artifactType": "application/x", "subject": subject}
    manifest = parse_document(json.dumps(fields).encode(), "x")
    assert isinstance(manifest, Manifest)
    assert (manifest.config.size, [layer.size for layer in manifest.layers]) == (0, [1, 2])
    assert manifest.artifact_type == "application/x"
    assert manifest.subject == Descriptor(digest=DIGEST, size=3)


@pytest.mark.parametrize("subject", [None, 5, {}, {"digest": "x", "size": 1}])
def test_subject_that_is_none(subject: Any) -> None:
    """What stands for the subject and describes nothing makes no image unreadable."""
    text = json.dumps({"config": {"digest": DIGEST, "size": 1}, "subject": subject}).encode()
    manifest = parse_document(text, "x")
    assert isinstance(manifest, Manifest)
    assert manifest.subject is None


def test_limit_of_layers() -> None:
    """A manifest has as many layers as the caller allows, or a thousand."""
    described = {"digest": DIGEST, "size": 1}

    def read(count: int, *limits: Limits) -> int:
        text = json.dumps({"config": described, "layers": [described] * count}).encode()
        manifest = parse_document(text, "x", *limits)
        assert isinstance(manifest, Manifest)
        return len(manifest.layers)

    assert (read(1_000), read(2, Limits(layers=2))) == (1_000, 2)
    for count, limits in ((1_001, ()), (3, (Limits(layers=2),))):
        with pytest.raises(LimitExceeded):
            read(count, *limits)


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
    text = b'{"%b": [%b{}]}' % (field.encode(), b"{}," * 50_000)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableImage, match=reason):
            parse_document(text, "x")
        assert tracemalloc.get_traced_memory()[1] < 12_500_000
    finally:
        tracemalloc.stop()
