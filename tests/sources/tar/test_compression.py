"""The first bytes say which compression it is; it is undone as the stream is read."""

from __future__ import annotations

import gzip
import io

import pytest
from backports import zstd

from weighbridge.sources.tar.compression import DAMAGE, decompressed, is_compressed

DATA = bytes(range(256)) * 300
FORMS = {
    "none": DATA,
    "gzip": gzip.compress(DATA),
    "gzip of two members": gzip.compress(DATA[:999]) + gzip.compress(DATA[999:]),
    "zstd": zstd.compress(DATA),
    "zstd of two frames": zstd.compress(DATA[:999]) + zstd.compress(DATA[999:]),
}


def whole(source: bytes) -> bytes:
    """Return all that comes out of a stream."""
    stream, found = decompressed(io.BytesIO(source), source[:4]), b""
    while block := stream.read(1000):
        found += block
    return found


@pytest.mark.parametrize("form", FORMS)
def test_undone(form: str) -> None:
    """Whatever the compression and however many parts it has, the bytes come out."""
    assert is_compressed(FORMS[form][:4]) is (form != "none")
    assert whole(FORMS[form]) == DATA


@pytest.mark.parametrize("form", [form for form in FORMS if form != "none"])
def test_damage(form: str) -> None:
    """A stream that is cut off does not end as if it were whole."""
    with pytest.raises(DAMAGE):
        whole(FORMS[form][:-9])
