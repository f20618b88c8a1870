"""What is kept of an engine's image comes back as it was, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.images import LAYOUTS, Entry, ImageSpec, tar_of
from weighbridge.cache import Cache
from weighbridge.sources import archive, remembered
from weighbridge.sources.oci.manifests import compute_digest

SPEC = ImageSpec(tags=("x:1",), layers=((Entry("a", b"1"),), (Entry("b", b"22"),)), labels={"é": "x"})


@pytest.mark.parametrize("layout", ["docker_20", "containerd"])
def test_image_comes_back(tmp_path: Path, layout: str) -> None:
    """The config is the same to the byte, and blobs are there where the source has them."""
    (tmp_path / "saved.tar").write_bytes(tar_of(LAYOUTS[layout]([SPEC])))
    content, cache = archive.read(tmp_path / "saved.tar").assemble_image("x:1"), Cache(tmp_path)
    remembered.keep(cache, "sha256:1", content)
    assert remembered.read(cache, "sha256:1") == remembered.Remembered(SPEC.config, content.blobs)
    assert all(content.blobs) is (layout == "containerd")
    assert remembered.read(cache, "sha256:2") is None


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"config": "{}"},
        {"config": 1, "blobs": []},
        {"config": "{}", "blobs": 1},
        {"config": "{}", "blobs": [1]},
        {"config": "{}", "blobs": [["sha256:1", -1]]},
        {"config": "{}", "blobs": [["sha256:1", True]]},
        {"config": "{}", "blobs": [[1, 1]]},
    ],
    ids=repr,
)
def test_changed_file_is_as_good_as_none(tmp_path: Path, kept: dict[str, object]) -> None:
    """A file that someone changed is not used."""
    Cache(tmp_path).keep_document("sha256:1", kept)
    assert remembered.read(Cache(tmp_path), "sha256:1") is None


def test_document_is_fetched_once(tmp_path: Path) -> None:
    """What has its digest is kept; what has another is not, and a kept one that is wrong is fetched again."""
    fetched, digest = list[str](), compute_digest(b"{}")

    def fetch(wanted: str) -> bytes:
        fetched.append(wanted)
        return b"{}"

    recall = remembered.recall_documents(Cache(tmp_path), fetch)
    assert [recall(digest), recall(digest)] == [b"{}"] * 2
    assert fetched == [digest]
    Cache(tmp_path).keep_bytes(f"document-{digest}", b"[]")
    assert [recall(digest), recall(digest)] == [b"{}"] * 2
    assert fetched == [digest] * 2
    other = f"sha256:{'0' * 64}"
    assert [recall(other), recall(other)] == [b"{}"] * 2
    assert fetched == [digest] * 2 + [other] * 2
