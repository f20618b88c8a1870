"""The output of a command in a container, as the engine sends it: frames, lines as they come, and the exit code."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.engine import execution


class Api:
    """The part of the SDK that a command needs, with a prepared stream."""

    base_url, api_version = "http://engine", "1.41"

    def __init__(self, stream: bytes, code: int | None = 0) -> None:
        self.raw, self.code = io.BytesIO(stream), code

    def exec_create(self, _container: str, _command: list[str]) -> dict[str, str]:
        """Return the job."""
        return {"Id": "job"}

    def exec_inspect(self, _job: str) -> dict[str, int | None]:
        """Return the exit code."""
        return {"ExitCode": self.code}

    @contextmanager
    def post(self, url: str, **_: object) -> Any:
        """Answer with the stream."""
        assert url == "http://engine/v1.41/exec/job/start"
        yield self

    def _raise_for_status(self, _answer: object) -> None:
        """Raise no error."""


def frame(data: bytes, stream: int = 1) -> bytes:
    """Return a frame of standard output (1) or standard error (2)."""
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4) + data


def execute(stream: bytes, code: int | None = 0) -> tuple[tuple[int, str], list[str]]:
    """Return the result of a command, and the lines that were reported while it ran."""
    lines: list[str] = []
    return execution.execute(Api(stream, code), "c", ["x"], 5, lines.append), lines


@pytest.mark.parametrize(
    ("stream", "output"),
    [
        (b"", ""),
        (frame(b"ab") + frame(b"", 2) + frame(b"c" * 256, 2), "ab" + "c" * 256),
        (b"\1\0\0\0\0\0\0\5ab", "ab"),
        (b"\1\0", ""),
        (frame(b"\xff\n"), "\ufffd\n"),
    ],
)
def test_frames(stream: bytes, output: str) -> None:
    """Both streams are returned in order; of a stream that breaks off, what has come."""
    assert execute(stream)[0] == (0, output)


@pytest.mark.parametrize(("code", "told"), [(0, 0), (7, 7), (None, -1)])
def test_exit_code(code: int | None, told: int) -> None:
    """A command without an exit code, because its container went away, has not succeeded."""
    assert execute(b"", code)[0][0] == told


@given(st.lists(st.text(alphabet="ab\u00e9\n", max_size=6)))
def test_lines_are_whole(parts: list[str]) -> None:
    """However the engine splits the output, each complete line is reported once."""
    text = "".join(parts)
    assert execute(b"".join(frame(part.encode()) for part in parts)) == ((0, text), text.split("\n")[:-1])
