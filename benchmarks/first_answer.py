"""Starts a server, waits until it answers a path with status 200, and ends it: its own time is that of the start.

It runs as a script with `-I -S` and loads little, because its own start is a part of what is measured.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time

PORT = "{port}"
"""Stands for a free port in the server's command."""
LONGEST_SECONDS = 60.0
_PAUSE_SECONDS = 0.002
_ANSWER_SECONDS = 10.0


def main(path: str, command: list[str]) -> str:
    """Run the server until it answers; return why it did not, or nothing. Whatever it prints is dropped or an error."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [word.replace(PORT, str(port)) for word in command]
    silent = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    server = os.posix_spawnp(words[0], words, os.environ, file_actions=[silent])
    deadline = time.monotonic() + LONGEST_SECONDS
    while not _answers(port, path):
        if os.waitpid(server, os.WNOHANG)[0]:
            return "the server has ended"
        if time.monotonic() > deadline:
            os.kill(server, signal.SIGKILL)
            return f"{path} did not answer 200 within {LONGEST_SECONDS:.0f} seconds"
        time.sleep(_PAUSE_SECONDS)
    os.kill(server, signal.SIGKILL)  # to end in order takes time, too
    os.waitpid(server, 0)
    return ""


def _answers(port: int, path: str) -> bool:
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), _ANSWER_SECONDS) as connection:
            connection.sendall(request.encode())
            return connection.recv(64).split(None, 2)[1:2] == [b"200"]
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]) or 0)
