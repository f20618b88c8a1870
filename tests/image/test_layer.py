"""A layer's columns give its entries back, one by one, and say how much there is of them."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest

from weighbridge.image.layer import (
    DIRECTORY,
    FILE,
    HARD_LINK,
    OTHER,
    SYMBOLIC_LINK,
    Entry,
    Fingerprint,
    LayerContent,
)

LAYER = LayerContent(
    shipped_bytes=7,
    file_count=2,
    deflated_bytes=1024,
    fingerprint=Fingerprint(content=1, ownership=2, times=3),
    paths=b"\0d\0d/caf\xc3\xa9\0d/\xff\0l\0pipe\0",
    kinds=bytes([3, 3, 0, 1, 2, 4]),
    sizes=array("q", [0, 0, 7, 0, 0, 0]),
    digests=array("Q", [0, 0, 2**64 - 1, 0, 0, 0]),
    targets={3: "d/twin", 4: "/d"},
    implied_folders=2,
    documents={2: b"document", 5: b"12"},
)


def test_entries() -> None:
    """They come in the archive's order, with their path, kind, size, digest and target; bytes become surrogates."""
    assert list(LAYER.iterate_entries()) == [
        Entry("", DIRECTORY, 0, 0, ""),
        Entry("d", DIRECTORY, 0, 0, ""),
        Entry("d/café", FILE, 7, 2**64 - 1, ""),
        Entry("d/\udcff", HARD_LINK, 0, 0, "d/twin"),
        Entry("l", SYMBOLIC_LINK, 0, 0, "/d"),
        Entry("pipe", OTHER, 0, 0, ""),
    ]


@pytest.mark.parametrize("at_once", range(25))
def test_paths_in_pieces(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """However many bytes of the paths are decoded at once, each path comes out whole."""
    monkeypatch.setattr("weighbridge.image.layer._AT_ONCE_BYTES", at_once)
    assert [entry.path for entry in LAYER.iterate_entries()] == ["", "d", "d/café", "d/\udcff", "l", "pipe"]


def test_amounts() -> None:
    """A layer says how many entries it has, how many files and folders they can make, and how many bytes are kept."""
    assert LAYER.entry_count == 6
    assert LAYER.node_count == 8
    assert LAYER.kept_bytes == (1 + 2 + 8 + 4 + 2 + 5) + (6 + 2) + (8 + 2)


@pytest.mark.parametrize(
    "layer", [replace(LAYER, sizes=array("q", [0] * 5)), replace(LAYER, digests=array("Q", [0] * 7))]
)
def test_columns_of_unlike_length(layer: LayerContent) -> None:
    """A layer whose columns do not fit together is refused."""
    with pytest.raises(ValueError, match=r"zip\(\) argument [23] is (shorter|longer)"):
        list(layer.iterate_entries())


def test_an_empty_layer() -> None:
    """A layer without entries has none, and keeps nothing."""
    empty = replace(
        LAYER, paths=b"", kinds=b"", sizes=array("q"), digests=array("Q"), targets={}, implied_folders=0, documents={}
    )
    assert list(empty.iterate_entries()) == []
    assert (empty.entry_count, empty.node_count, empty.kept_bytes) == (0, 0, 0)
