"""What goes through the pipes between processes: values and streams, and what a closed pipe leaves of them."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.sources.processes.messages import Incoming, receive, send, send_stream


@given(st.lists(st.integers() | st.text() | st.binary()))
def test_values(values: list[object]) -> None:
    """Each value arrives, in order, and then the pipe's end is told."""
    pipe = io.BytesIO()
    for value in values:
        send(pipe, value)
    pipe.seek(0)
    assert [receive(pipe) for _ in values] == values
    with pytest.raises(EOFError):
        receive(pipe)


@given(st.binary(max_size=500), st.lists(st.integers(0, 300)))
def test_stream_between_values(data: bytes, sizes: list[int]) -> None:
    """Reads of any lengths give what `io.BytesIO` gives, and whatever is left, the next value is found."""
    pipe, plain = io.BytesIO(), io.BytesIO(data)
    send_stream(pipe, io.BytesIO(data))
    send(pipe, "next")
    pipe.seek(0)
    stream = Incoming(pipe)
    assert stream.head == data
    assert [stream.read(size) for size in sizes] == [plain.read(size) for size in sizes]
    stream.drain()
    assert receive(pipe) == "next"


@pytest.mark.parametrize("cut", [1, 8, 20, 2**17 + 9])
def test_closed_pipe(cut: int) -> None:
    """A stream that ends in the middle is never taken for a shorter one."""
    pipe = io.BytesIO()
    send_stream(pipe, io.BytesIO(bytes(2**18)))
    part = io.BytesIO(pipe.getvalue()[:cut])
    with pytest.raises(EOFError):
        Incoming(part).read(2**18)
