"""Markers that engines unpack in unlike ways (decision 0007): we follow the OCI image-spec, as umoci does."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.support import images
from tests.support.images import Entry, ImageSpec, OciBlobs
from tests.support.layers import hard_link, symbolic_link
from weighbridge.image import filesystem
from weighbridge.image.filesystem import Filesystem
from weighbridge.sources import archive_members
from weighbridge.sources.archive import Archive

FOLDER = Entry("d", type=tarfile.DIRTYPE)
LOWER = (FOLDER, Entry("d/a", b"x" * 1000), Entry("d/b/c", b"x" * 2000), Entry("e/f", b"x" * 4000))
NEW = Entry("d/new", b"x" * 10)
ALL = {"d/a": 1000, "d/b/c": 2000, "e/f": 4000}
CASES = {
    "attribute-of-overlay": (
        (Entry("d", type=tarfile.DIRTYPE, attribute="trusted.overlay.opaque"), NEW),
        ALL | {"d/new": 10},
    ),
    "attribute-of-users": (
        (Entry("d", type=tarfile.DIRTYPE, attribute="user.overlay.opaque"), NEW),
        ALL | {"d/new": 10},
    ),
    "opaque-root": ((Entry(".wh..wh..opq"), Entry("new", b"x" * 10)), {"new": 10}),
    "opaque-root-and-folder": ((Entry(".wh..wh..opq"), FOLDER, NEW), {"d/new": 10}),
    "whiteout-before-folder": ((Entry(".wh.d"), FOLDER, NEW), {"d/new": 10, "e/f": 4000}),
    "whiteout-after-folder": ((FOLDER, NEW, Entry(".wh.d")), {"d/new": 10, "e/f": 4000}),
    "whiteout-beside-file": ((Entry(".wh.d"), Entry("d", b"x" * 10)), {"d": 10, "e/f": 4000}),
    "whiteout-and-what-is-below": (
        (Entry("d/.wh.b"), Entry("d/b/new", b"x" * 9)),
        {"d/a": 1000, "d/b/new": 9, "e/f": 4000},
    ),
    "whiteout-as-folder": ((Entry(".wh.d", type=tarfile.DIRTYPE),), {"e/f": 4000}),
    "whiteout-after-file": ((FOLDER, Entry("d/a", b"x" * 10), Entry("d/.wh.a")), ALL | {"d/a": 10}),
    "hard-link-to-lower-file": ((hard_link("g/h", "d/b/c"),), ALL | {"g/h": 2000}),
    "hard-link-to-hidden-file": (
        (hard_link("g/h", "d/b/c"), Entry("d/b/.wh.c")),
        {"d/a": 1000, "g/h": 2000, "e/f": 4000},
    ),
    "whiteout-below-link": ((symbolic_link("l", "/d/b"), Entry("l/.wh.c")), {"d/a": 1000, "e/f": 4000}),
    "whiteout-below-relative-link": ((symbolic_link("m/l", "../d"), Entry("m/l/.wh.a")), {"d/b/c": 2000, "e/f": 4000}),
    "opaque-below-link": (
        (symbolic_link("l", "d"), Entry("l/.wh..wh..opq"), Entry("l/new", b"x")),
        {"d/new": 1, "e/f": 4000},
    ),
}
"""The upper layer, and the files that are seen then, path -> bytes. Kaniko wrote whiteouts below links."""


def build(name: str) -> ImageSpec:
    """Return the image of a case."""
    return ImageSpec(tags=(f"x:{name}",), layers=(LOWER, CASES[name][0]))


def stack(name: str) -> Filesystem:
    """Return what is seen of a case's image, read out of an archive."""
    data = images.tar_of(images.docker_20([build(name)]))
    return filesystem.stack(Archive(archive_members.read(io.BytesIO(data))).assemble_image(f"x:{name}").layers)


@pytest.mark.parametrize("name", CASES)
def test_specification_decides(name: str) -> None:
    """The files are those that the specification leaves, whatever an engine's export has."""
    view = stack(name)
    assert {path: view.get_size(number) for path, number in view.iterate_files()} == CASES[name][1]


@pytest.mark.services
@pytest.mark.parametrize("name", CASES)
def test_umoci_unpacks_the_same(tmp_path: Path, name: str) -> None:
    """The reference tool for OCI layouts leaves the same files, and a hard link is no second file there."""
    blobs = OciBlobs()
    for path, data in blobs.files(blobs.add_image(build(name), annotations=images.named(name)["annotations"])).items():
        place = tmp_path / "layout" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    rootless = () if os.geteuid() == 0 else ("--rootless",)
    words = ["umoci", "unpack", *rootless, "--image", f"{tmp_path}/layout:{name}", str(tmp_path / "bundle")]
    subprocess.run(words, check=True, capture_output=True)
    root = tmp_path / "bundle" / "rootfs"
    found = {str(path.relative_to(root)): path.stat() for path in root.rglob("*") if path.is_file()}
    assert {path: status.st_size for path, status in found.items()} == CASES[name][1]
    once = {status.st_ino: status.st_size for status in found.values()}
    assert sum(stack(name).sum_live_bytes()) == sum(once.values())
