"""Runs commands inside a container by the SDK's low-level interface, with a time limit and live output.

The SDK's own function has no time limit, and returns the output only at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import requests
import urllib3.exceptions

from weighbridge.engine import reasons
from weighbridge.engine.protocol import TIMED_OUT
from weighbridge.model.container import CommandResult, Streams

_FRAME_HEADER_BYTES = 8
"""Each frame of the output begins with a header of this size: 1 byte for the stream, 3 zeros, and the size of the rest
(Engine API, `ContainerAttach`)."""
_OUTPUT, _ERRORS = 1, 2
"""The numbers of standard output and standard error in such a header."""


def execute(
    api: Any, container: str, command: Sequence[str], seconds: float, on_line: Callable[[str], None] | None
) -> CommandResult:
    """Run a command in a running container; return its exit code and what it wrote to each output stream.

    Args:
        api: The SDK's `APIClient`.
        container: A running container.
        command: Program and arguments.
        seconds: Give up, with exit code `TIMED_OUT`, when it has printed nothing for that long.
        on_line: Called with each complete line of either stream as soon as it is printed.
    """
    job, wanted = api.exec_create(container, list(command))["Id"], {"Detach": False, "Tty": False}
    output, errors = _Stream(on_line), _Stream(on_line)
    try:
        url = f"{api.base_url}/v{api.api_version}/exec/{job}/start"
        with api.post(url, json=wanted, timeout=seconds, stream=True) as answer:
            api._raise_for_status(answer)  # noqa: SLF001 - the SDK turns the engine's answer into its errors
            while len(header := answer.raw.read(_FRAME_HEADER_BYTES)) == _FRAME_HEADER_BYTES:
                (errors if header[0] == _ERRORS else output).add(answer.raw.read(int.from_bytes(header[4:])))
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        if not reasons.has_timed_out(error):
            raise
        told = f"{errors.decode()}\nno output for {seconds:g} s".lstrip()
        return CommandResult(code=TIMED_OUT, streams=Streams(output=output.decode(), errors=told))
    code = api.exec_inspect(job)["ExitCode"]
    streams = Streams(output=output.decode(), errors=errors.decode())
    return CommandResult(code=-1 if code is None else int(code), streams=streams)


def read_streams(api: Any, container: str, lines: int | None) -> tuple[str, str]:
    """Return the last lines of a container's log, standard output and standard error each by itself; None: all."""
    output, errors = (
        str(
            api.logs(container, tail=lines or "all", stdout=wanted == _OUTPUT, stderr=wanted == _ERRORS),
            errors="replace",
        )
        for wanted in (_OUTPUT, _ERRORS)
    )
    return output, errors


class _Stream:
    """Collects the frames of one output stream, and passes complete lines on."""

    def __init__(self, on_line: Callable[[str], None] | None) -> None:
        self._on_line, self._parts, self._rest = on_line, bytearray(), b""

    def add(self, data: bytes) -> None:
        self._parts += data
        if self._on_line:
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._on_line(line.decode(errors="replace"))

    def decode(self) -> str:
        return self._parts.decode(errors="replace")
