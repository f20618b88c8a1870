"""Bodies that were compressed for their way, and those that only seem so."""

from __future__ import annotations

import gzip
import io

import pytest

from tests.support.images import Entry, tar_of
from weighbridge.errors import UnreadableImage
from weighbridge.sources.registry.encodings import open_body, read_document

LAYER = tar_of([Entry("a", b"1" * 70_000), Entry("b", bytes(range(256)) * 300)])
PACKED = gzip.compress(LAYER)
TWICE = gzip.compress(PACKED)


class Sent(io.BytesIO):
    """A body, with what its header says."""

    def __init__(self, data: bytes, encoding: str = "gzip") -> None:
        super().__init__(data)
        self.encoding = encoding


@pytest.mark.parametrize(
    ("sent", "is_gzip", "blob"),
    [
        (Sent(PACKED, ""), True, PACKED),
        (Sent(PACKED), True, PACKED),
        (Sent(TWICE), True, PACKED),
        (Sent(TWICE, " X-GZIP"), True, PACKED),
        (Sent(TWICE, "br"), True, TWICE),
        (Sent(PACKED), False, LAYER),
        (Sent(LAYER), False, LAYER),
        (Sent(b""), True, b""),
    ],
    ids=["no header", "its own", "twice", "old name", "another", "plain", "false header", "nothing"],
)
def test_blob_is_what_was_asked_for(sent: Sent, blob: bytes, *, is_gzip: bool) -> None:
    """One compression is undone where there is one more than the blob has by itself, whatever the header says."""
    body, found = open_body(sent, len(blob), is_gzip=is_gzip), b""
    while block := body.read(999):
        found += block
    assert found == blob


def test_stream_of_nothing_has_an_end() -> None:
    """Empty gzip members without end are damage, not a reason to read for ever."""
    with pytest.raises(OSError, match="more than it was"):
        open_body(Sent(gzip.compress(b"") * 5000), 1000).read(1)


def test_document_that_grows_is_read_no_further() -> None:
    """A few bytes that unpack to a megabyte give as many as were asked for."""
    assert read_document(Sent(gzip.compress(bytes(10**6))), 1000) == bytes(1000)


@pytest.mark.parametrize("data", [gzip.compress(b"{}" * 500)[:-9], b"\x1f\x8bnonsense"], ids=["cut", "false"])
def test_damaged_document(data: bytes) -> None:
    """What cannot be undone is one clear error."""
    with pytest.raises(UnreadableImage, match="compressed for its way is damaged"):
        read_document(Sent(data), 5000)
