"""Assembles an image from a config and layers that were read; a mismatch is an error."""

from __future__ import annotations

import pytest

from tests.support.images import Entry, ImageSpec, hexdigest
from weighbridge.errors import UnreadableImage
from weighbridge.image.content import Blob
from weighbridge.sources.assembly import assemble
from weighbridge.sources.blobs import check_layer
from weighbridge.sources.tar.layer import ReadLayer, read_layer

SPEC = ImageSpec(tags=(), layers=((Entry("a", b"1"),), (Entry("b", b"22"),)), labels={"a": "b"}, variant="v8")
BLOB = Blob(digest=f"sha256:{'1' * 64}", size_bytes=5)


class Bytes:
    """Bytes to read."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int, /) -> bytes:
        """Return the next ones."""
        block, self._data = self._data[:size], self._data[size:]
        return block


def layers() -> list[ReadLayer]:
    """Return the layers, read."""
    return [read_layer(Bytes(data), data[:512]) for data in SPEC.archives]


def test_what_fits() -> None:
    """The image has what its config tells, and the layers and blobs in the order that they were given."""
    contents = [layer.content for layer in layers()]
    image = assemble("x:1", SPEC.config, contents, [BLOB, None])
    assert image.layers == tuple(contents)
    assert image.blobs == (BLOB, None)
    assert (image.reference, image.diff_ids) == ("x:1", SPEC.diff_ids)
    assert image.config_digest == f"sha256:{hexdigest(SPEC.config)}"
    assert (image.platform, image.labels) == ("linux/amd64/v8", {"a": "b"})


def test_more_or_fewer_layers() -> None:
    """A config that lists another number of layers belongs to another image."""
    contents = [layer.content for layer in layers()]
    for count in (0, 1, 3):
        some = (contents * 2)[:count]
        with pytest.raises(UnreadableImage, match=f"x:1 has {count} layers, but its config lists 2"):
            assemble("x:1", SPEC.config, some, [None] * count)


def test_damaged_config() -> None:
    """Only what a figure depends on makes a config unreadable, and the message names the field."""
    for rootfs, place in (
        ("5", "rootfs"),
        ('{"diff_ids": 5}', "rootfs.diff_ids"),
        ('{"diff_ids": [1]}', "rootfs.diff_ids.0"),
    ):
        with pytest.raises(UnreadableImage, match=rf"The config of x:1 is damaged: {place}: "):
            assemble("x:1", f'{{"os": "linux", "rootfs": {rootfs}}}'.encode(), [], [])


def test_layer_is_held_against_what_is_said_of_it() -> None:
    """Both digests count, that of the bytes as they came and that of the archive; one that nobody computed does not."""
    first, second = layers()
    packed = ReadLayer(content=first.content, diff_id=first.diff_id, blob=BLOB)
    check_layer(first, diff_id=first.diff_id, digest=first.diff_id, name="Layer 0")
    check_layer(first, diff_id=first.diff_id, digest="", name="Layer 0")
    check_layer(packed, diff_id=first.diff_id, digest=BLOB.digest, name="Layer 0")
    believed = ReadLayer(content=first.content, diff_id="", blob=Blob(digest="", size_bytes=5))
    check_layer(believed, diff_id=first.diff_id, digest=BLOB.digest, name="Layer 0")
    with pytest.raises(UnreadableImage, match="Layer 0 is damaged: its digest is sha256:1111"):
        check_layer(packed, diff_id=first.diff_id, digest=second.diff_id, name="Layer 0")
    with pytest.raises(UnreadableImage, match="Layer 0 is damaged"):
        check_layer(first, diff_id=first.diff_id, digest=BLOB.digest, name="Layer 0")
    with pytest.raises(UnreadableImage, match="Layer 0 is not the layer that the config lists"):
        check_layer(packed, diff_id=second.diff_id, digest=BLOB.digest, name="Layer 0")
