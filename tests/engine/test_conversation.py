"""Lines to and from a program, over the frames that an engine sends, however they are cut."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.engine.conversation import Conversation
from weighbridge.errors import EngineFault


def frame(data: bytes, stream: int = 1) -> bytes:
    """Return a frame of standard output (1) or standard error (2)."""
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4) + data


@contextmanager
def program(*answers: bytes, chunk: int = 1000) -> Iterator[tuple[Conversation, list[bytes]]]:
    """Return the conversation with a program that sends one of these for each line, and the lines that it gets."""
    ours, theirs = socket.socketpair()
    lines: list[bytes] = []

    def answer() -> None:
        with theirs, theirs.makefile("rb") as asked, suppress(ConnectionError):  # who got the answer may go
            for each in answers:
                lines.append(asked.readline())
                for at in range(0, len(each), chunk):
                    theirs.sendall(each[at : at + chunk])
            theirs.shutdown(socket.SHUT_WR)
            lines.extend(asked)

    thread = Thread(target=answer)
    thread.start()
    found = Conversation(ours)
    try:
        yield found, lines
    finally:
        found.close()
        thread.join(10)
        assert not thread.is_alive()


@given(
    st.lists(st.tuples(st.text("aé€ ", max_size=30), st.binary(max_size=20)), min_size=1, max_size=4),
    st.integers(1, 40),
    st.integers(1, 9),
)
def test_lines_are_whole(wanted: list[tuple[str, bytes]], chunk: int, cut: int) -> None:
    """Each line of standard output is whole, however frames are cut, and whatever goes to standard error."""

    def send(text: str, noise: bytes) -> bytes:
        data = f"{text}\n".encode()
        return b"".join(frame(data[at : at + cut]) + frame(noise, 2) for at in range(0, len(data), cut))

    with program(*(send(*each) for each in wanted), chunk=chunk) as (conversation, lines):
        for number, (text, _) in enumerate(wanted):
            conversation.send(str(number))
            assert conversation.receive(5) == text
    assert lines == [f"{number}\n".encode() for number, _ in enumerate(wanted)]


def test_program_that_ends_is_told() -> None:
    """The last line of its standard error says why; after that nothing is sent or received."""
    with program(frame(b"Traceback\n", 2) + frame(b"ValueError: x\n", 2) + frame(b"half")) as (conversation, _):
        conversation.send("a")
        for _ in range(2):
            with pytest.raises(EngineFault, match=r"The program has ended: ValueError: x"):
                conversation.receive(5)
    with pytest.raises(EngineFault, match="The connection to the program is lost"):
        conversation.send("b")
    with pytest.raises(EngineFault, match="The connection to the program is lost"):
        conversation.receive(5)


def test_silence_ends() -> None:
    """Nobody waits longer than they want to, and a line that comes later is still there."""
    with program(b"", frame(b"late\n")) as (conversation, _):
        conversation.send("a")
        assert conversation.receive(0.1) is None
        conversation.send("b")
        assert conversation.receive(5) == "late"


def test_long_lines_fit() -> None:
    """A line of a megabyte goes in, and one comes out."""
    long = "x" * 2**20
    with program(frame(f"{long}\n".encode()), chunk=2**16) as (conversation, lines):
        conversation.send(long)
        assert conversation.receive(10) == long
    assert len(lines[0]) == len(long) + 1
