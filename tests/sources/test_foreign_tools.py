"""Images that buildah, podman, skopeo and umoci make from nothing, without an engine, and what they unpack of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from weighbridge.cache import Cache
from weighbridge.image import filesystem
from weighbridge.image.content import ImageContent
from weighbridge.sources import archive, opener
from weighbridge.sources.opener import Means, parse

pytestmark = pytest.mark.services

FIRST, SECOND = {"data/one": 5000, "data/two": 700}, {"data/three": 90}
DOCKERFILE = "FROM scratch\nCOPY first /\nCOPY second /\nENV A=b\n"
FILES = {"data/one": 5000, "data/again": 5000, "data/two": 1234}
"""What is left after `change`."""


def run(program: str, *words: str | Path) -> str:
    """Run a program and return what it prints; skip where it is not installed, but in CI, which installs it."""
    if shutil.which(program) is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{program} is not installed")
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def write(folder: Path, sizes: Mapping[str, int]) -> None:
    """Write files of these sizes."""
    for name, size in sizes.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(os.urandom(size))


def change(root: Path) -> None:
    """Delete, replace and link files of an image."""
    (root / "data" / "three").unlink()
    (root / "data" / "two").write_bytes(os.urandom(1234))
    (root / "data" / "again").hardlink_to(root / "data" / "one")


def on_disk(root: Path) -> Mapping[str, int]:
    """Return the size of each file below a folder by its path."""
    return {str(path.relative_to(root)): path.stat().st_size for path in root.rglob("*") if path.is_file()}


def read(location: str, folder: Path) -> ImageContent:
    """Read the image that a user names so; the cache in the folder stays empty."""
    place = parse(location)
    return dict(opener.read([place], Means(cache=Cache(folder))))[place]


def seen(image: ImageContent) -> Mapping[str, int]:
    """Return the size of each file that is seen of an image by its path."""
    view = filesystem.stack(image.layers)
    return {path: view.get_size(number) for path, number in view.iterate_files()}


def lost(image: ImageContent) -> set[tuple[str, int, str]]:
    """Return what was shipped in vain: why, how many bytes, and where."""
    losses = filesystem.stack(image.layers).losses.values()
    return {(loss.cause.name, loss.size_bytes, loss.path) for loss in losses}


@dataclass(frozen=True)
class Store:
    """Buildah's and podman's images: `built` as the Dockerfile says, and `changed`, which stands on it."""

    options: tuple[str | Path, ...]
    files: Mapping[str, int]
    """Those of `changed`, as buildah mounts it."""

    def run(self, program: str, *words: str | Path) -> str:
        """Run buildah or podman on these images."""
        return run(program, *self.options, *words)


@pytest.fixture(scope="module")
def short() -> Iterator[Path]:
    """Return a folder whose path is short: podman takes no more than 50 letters."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="module", params=["vfs", "overlay"])
def store(request: pytest.FixtureRequest, short: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return images that buildah has built with one kind of storage."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts an image without a namespace of its own")
    folder = tmp_path_factory.mktemp("store")
    places = ("--root", folder / "root", "--runroot", short / request.param, "--storage-driver", request.param)
    run("buildah", "--version")
    tried = ["buildah", *map(str, places), "info"]
    if request.param == "overlay" and subprocess.run(tried, capture_output=True, check=False).returncode:
        pytest.skip("no overlay can be mounted here")
    write(folder / "context" / "first", FIRST)
    write(folder / "context" / "second", SECOND)
    (folder / "context" / "Dockerfile").write_text(DOCKERFILE)
    draft = Store(places, {})
    try:
        draft.run("buildah", "bud", "--isolation", "chroot", "--layers", "-q", "-t", "built:1", folder / "context")
        container = draft.run("buildah", "from", "localhost/built:1")
        change(Path(draft.run("buildah", "mount", container)))
        draft.run("buildah", "commit", "-q", container, "localhost/changed:1")
        mounted = on_disk(Path(draft.run("buildah", "mount", container)))
        yield Store(places, mounted)
    finally:
        draft.run("buildah", "rm", "--all")
        draft.run("buildah", "rmi", "--all", "--force")


@pytest.mark.parametrize("form", ["oci-archive", "docker-archive", "oci"])
def test_buildah_pushes(store: Store, tmp_path: Path, form: str) -> None:
    """What `buildah push` writes has the files that buildah mounts, and each layer has what was put into it."""
    store.run("buildah", "push", "-q", "changed:1", f"{form}:{tmp_path}/image:name:1")
    place = f"{'archive' if form == 'docker-archive' else 'oci'}:{tmp_path}/image"
    image = read(place, tmp_path)
    assert seen(image) == store.files == FILES
    assert [(layer.shipped_bytes, layer.file_count) for layer in image.layers][:2] == [(5700, 2), (90, 1)]
    assert image.layers[0].shipped_bytes == sum(FIRST.values())
    assert {(cause, size) for cause, size, _ in lost(image)} >= {("deleted-file", 90), ("replaced", 700)}


def test_podman_saves_two_images_in_one_archive(store: Store, tmp_path: Path) -> None:
    """Of an archive of `podman save -m` each image is found by its name, with its own layers, which it may share."""
    store.run("podman", "save", "-q", "-m", "-o", tmp_path / "both.tar", "built:1", "changed:1")
    assert archive.read(tmp_path / "both.tar").references == ("localhost/built:1", "localhost/changed:1")
    built, changed = (read(f"archive:{tmp_path}/both.tar#{name}:1", tmp_path) for name in ("built", "changed"))
    assert seen(built) == FIRST | SECOND
    assert seen(changed) == store.files
    assert changed.diff_ids[: len(built.diff_ids)] == built.diff_ids
    assert len(changed.diff_ids) == len(built.diff_ids) + 1


def test_skopeo_turns_archives_into_one_another(store: Store, tmp_path: Path) -> None:
    """An archive of podman's is the same image after skopeo has made it one of OCI, and Docker's again."""
    store.run("podman", "save", "-q", "--format", "oci-archive", "-o", tmp_path / "saved.tar", "changed:1")
    copies = ["oci-archive:saved.tar", "docker-archive:docker.tar:x:1", "oci-archive:again.tar:x:1", "oci:layout:x"]
    for source, target in pairwise(copies):
        places = (each.replace(":", f":{tmp_path}/", 1) for each in (source, target))
        run("skopeo", "--insecure-policy", "copy", "-q", *places)
    images = [
        read(f"{kind}:{tmp_path}/{name}", tmp_path)
        for kind, name in (("oci", "saved.tar"), ("archive", "docker.tar"), ("oci", "again.tar"), ("oci", "layout"))
    ]
    assert [seen(image) for image in images] == [store.files] * 4
    assert {image.diff_ids for image in images} == {images[0].diff_ids}


def test_skopeo_packs_in_chunks(store: Store, tmp_path: Path) -> None:
    """Layers of zstd:chunked, which engines can fetch in parts, are the same, and a pull has what the manifest says."""
    store.run("buildah", "push", "-q", "changed:1", f"oci:{tmp_path}/plain:x")
    places = f"oci:{tmp_path}/plain:x", f"oci:{tmp_path}/chunked:x"
    run("skopeo", "--insecure-policy", "copy", "-q", "--dest-compress-format", "zstd:chunked", *places)
    layers = json.loads(run("skopeo", "inspect", "--raw", places[1]))["layers"]
    assert all("zstd-chunked" in " ".join(layer["annotations"]) for layer in layers)
    plain, chunked = (read(f"oci:{tmp_path}/{name}", tmp_path) for name in ("plain", "chunked"))
    assert seen(chunked) == store.files
    assert chunked.diff_ids == plain.diff_ids
    assert [blob and (blob.digest, blob.size_bytes) for blob in chunked.blobs] == [
        (layer["digest"], layer["size"]) for layer in layers
    ]


def test_umoci_inserts(tmp_path: Path) -> None:
    """Layers of `umoci insert`, a whiteout and an opaque folder among them, leave what umoci unpacks."""
    write(tmp_path / "first", FIRST)
    write(tmp_path / "second", SECOND)
    image = f"{tmp_path}/layout:x"
    run("umoci", "init", "--layout", tmp_path / "layout")
    run("umoci", "new", "--image", image)
    rootless = () if os.geteuid() == 0 else ("--rootless",)
    for words in (
        (tmp_path / "first" / "data", "/data"),
        (tmp_path / "first" / "data", "/other"),
        ("--opaque", tmp_path / "second" / "data", "/data"),
        ("--whiteout", "/other/one"),
    ):
        run("umoci", "insert", *rootless, "--image", image, *words)
    run("umoci", "unpack", *rootless, "--image", image, tmp_path / "bundle")
    found = read(f"oci:{tmp_path}/layout#x", tmp_path)
    assert seen(found) == on_disk(tmp_path / "bundle" / "rootfs") == {"data/three": 90, "other/two": 700}
    assert lost(found) == {("opaque-directory", 5700, "data"), ("deleted-file", 5000, "other/one")}
    assert [layer.shipped_bytes for layer in found.layers] == [5700, 5700, 90, 0]
