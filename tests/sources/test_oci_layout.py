"""OCI layouts in a directory: the right figures, or one clear error, and nothing opened that is no part of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.images import Entry, ImageSpec, OciBlobs, hexdigest, members_gzip, named, tar_of
from tests.support.layouts import read_layout
from weighbridge.errors import NoSuchImage, SourceError, UnreadableImage
from weighbridge.image.content import Blob, HistoryEntry, ImageContent
from weighbridge.image.layer import LayerContent

BASE = (Entry("bin/a", b"a" * 1000), Entry("bin/b", b"b" * 70_000))
SPEC = ImageSpec(
    tags=(),
    layers=(BASE, (Entry("app/main.py", b"print()"), Entry("bin/.wh.b")), BASE),
    history=({"created_by": "ADD x"}, {"created_by": "ENV a=b", "empty_layer": True}),
    labels={"a": "b"},
)
OTHER = ImageSpec(tags=(), layers=((Entry("other", b"2"),),))


def write(folder: Path, blobs: OciBlobs, *images: Mapping[str, Any]) -> Path:
    """Write a layout."""
    for name, data in blobs.files(*images).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def check(content: ImageContent, spec: ImageSpec) -> None:
    """Compare with what the writer knows."""
    assert content.diff_ids == spec.diff_ids
    assert tuple((each.shipped_bytes, each.file_count) for each in content.layers) == spec.figures


def path_of(described: Mapping[str, Any]) -> str:
    """Return where a blob is."""
    return f"blobs/{described['digest'].replace(':', '/')}"


def manifest_in(blobs: OciBlobs, described: Mapping[str, Any]) -> Any:
    """Return a manifest that was written."""
    return json.loads(blobs.by_digest[described["digest"]])


# What is read.


def test_image(tmp_path: Path) -> None:
    """Everything that the config, the layers and the manifest tell comes out."""
    blobs = OciBlobs()
    described = blobs.add_image(SPEC, config={"variant": "v2"})
    manifest = manifest_in(blobs, described)
    content = read_layout(write(tmp_path, blobs, described))
    check(content, SPEC)
    assert content.reference == str(tmp_path)
    assert content.config == blobs.by_digest[content.config_digest]
    assert content.config_digest == manifest["config"]["digest"]
    assert (content.platform, content.labels, content.working_dir) == ("linux/amd64/v2", {"a": "b"}, "")
    assert content.history[1] == HistoryEntry(created_by="ENV a=b", comment="", empty_layer=True)
    assert content.blobs == tuple(Blob(digest=each["digest"], size_bytes=each["size"]) for each in manifest["layers"])


@pytest.mark.parametrize("compress", [bytes, members_gzip])
def test_compression_does_not_matter(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """Layers of many gzip members, and without any compression, weigh the same; the latter are no blobs."""
    blobs = OciBlobs()
    content = read_layout(write(tmp_path, blobs, blobs.add_image(SPEC, compress)))
    check(content, SPEC)
    assert all(each is None for each in content.blobs) is (compress is bytes)


def test_layer_that_occurs_twice_is_read_once(tmp_path: Path) -> None:
    """Progress tells how much was read: a growing total, without what had been read before."""
    blobs, seen = OciBlobs(), list[int]()
    content = read_layout(write(tmp_path, blobs, blobs.add_image(SPEC)), on_progress=seen.append)
    assert content.layers[0] is content.layers[2]
    assert seen == sorted(seen)
    assert seen[-1] == sum(each.size_bytes for each in content.blobs[:2] if each)


def test_known_layers_are_not_opened(tmp_path: Path) -> None:
    """Who knows a layer is spared its blob, even if that is gone."""
    blobs = OciBlobs()
    described = blobs.add_image(SPEC)
    whole = read_layout(write(tmp_path, blobs, described))
    kept = dict(zip(whole.diff_ids, whole.layers, strict=True))
    for layer in manifest_in(blobs, described)["layers"]:
        (tmp_path / path_of(layer)).unlink(missing_ok=True)
    assert read_layout(tmp_path, known=kept.get) == whole

    def nothing(_: str) -> LayerContent | None:
        return None

    with pytest.raises(UnreadableImage, match="is missing"):
        read_layout(tmp_path, known=nothing)


def test_name(tmp_path: Path) -> None:
    """An image is found by what the index calls it; where there are several, one has to be named."""
    blobs = OciBlobs()
    one, two = blobs.add_image(SPEC), blobs.add_image(OTHER)
    full = {"annotations": {"io.containerd.image.name": "docker.io/library/x:2", **named("2")["annotations"]}}
    write(tmp_path, blobs, one | named("1"), two | full)
    check(read_layout(tmp_path, "1"), SPEC)
    check(read_layout(tmp_path, "2"), OTHER)
    check(read_layout(tmp_path, "docker.io/library/x:2"), OTHER)
    assert read_layout(tmp_path, "1").reference == f"{tmp_path}:1"
    with pytest.raises(NoSuchImage, match=r"has no image 3; it has 1, 2\. Ask for one of these"):
        read_layout(tmp_path, "3")
    with pytest.raises(NoSuchImage, match=r"has several images: 1, 2\. Ask for one of them by its name"):
        read_layout(tmp_path)
    check(read_layout(write(tmp_path, blobs, one | named("1"), one | named("2"))), SPEC)


@pytest.mark.parametrize("is_nested", [True, False])
def test_platform(tmp_path: Path, *, is_nested: bool) -> None:
    """One name may lead to several platforms, by an index of its own or side by side; attestations are passed over."""
    blobs = OciBlobs()
    arm = {"os": "linux", "architecture": "arm64"}
    images = [
        blobs.add_image(SPEC, platform={"os": "linux", "architecture": "amd64"}),
        blobs.add_image(OTHER, config=arm, platform=arm),
        blobs.add_json({}, "image.manifest", platform={"os": "unknown", "architecture": "unknown"}),
    ]
    roots = [blobs.add_index(*images) | named("x")] if is_nested else [each | named("x") for each in images]
    write(tmp_path, blobs, *roots)
    check(read_layout(tmp_path, platform="linux/amd64"), SPEC)
    check(read_layout(tmp_path, "x", "linux/arm64"), OTHER)
    with pytest.raises(NoSuchImage, match="does not exist for linux/s390x, but for linux/amd64, linux/arm64"):
        read_layout(tmp_path, platform="linux/s390x")


def test_platforms_that_are_missing(tmp_path: Path) -> None:
    """A layout may lack the blobs of other platforms (OCI image-spec, image-layout.md)."""
    blobs = OciBlobs()
    foreign = blobs.add_image(OTHER, platform={"os": "linux", "architecture": "amd64"})
    del blobs.by_digest[foreign["digest"]]
    ours = blobs.add_image(SPEC, platform={"os": "linux", "architecture": "s390x"})
    check(read_layout(write(tmp_path, blobs, blobs.add_index(foreign, ours))), SPEC)


# What is no part of it.


def hang(_folder: Path, target: Path) -> None:
    """Put a pipe in the place of a file."""
    os.mkfifo(target)


def device(_folder: Path, target: Path) -> None:
    """Put a device in the place of a file."""
    target.symlink_to("/dev/zero")


def folder_instead(_folder: Path, target: Path) -> None:
    """Put a directory in the place of a file."""
    target.mkdir()


def outside(folder: Path, target: Path) -> None:
    """Put a link to the same bytes, but elsewhere, in the place of a file."""
    target.symlink_to(folder.parent / "kept")


def pipe_within(folder: Path, target: Path) -> None:
    """Put a link to a pipe in the place of a file."""
    os.mkfifo(folder / "pipe")
    target.symlink_to(folder / "pipe")


def circle(_folder: Path, target: Path) -> None:
    """Put a link to itself in the place of a file."""
    target.symlink_to(target.name)


def nothing(_folder: Path, _target: Path) -> None:
    """Leave a file's place empty."""


OBSTACLES = {
    hang: "is not a regular file",
    device: "leads out of the directory",
    folder_instead: "is not a regular file",
    outside: "leads out of the directory",
    pipe_within: "is not a regular file",
    circle: "is not a regular file",
    nothing: "is missing|leads to no image here",
}


@pytest.mark.parametrize("part", ["index.json", "manifest", "config", "layer"])
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_only_regular_files_within_are_opened(
    part: str, obstacle: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    """A pipe does not hang, and neither a device nor anything outside is read: one error, at once."""
    blobs = OciBlobs()
    described = blobs.add_image(SPEC)
    manifest = manifest_in(blobs, described)
    layout = write(tmp_path / "layout", blobs, described)
    names = {
        "index.json": "index.json",
        "manifest": path_of(described),
        "config": path_of(manifest["config"]),
        "layer": path_of(manifest["layers"][0]),
    }
    target = layout / names[part]
    target.rename(tmp_path / "kept")
    obstacle(layout, target)
    caught = list[SourceError]()

    def read() -> None:
        with pytest.raises(SourceError, match=OBSTACLES[obstacle]) as error:
            read_layout(layout)
        caught.append(error.value)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    assert str(caught[0]).isprintable()


def test_link_within_is_followed(tmp_path: Path) -> None:
    """A layout whose blobs are links to one another is one."""
    blobs = OciBlobs()
    layout = write(tmp_path, blobs, blobs.add_image(SPEC))
    (layout / "blobs").rename(layout / "elsewhere")
    (layout / "blobs").symlink_to("elsewhere")
    check(read_layout(layout), SPEC)


@pytest.mark.parametrize("digest", ["..:..", "sha256:..", f"sha256:../../{'0' * 58}", "a/b:c", "sha256:/etc/passwd"])
def test_digest_that_is_a_path(digest: str, tmp_path: Path) -> None:
    """A digest leads to a blob and nowhere else."""
    blobs = OciBlobs()
    layout = write(tmp_path, blobs, {**blobs.add_image(SPEC), "digest": digest})
    with pytest.raises(UnreadableImage):
        read_layout(layout)


# Damage.


@pytest.mark.parametrize("place", ["nothing", "file", "empty"])
def test_no_layout(place: str, tmp_path: Path) -> None:
    """The error for a path that is not a layout says how to write one."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableImage, match=r"index\.json of .* is missing\. Write one with `skopeo copy"):
        read_layout(tmp_path / place)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"{}", b"<html>", b'{"manifests": 5}', b"[" * 10**6, b"\xff", b'{"config": {}, "layers": []}'],
)
def test_damaged_index(text: bytes, tmp_path: Path) -> None:
    """A damaged index is an error on one line."""
    (tmp_path / "index.json").write_bytes(text)
    with pytest.raises(UnreadableImage) as caught:
        read_layout(tmp_path)
    assert str(caught.value).isprintable()


def test_index_that_is_a_manifest_or_too_long(tmp_path: Path) -> None:
    """The errors say that the index is a manifest, or that it is too long."""
    blobs = OciBlobs()
    (tmp_path / "index.json").write_bytes(blobs.by_digest[blobs.add_image(SPEC)["digest"]])
    with pytest.raises(UnreadableImage, match="holds a manifest instead of an index"):
        read_layout(tmp_path)
    with (tmp_path / "index.json").open("wb") as file:
        file.truncate(2**40)  # a hole, not bytes
    with pytest.raises(UnreadableImage, match="which is too long"):
        read_layout(tmp_path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends after 0 of "),
        (b"x" * 20, "ends after 20 of "),
        (b"x" * 10**6, "is longer than its stated "),
    ],
)
def test_layer_of_another_length(data: bytes, message: str, tmp_path: Path) -> None:
    """The error for a blob that is too short or too long has the layer's number."""
    blobs = OciBlobs()
    described = blobs.add_image(SPEC, bytes)
    write(tmp_path, blobs, described)
    layer = manifest_in(blobs, described)["layers"][1]
    whole = blobs.by_digest[layer["digest"]]
    (tmp_path / path_of(layer)).write_bytes(whole[: len(data)] if len(data) < len(whole) else whole + data)
    with pytest.raises(UnreadableImage, match=f"Layer 1 of {tmp_path} {message}"):
        read_layout(tmp_path)


def test_layer_of_another_image(tmp_path: Path) -> None:
    """A manifest that names another layer than its config is caught, though every digest of it is right."""
    blobs = OciBlobs()
    manifest = manifest_in(blobs, blobs.add_image(SPEC))
    manifest["layers"][1] = blobs.add(tar_of(OTHER.layers[0]), "application/vnd.oci.image.layer.v1.tar")
    layout = write(tmp_path, blobs, blobs.add_json(manifest, "image.manifest"))
    with pytest.raises(UnreadableImage, match=r"Layer 1 of .* is not the layer that the config lists"):
        read_layout(layout)


def test_zstd_layer(tmp_path: Path) -> None:
    """Layers of Zstandard are read as they are written by a program that we did not write."""
    program = shutil.which("zstd") or pytest.skip("zstd is not installed")
    blobs = OciBlobs()

    def compress(data: bytes) -> bytes:
        return subprocess.run([program, "-q", "-c"], input=data, check=True, capture_output=True).stdout

    content = read_layout(write(tmp_path, blobs, blobs.add_image(SPEC, compress)))
    check(content, SPEC)
    assert content.blobs[0]
    assert content.blobs[0].digest.removeprefix("sha256:") == hexdigest(compress(SPEC.archives[0]))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=settings.default.max_examples * 3 // 2,  # type: ignore[union-attr]
)
@given(data=st.data())
def test_one_wrong_byte(data: st.DataObject, tmp_path: Path) -> None:
    """One byte of a layout changed, or its end cut off: the same image, or our error on one line."""
    blobs = OciBlobs()
    files = blobs.files(blobs.add_index(blobs.add_image(SPEC)))
    layout = tmp_path / "layout"
    shutil.rmtree(layout, ignore_errors=True)
    for name, whole in files.items():
        (layout / name).parent.mkdir(parents=True, exist_ok=True)
        (layout / name).write_bytes(whole)
    name = data.draw(st.sampled_from(sorted(set(files) - {"oci-layout"})))
    at, mask = data.draw(st.integers(0, len(files[name]) - 1)), data.draw(st.integers(0, 255))
    whole = files[name]
    (layout / name).write_bytes(whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :] if mask else whole[:at])
    try:
        check(read_layout(layout), SPEC)
    except SourceError as error:
        assert str(error).isprintable()  # noqa: PT017 - either is right
