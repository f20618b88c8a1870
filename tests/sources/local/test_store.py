"""What can be read in an engine's folder is; for all else one line says why it comes through the engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.images import Entry, ImageSpec, OciBlobs
from tests.support.layerdb import Layerdb
from weighbridge.cache import Cache
from weighbridge.errors import LimitExceeded
from weighbridge.image.content import ImageContent
from weighbridge.model.engine import DataRoot, LocalImage
from weighbridge.model.limits import Limits
from weighbridge.sources.local import store
from weighbridge.sources.local.containerd import CONTENT
from weighbridge.sources.local.reading import Reading

FIRST = ImageSpec(tags=("x:first",), layers=((Entry("os", b"1" * 9000),), (Entry("b", b"333"),)))
SECOND = ImageSpec(tags=("x:second",), layers=((Entry("os", b"1" * 9000),), (Entry("c", b"4444"),)))
EMPTY = ImageSpec(tags=("x:empty",), layers=())


def read(
    root: DataRoot, images: Mapping[str, LocalImage], folder: Path, limits: Limits | None = None
) -> tuple[dict[str, ImageContent], list[str]]:
    """Read images; return them and the lines that were told."""
    told = list[str]()
    reading = Reading(cache=Cache(folder), on_note=told.append, limits=limits or Limits())
    return dict(store.read(root, images, reading)), told


def test_images_of_overlay2(tmp_path: Path) -> None:
    """All images are read, and one line says so of each; one without layers is left to the engine, and no word lost."""
    kept = Layerdb(tmp_path / "root")
    images = {spec.tags[0]: kept.add(spec) for spec in (FIRST, SECOND, EMPTY)}
    found, told = read(DataRoot(path=str(kept.folder), store="overlay2"), images, tmp_path / "cache")
    assert {name: content.diff_ids for name, content in found.items()} == {
        "x:first": FIRST.diff_ids,
        "x:second": SECOND.diff_ids,
    }
    assert told == [f"Read in {kept.folder}: x:first", f"Read in {kept.folder}: x:second"]


def test_images_of_containerd(tmp_path: Path) -> None:
    """An image of the containerd store is read with the sizes of its blobs."""
    blobs = OciBlobs()
    digest = blobs.add_image(FIRST)["digest"]
    for each, data in blobs.by_digest.items():
        path = tmp_path / "containerd/daemon" / CONTENT / "blobs" / each.replace(":", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    image = LocalImage(reference="x", id=digest, platform="linux/amd64", diff_ids=FIRST.diff_ids, labels={}, user="")
    found, told = read(DataRoot(path=str(tmp_path), store="containerd"), {"x:1": image}, tmp_path / "cache")
    assert [blob and blob.size_bytes > 0 for blob in found["x:1"].blobs] == [True, True]
    assert told == [f"Read in {tmp_path}: x:1"]


def test_one_image_that_is_damaged(tmp_path: Path) -> None:
    """The others are read all the same."""
    kept = Layerdb(tmp_path / "root")
    images = {spec.tags[0]: kept.add(spec) for spec in (FIRST, SECOND)}
    for path in kept.folder.rglob("b"):
        path.write_bytes(b"334")
    found, told = read(DataRoot(path=str(kept.folder), store="overlay2"), images, tmp_path / "cache")
    assert [*found] == ["x:second"]
    assert told == [
        "Read through the engine: x:first; a file does not have the bytes that it had in the archive",
        f"Read in {kept.folder}: x:second",
    ]


@pytest.mark.parametrize(
    ("root", "reason"),
    [
        (DataRoot(path="/", store="overlay2", obstacle="the engine is rootless"), "the engine is rootless"),
        (DataRoot(path="/", store="overlay"), "its store overlay is not read from outside"),
        (DataRoot(path="/", store="vfs"), "its store vfs is not read from outside"),
        (DataRoot(path="/nowhere", store="overlay2"), "No such file or directory"),
        (DataRoot(path="", store="overlay2"), "No such file or directory"),
    ],
)
def test_engine_that_is_not_here(tmp_path: Path, root: DataRoot, reason: str) -> None:
    """An engine that is elsewhere, of another kind, or whose folder is not there gets one line for all images."""
    kept = Layerdb(tmp_path / "root")
    images = {spec.tags[0]: kept.add(spec) for spec in (FIRST, SECOND)}
    assert read(root, images, tmp_path) == ({}, [f"Read through the engine: x:first, x:second; {reason}"])


def test_folder_that_another_user_owns(tmp_path: Path) -> None:
    """Who may not read the engine's folder loses nothing but the time."""
    if not os.getuid():
        pytest.skip("root may read everything")
    kept = Layerdb(tmp_path / "root")
    image = kept.add(FIRST)
    kept.folder.chmod(0o000)
    found, told = read(DataRoot(path=str(kept.folder), store="overlay2"), {"x:first": image}, tmp_path / "cache")
    kept.folder.chmod(0o700)
    assert (found, told) == ({}, ["Read through the engine: x:first; Permission denied"])


def test_containerd_whose_folder_is_not_there(tmp_path: Path) -> None:
    """An image that no content folder has comes through the engine."""
    image = LocalImage(reference="x", id=f"sha256:{'0' * 64}", platform="", diff_ids=FIRST.diff_ids, labels={}, user="")
    found, (line,) = read(DataRoot(path=str(tmp_path), store="containerd"), {"x:1": image}, tmp_path / "cache")
    assert not found
    assert line.startswith("Read through the engine: x:1; no folder of a containerd that this user may read")


def test_limits(tmp_path: Path) -> None:
    """An image beyond a limit is an error, not a reason to read it once more."""
    kept = Layerdb(tmp_path / "root")
    with pytest.raises(LimitExceeded):
        read(
            DataRoot(path=str(kept.folder), store="overlay2"),
            {"x:first": kept.add(FIRST)},
            tmp_path / "cache",
            Limits(entries=1),
        )
