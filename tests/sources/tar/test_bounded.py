"""Streams that have to have a length."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import UnreadableImage
from weighbridge.sources.tar.bounded import Bounded


@given(st.binary(max_size=50), st.integers(0, 60), st.integers(1, 20))
def test_length(data: bytes, size: int, at_once: int) -> None:
    """Bytes of the right number come through; more or fewer are an error, and of more only one is taken."""
    source, counts = io.BytesIO(data), list[int]()
    stream = io.BufferedReader(Bounded(source, size, "It", counts.append), at_once)
    if len(data) == size:
        assert stream.read() == data
        assert sum(counts) == size
        return
    with pytest.raises(
        UnreadableImage, match="longer than its stated" if len(data) > size else f"ends after {len(data)} of"
    ):
        stream.read()
    assert source.tell() <= size + 1


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (2, "A blob is longer than its stated 2 bytes"),
        (4, "A blob ends after 3 of 4 bytes"),
    ],
)
def test_fault(size: int, words: str) -> None:
    """The error says what is wrong with which source, and the stream keeps it for whoever catches another one."""
    stream = Bounded(io.BytesIO(b"abc"), size, "A blob", lambda _count: None)
    assert stream.fault is None
    with pytest.raises(UnreadableImage) as caught:
        stream.readall()
    assert caught.value.message == words
    assert caught.value.advice == "Save the image again and compare the files' checksums."
    assert stream.fault is caught.value
