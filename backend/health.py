"""The image's health check: exit status 0 means healthy, 1 means unhealthy, and one line says why.

It runs as a script every few seconds in every container, so it uses only the standard library (and works with `-I -S`):
a socket costs half as much as `http.client`. The image has two roles; the command line of process 1 shows which it is.
"""

from __future__ import annotations

import os
import socket
import sys
import time

PORT = "8000"
"""The port on which the image's command makes the API listen. It is fixed, because the engine maps ports."""
HEARTBEAT = "/tmp/worker.heartbeat"  # noqa: S108 - /tmp is the only writable place of a container
STALE_SECONDS = 30.0
"""Six missed beats: enough patience for a busy machine, and still a quick alarm."""
TIMEOUT_SECONDS = 2.0


def main(port: str = PORT) -> int:
    """Check the role of this container."""
    try:
        with open("/proc/1/cmdline", "rb") as file:  # noqa: PTH123 - pathlib doubles the start-up time
            command = file.read()
    except OSError:
        command = b""
    if is_worker(command):
        healthy, why = check_worker(os.environ.get("HEARTBEAT_PATH") or HEARTBEAT)
    else:
        healthy, why = check_api(port)
    print(why)  # noqa: T201 - `docker inspect` shows it
    return 0 if healthy else 1


def is_worker(command: bytes) -> bool:
    """Tell whether a NUL-separated command line starts Celery, directly or through an init or a shell."""
    return any(word.rpartition(b"/")[2] == b"celery" for word in command.replace(b"\0", b" ").split())


def check_worker(path: str) -> tuple[bool, str]:
    """Tell whether the worker's main loop has touched its heartbeat file lately; heartbeat.py says what that proves."""
    try:
        age = time.time() - os.stat(path).st_mtime  # noqa: PTH116 - see main
    except OSError as error:
        return False, f"worker: no heartbeat at {path}: {error.strerror}"
    return age <= STALE_SECONDS, f"worker: last heartbeat {age:.0f} s ago"


def check_api(port: str) -> tuple[bool, str]:
    """Tell whether the API answers `GET /livez` with 200."""
    request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", int(port)), TIMEOUT_SECONDS) as connection:
            connection.sendall(request)
            words = connection.recv(64).split(None, 2)
    except (OSError, OverflowError, ValueError) as error:
        return False, f"api: port {port}: {error}"
    status = words[1].decode("ascii", "replace") if len(words) > 1 else "nothing"
    return status == "200", f"api: /livez answered {status}"


if __name__ == "__main__":
    sys.exit(main())
