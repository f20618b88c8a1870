"""The output of a command in a container, as the engine sends it: frames, lines as they come, and the exit code."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.engine import execution
from weighbridge.model.container import CommandResult, Streams


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


def execute(stream: bytes, code: int | None = 0) -> tuple[CommandResult, list[str]]:
    """Return the result of a command, and the lines that were reported while it ran."""
    lines: list[str] = []
    return execution.execute(Api(stream, code), "c", ["x"], 5, lines.append), lines


@pytest.mark.parametrize(
    ("stream", "output", "errors"),
    [
        (b"", "", ""),
        (frame(b"ab") + frame(b"", 2) + frame(b"c" * 256, 2) + frame(b"d"), "abd", "c" * 256),
        (b"\1\0\0\0\0\0\0\5ab", "ab", ""),
        (b"\2\0\0\0\0\0\0\5ab", "", "ab"),
        (b"\1\0", "", ""),
        (frame(b"\xff\n"), "\ufffd\n", ""),
    ],
)
def test_frames(stream: bytes, output: str, errors: str) -> None:
    """Each output stream is returned by itself; of a stream that breaks off, what has come."""
    assert execute(stream)[0] == CommandResult(code=0, streams=Streams(output=output, errors=errors))


@pytest.mark.parametrize(("code", "told"), [(0, 0), (7, 7), (None, -1)])
def test_exit_code(code: int | None, told: int) -> None:
    """A command without an exit code, because its container went away, has not succeeded."""
    assert execute(b"", code)[0].code == told


@given(st.lists(st.text(alphabet="ab\u00e9\n", max_size=6)))
def test_lines_are_whole(parts: list[str]) -> None:
    """However the engine splits the output, each complete line is reported once."""
    text = "".join(parts)
    result, lines = execute(b"".join(frame(part.encode()) for part in parts))
    assert (result.streams.output, lines) == (text, text.split("\n")[:-1])


def test_lines_of_two_streams_are_not_mixed() -> None:
    """A line that comes in two parts stays whole if the other stream writes in between."""
    assert execute(frame(b"be") + frame(b"warn", 2) + frame(b"gun\n") + frame(b"ing\n", 2))[1] == ["begun", "warning"]


def test_log_of_each_stream() -> None:
    """A container's log is read once for each stream."""

    class Logs:
        def logs(self, container: str, *, tail: int | str, stdout: bool, stderr: bool) -> bytes:
            assert (container, tail) == ("c", "all")
            return (
                b"out\xff"
                if (stdout, stderr) == (True, False)
                else b"err"
                if (stdout, stderr) == (False, True)
                else b""
            )

    assert execution.read_streams(Logs(), "c", None) == ("out\ufffd", "err")
