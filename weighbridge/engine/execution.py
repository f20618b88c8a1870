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

_FRAME_HEADER_BYTES = 8
"""Each frame of the output begins with a header of this size, whose last 4 bytes are the size of the rest."""


def execute(
    api: Any, container: str, command: Sequence[str], seconds: float, on_line: Callable[[str], None] | None
) -> tuple[int, str]:
    """Run a command in a running container; return its exit code and what it wrote to both output streams.

    Args:
        api: The SDK's `APIClient`.
        container: A running container.
        command: Program and arguments.
        seconds: Give up, with exit code `TIMED_OUT`, when it has printed nothing for that long.
        on_line: Called with each complete line of output as soon as it is printed.
    """
    job, wanted = api.exec_create(container, list(command))["Id"], {"Detach": False, "Tty": False}
    output = _Output(on_line)
    try:
        url = f"{api.base_url}/v{api.api_version}/exec/{job}/start"
        with api.post(url, json=wanted, timeout=seconds, stream=True) as answer:
            api._raise_for_status(answer)  # noqa: SLF001 - the SDK turns the engine's answer into its errors
            while len(header := answer.raw.read(_FRAME_HEADER_BYTES)) == _FRAME_HEADER_BYTES:
                output.add(answer.raw.read(int.from_bytes(header[4:])))
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        if not reasons.has_timed_out(error):
            raise
        return TIMED_OUT, f"{output.decode()}\nno output for {seconds:g} s".lstrip()
    code = api.exec_inspect(job)["ExitCode"]
    return (-1 if code is None else int(code)), output.decode()


class _Output:
    """Collects the frames of the output, and passes complete lines on."""

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
