"""Images of an archive that only index.json names: plain OCI, as skopeo and buildx write it."""

from __future__ import annotations

import io
import json
import random
import tarfile
from dataclasses import replace

import pytest

from tests.support.images import Entry, ImageSpec, Member, OciBlobs, hexdigest, named, tar_of
from weighbridge.errors import NoSuchImage, UnreadableImage
from weighbridge.sources import archive_members
from weighbridge.sources.archive import Archive

SPEC = ImageSpec(tags=(), layers=((Entry("a", b"1" * 1000),), (Entry("b", b"22"), Entry(".wh.a"))))
OTHER = replace(SPEC, layers=((Entry("c", b"333"),),))


def read(files: dict[str, bytes], seed: int = 0) -> Archive:
    """Read an archive of these files, in any order."""
    members = [Member(name, data) for name, data in files.items()]
    random.Random(seed).shuffle(members)  # noqa: S311 - no secret
    return Archive(archive_members.read(io.BytesIO(tar_of(members))))


def test_only_image_needs_no_name() -> None:
    """Its layers, blobs and config are those that the manifest leads to."""
    blobs = OciBlobs()
    image = read(blobs.files(blobs.add_image(SPEC))).assemble_image()
    assert image.diff_ids == SPEC.diff_ids
    assert [layer.shipped_bytes for layer in image.layers] == [1000, 2]
    assert [blob and blobs.by_digest[blob.digest] for blob in image.blobs] == [
        data for data in blobs.by_digest.values() if data[:2] == b"\x1f\x8b"
    ]
    assert [blob and blob.size_bytes for blob in image.blobs] == [
        len(data) for data in blobs.by_digest.values() if data[:2] == b"\x1f\x8b"
    ]


@pytest.mark.parametrize("seed", range(4))
def test_image_is_found_by_its_name(seed: int) -> None:
    """Among several the annotation decides; without a name, the error lists what there is."""
    blobs = OciBlobs()
    files = blobs.files(
        blobs.add_image(SPEC, annotations=named("one")["annotations"]),
        blobs.add_image(OTHER, annotations=named("two")["annotations"]),
    )
    assert read(files, seed).assemble_image("two").diff_ids == OTHER.diff_ids
    for name in ("", "three"):
        with pytest.raises(NoSuchImage, match="one, two"):
            read(files, seed).assemble_image(name)


def test_platform_is_chosen() -> None:
    """An index in the index leads to one image for each platform; an attestation is not an image."""
    blobs = OciBlobs()
    images = [
        blobs.add_image(SPEC, platform={"os": "linux", "architecture": "amd64"}),
        blobs.add_image(OTHER, platform={"os": "linux", "architecture": "arm64"}),
        blobs.add_image(OTHER, platform={"os": "unknown", "architecture": "unknown"}),
    ]
    saved = read(blobs.files(blobs.add_index(*images)))
    assert saved.assemble_image(platform="linux/arm64").diff_ids == OTHER.diff_ids
    with pytest.raises(NoSuchImage, match="linux/s390x, but for linux/amd64, linux/arm64"):
        saved.assemble_image(platform="linux/s390x")


def test_index_that_names_itself_ends() -> None:
    """A digest cannot lead to itself; an index that is damaged so that it seems to is an error."""
    inner = json.dumps({"manifests": []}).encode()
    digest = f"sha256:{hexdigest(inner)}"
    outer = json.dumps({"manifests": [{"digest": digest, "size": len(inner), "mediaType": ""}]}).encode()
    files = {"index.json": outer, f"blobs/{digest.replace(':', '/')}": outer}
    with pytest.raises(UnreadableImage, match=r"A manifest of The image (has \d+ bytes|is damaged)"):
        read(files).assemble_image()


@pytest.mark.parametrize("part", ["manifest", "config", "layer"])
def test_missing_part_is_named(part: str) -> None:
    """The error names what the index leads to and the archive lacks."""
    blobs = OciBlobs()
    described = blobs.add_image(SPEC)
    manifest = json.loads(blobs.by_digest[described["digest"]])
    lost = {"manifest": described, "config": manifest["config"], "layer": manifest["layers"][0]}[part]
    files = blobs.files(described)
    del files[f"blobs/{lost['digest'].replace(':', '/')}"]
    with pytest.raises(UnreadableImage, match=r"missing|leads to no image"):
        read(files).assemble_image()


def test_archive_with_neither_kind_of_entry() -> None:
    """A manifest in place of the index is refused."""
    blobs = OciBlobs()
    manifest = blobs.by_digest[blobs.add_image(SPEC)["digest"]]
    with pytest.raises(UnreadableImage, match=r"index\.json holds a manifest instead of an index"):
        read({"index.json": manifest}).assemble_image()


def test_directory_in_an_archive_is_no_member() -> None:
    """Folders and links among the members do no harm."""
    blobs = OciBlobs()
    files = blobs.files(blobs.add_image(SPEC))
    buffer = io.BytesIO(
        tar_of([Entry("blobs", type=tarfile.DIRTYPE), *(Entry(name, data) for name, data in files.items())])
    )
    assert Archive(archive_members.read(buffer)).assemble_image().diff_ids == SPEC.diff_ids
