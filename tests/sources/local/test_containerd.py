"""Images in a containerd's content folder, one of ours and one that a real containerd wrote."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.images import Entry, ImageSpec, OciBlobs, containerd, hexdigest, named, tar_of
from weighbridge.cache import Cache
from weighbridge.errors import LimitExceeded, UnreadableImage
from weighbridge.image.content import Blob, ImageContent
from weighbridge.model.engine import LocalImage
from weighbridge.model.limits import Limits
from weighbridge.sources import archive
from weighbridge.sources.local.beneath import Unavailable
from weighbridge.sources.local.containerd import CONTENT, Containerd, find_content
from weighbridge.sources.local.reading import Reading
from weighbridge.sources.scan.layer import Exposures

SPEC = ImageSpec(
    tags=("docker.io/library/x:1",),
    layers=((Entry("a", b"1" * 90_000), Entry("b", b"22")), (Entry("app/main.py", b"print()"), Entry(".wh.b"))),
    labels={"a": "b"},
)
OTHER = ImageSpec(tags=("docker.io/library/y:1",), layers=((Entry("o", b"o"),),), architecture="s390x")


def local(digest: str, spec: ImageSpec = SPEC) -> LocalImage:
    """Return what an engine with this store says of an image."""
    return LocalImage(reference="x:1", id=digest, platform="linux/amd64", diff_ids=spec.diff_ids, labels={}, user="")


def write(folder: Path, blobs: OciBlobs) -> Path:
    """Write a content folder; return it."""
    content = folder / CONTENT
    for digest, data in blobs.by_digest.items():
        path = content / "blobs" / digest.replace(":", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return content


def read(content: Path, digest: str, folder: Path, **words: Any) -> ImageContent:
    """Read the image of a digest."""
    reading = Reading(cache=Cache(folder / "cache"), **words)
    return Containerd([content], reading).read("x:1", local(digest))


def saved(folder: Path, spec: ImageSpec) -> ImageContent:
    """Return what the stream of an engine with this store gives."""
    path = folder / "saved.tar"
    path.write_bytes(tar_of(containerd([spec], lambda data: gzip.compress(data, mtime=0))))
    return archive.read(path).assemble_image(spec.tags[0])


@pytest.mark.parametrize("nested", [False, True])
def test_image_is_the_one_of_the_stream(tmp_path: Path, *, nested: bool) -> None:
    """The figures are those of the saved archive, and the sizes of the blobs are exact, also through an index."""
    blobs, told = OciBlobs(), list[int]()
    described = blobs.add_image(SPEC, platform={"os": "linux", "architecture": "amd64"})
    if nested:
        absent = {**described, "digest": f"sha256:{'0' * 64}", "platform": {"os": "linux", "architecture": "s390x"}}
        described = blobs.add_index(absent, described)
    found = read(write(tmp_path, blobs), described["digest"], tmp_path, on_progress=told.append)
    expected = saved(tmp_path, SPEC)
    # `OciBlobs` writes the config anew, so its bytes differ, and nothing else does.
    assert found == replace(expected, reference="x:1", config=found.config, config_digest=found.config_digest)
    packed = [gzip.compress(data, mtime=0) for data in SPEC.archives]
    assert found.blobs == tuple(Blob(digest=f"sha256:{hexdigest(data)}", size_bytes=len(data)) for data in packed)
    assert told[-1] == sum(map(len, packed))


def test_known_layer_is_not_read(tmp_path: Path) -> None:
    """A layer of the cache need not be there any more; its blob's size is the manifest's."""
    blobs, cache = OciBlobs(), Cache(tmp_path / "cache")
    described, expected = blobs.add_image(SPEC), saved(tmp_path, SPEC)
    content = write(tmp_path, blobs)
    for diff_id, blob, layer in zip(SPEC.diff_ids, expected.blobs, expected.layers, strict=True):
        cache.keep_layer(diff_id, layer)
        assert blob is not None
        (content / "blobs" / blob.digest.replace(":", "/")).unlink()
    assert read(content, described["digest"], tmp_path).blobs == expected.blobs


def locate(content: Path, digest: str) -> Path:
    """Return where a blob is."""
    return content / "blobs" / digest.replace(":", "/")


@pytest.mark.parametrize("part", ["manifest", "config", "layer"])
@pytest.mark.parametrize("how", ["missing", "changed", "a link"])
def test_what_is_not_right(tmp_path: Path, part: str, how: str) -> None:
    """A part that is missing, whose digest is another one, or that lies outside the folder ends the reading."""
    blobs = OciBlobs()
    digest = blobs.add_image(SPEC)["digest"]
    content, manifest = write(tmp_path, blobs), json.loads(blobs.by_digest[digest])
    wanted = {"manifest": digest, "config": manifest["config"]["digest"], "layer": manifest["layers"][0]["digest"]}
    path = locate(content, wanted[part])
    data = path.read_bytes()
    path.unlink()
    if how == "changed":
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif how == "a link":
        (tmp_path / "outside").write_bytes(data)
        path.symlink_to(tmp_path / "outside")
    with pytest.raises((Unavailable, UnreadableImage)):
        read(content, digest, tmp_path)


def test_image_of_another_platform(tmp_path: Path) -> None:
    """An index that leads to other layers than the engine says is not read."""
    blobs = OciBlobs()
    described = blobs.add_index(blobs.add_image(OTHER, platform={"os": "linux", "architecture": "s390x"}))
    with pytest.raises(Unavailable, match="another platform"):
        read(write(tmp_path, blobs), described["digest"], tmp_path)


def test_limits(tmp_path: Path) -> None:
    """An image beyond a limit is refused here as well."""
    blobs = OciBlobs()
    described = blobs.add_image(SPEC)
    with pytest.raises(LimitExceeded, match=r"x:1 has more than 1 layers"):
        read(write(tmp_path, blobs), described["digest"], tmp_path, limits=Limits(layers=1))


def test_layers_that_are_inspected(tmp_path: Path) -> None:
    """Whoever inspects layers gets them from the engine."""
    blobs = OciBlobs()
    described, watches = blobs.add_image(SPEC), Exposures(Cache(tmp_path))
    with pytest.raises(Unavailable, match="as the engine sends them"):
        read(write(tmp_path, blobs), described["digest"], tmp_path, watches=watches)


def test_folders(tmp_path: Path) -> None:
    """The engine's own containerd comes first, then the machine's; the image is in the first that has it."""
    own, shared = tmp_path / "docker/containerd/daemon", tmp_path / "containerd"
    assert find_content(str(tmp_path / "docker"), shared) == ()
    blobs = OciBlobs()
    digest = blobs.add_image(SPEC)["digest"]
    write(shared, blobs)
    (own / CONTENT).mkdir(parents=True)
    folders = find_content(str(tmp_path / "docker"), shared)
    assert folders == (own / CONTENT, shared / CONTENT)
    reading = Reading(cache=Cache(tmp_path / "cache"))
    assert Containerd(folders, reading).read("x:1", local(digest)).diff_ids == SPEC.diff_ids
    with pytest.raises(Unavailable, match="no folder of a containerd"):
        Containerd(folders[:1], reading).read("x:1", local(digest))


@contextmanager
def running(folder: Path) -> Iterator[Path]:
    """Run a containerd of our own; give its socket."""
    socket, plugin = folder / "s", "io.containerd.grpc.v1.cri"
    (folder / "config.toml").write_text(
        f'version = 2\nroot = "{folder}/root"\nstate = "{folder}/state"\ndisabled_plugins = ["{plugin}"]\n'
        f'[grpc]\naddress = "{socket}"\n[ttrpc]\naddress = "{folder}/t"\n'
    )
    words = ["containerd", "--config", str(folder / "config.toml")]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 20
            while subprocess.run(ask(socket, "version"), capture_output=True, check=False).returncode:
                assert time.monotonic() < end
                time.sleep(0.1)
            yield socket
        finally:
            process.terminate()


def ask(socket: Path, *words: str) -> list[str]:
    """Return a command of containerd's client."""
    return ["ctr", "--address", str(socket), *words]


@pytest.mark.services
@pytest.mark.slow
def test_folder_of_a_real_containerd(tmp_path: Path) -> None:
    """A containerd that has imported an image has it in the folder that we read, under the digest that it says."""
    if not shutil.which("containerd") or not shutil.which("ctr"):
        pytest.skip("no containerd on PATH")
    blobs = OciBlobs()
    files: Mapping[str, bytes] = blobs.files({**blobs.add_image(SPEC), **named("docker.io/library/x:1")})
    (tmp_path / "layout.tar").write_bytes(tar_of([Entry(name, data) for name, data in files.items()]))
    with running(tmp_path) as socket:
        words = ["images", "import", "--all-platforms", "--no-unpack", str(tmp_path / "layout.tar")]
        done = subprocess.run(ask(socket, *words), capture_output=True, check=False)
        if done.returncode and b"permission" in done.stderr:
            pytest.skip("this user may not run a containerd")
        assert not done.returncode, done.stderr
        listed = subprocess.run(ask(socket, "images", "ls"), capture_output=True, check=True, text=True).stdout
        digest = next(word for word in listed.split() if word.startswith("sha256:"))
        folders = find_content(str(tmp_path / "none"), tmp_path / "root")
        found = Containerd(folders, Reading(cache=Cache(tmp_path / "cache"))).read("x:1", local(digest))
    expected = saved(tmp_path, SPEC)
    assert found.layers == expected.layers
    assert found.blobs == expected.blobs
