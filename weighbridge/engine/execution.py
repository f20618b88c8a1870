"""Commands run inside a container, by the SDK's low-level interface: their exit code, and their output as it comes.

The SDK's own way waits for the output without end and hands it over when all is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import requests
import urllib3.exceptions

from weighbridge.engine import reasons
from weighbridge.engine.protocol import TIMED_OUT

_FRAME_HEADER_BYTES = 8
"""Each frame of the output begins with these, the last 4 of which are the size of the rest."""


def execute(
    api: Any, container: str, command: Sequence[str], seconds: float, on_line: Callable[[str], None] | None
) -> tuple[int, str]:
    """Run a command in a running container; return its exit code and its output, both streams.

    Args:
        api: The SDK's `APIClient`.
        container: A running container.
        command: Program and arguments.
        seconds: It is given up, with `TIMED_OUT`, when it has been silent for that long.
        on_line: Is told each whole line of output at once.
    """
    job, wanted = api.exec_create(container, list(command))["Id"], {"Detach": False, "Tty": False}
    output = _Output(on_line)
    try:
        url = f"{api.base_url}/v{api.api_version}/exec/{job}/start"
        with api.post(url, json=wanted, timeout=seconds, stream=True) as answer:
            api._raise_for_status(answer)  # noqa: SLF001 - the SDK's own reading of the engine's words
            while len(header := answer.raw.read(_FRAME_HEADER_BYTES)) == _FRAME_HEADER_BYTES:
                output.add(answer.raw.read(int.from_bytes(header[4:])))
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        if not reasons.timed_out(error):
            raise
        return TIMED_OUT, f"{output.text()}\nno output for {seconds:g} s".lstrip()
    code = api.exec_inspect(job)["ExitCode"]
    return (-1 if code is None else int(code)), output.text()


class _Output:
    """The frames so far, and the line that is not yet whole."""

    def __init__(self, on_line: Callable[[str], None] | None) -> None:
        self._on_line, self._parts, self._rest = on_line, bytearray(), b""

    def add(self, data: bytes) -> None:
        self._parts += data
        if self._on_line:
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._on_line(line.decode(errors="replace"))

    def text(self) -> str:
        return self._parts.decode(errors="replace")
