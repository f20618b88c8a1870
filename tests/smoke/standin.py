"""A backend of one file for the tests of smoke: the same HTTP contract, on the standard library and Redis alone.

`standin.py api | worker | slow SECONDS | result ID | health`; the variable STANDIN names a way to misbehave.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sys
import time
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

MISBEHAVIOUR = os.environ.get("STANDIN", "")
ALIVE = Path("/tmp/alive")  # noqa: S108 - in a container
JOBS = "jobs"


def redis(*words: str) -> Any:
    """Send one command to Redis and return its answer."""
    at = urlsplit(os.environ["REDIS_URL"])
    parts = [word.encode() for word in words]
    command = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
    with (
        socket.create_connection((at.hostname or "", at.port or 6379)) as connection,
        connection.makefile("rb") as file,
    ):
        connection.sendall(command)
        return answer(file)


def answer(file: BufferedReader) -> Any:
    """Read one answer of Redis."""
    kind, rest = file.read(1), file.readline().strip()
    if kind == b"$":
        return None if int(rest) < 0 else file.read(int(rest) + 2)[:-2].decode()
    if kind == b"*":
        return None if int(rest) < 0 else [answer(file) for _ in range(int(rest))]
    return int(rest) if kind == b":" else rest.decode()


class Api(BaseHTTPRequestHandler):
    """The contract, as far as smoke knows it."""

    def do_GET(self) -> None:
        """Answer the probes, and what was kept."""
        if self.path == "/livez":
            return self.send(200, {})
        if self.path == "/readyz":
            return self.send(503 if MISBEHAVIOUR == "unready" else 200, {"redis": redis("PING")})
        if self.path == "/openapi.json":
            return self.send(200, {"openapi": "3.1.0", "paths": {"/v1/reports": {}}})
        kept = redis("GET", self.path)
        return self.send(200, json.loads(kept)) if kept else self.send(404, {"detail": "not here"})

    def do_POST(self) -> None:
        """Keep a report, or have two compared."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if MISBEHAVIOUR == "guarded" and self.headers.get("Authorization") != f"Bearer {os.environ['API_TOKEN']}":
            return self.send(401, {"detail": "not for you"})
        name = str(uuid.uuid4()) if MISBEHAVIOUR == "forgets" else hashlib.sha256(body).hexdigest()
        if self.path == "/v1/reports":
            is_new = redis("SETNX", f"{self.path}/{name}", body.decode())
            return self.send(201 if is_new else 200, {"id": name})
        redis("SET", f"{self.path}/{name}", json.dumps({"id": name, "status": "pending", **json.loads(body)}))
        redis("LPUSH", JOBS, json.dumps({"id": name, "compare": f"{self.path}/{name}"}))
        return self.send(202, {"id": name})

    def send(self, status: int, value: object) -> None:
        """Answer with JSON."""
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Worker:
    """Takes one job after the other; ends at SIGTERM when the running one is done."""

    def __init__(self) -> None:
        self.ending = False

    def end(self, *_: object) -> None:
        """Take no more jobs."""
        self.ending = True
        if MISBEHAVIOUR == "hasty":
            os._exit(0)

    def run(self) -> None:
        """Work until the end."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN if MISBEHAVIOUR == "deaf" else self.end)
        ALIVE.touch()
        while not self.ending:
            taken = redis("BRPOP", JOBS, "1")
            if taken:
                self.work(json.loads(taken[1]))

    def work(self, job: dict[str, Any]) -> None:
        """Do one job."""
        print("job", job["id"], flush=True)  # noqa: T201 - its log
        if "compare" in job:
            redis("SET", job["compare"], json.dumps(compared(json.loads(redis("GET", job["compare"])))))
        else:
            time.sleep(job["seconds"])
            redis("SET", f"result-{job['id']}", str(job["seconds"]))


def compared(pair: dict[str, str]) -> dict[str, Any]:
    """Return the finished comparison of a pair of reports with one image each."""
    before, after = (json.loads(redis("GET", f"/v1/reports/{pair[side]}"))["images"][0] for side in ("before", "after"))
    delta = after["shipped_bytes"] - before["shipped_bytes"] + (MISBEHAVIOUR == "miscounts")
    return {**pair, "status": "done", "difference": [{"variant": after["variant"], "delta_bytes": delta}]}


def slow(seconds: str) -> None:
    """Start a slow job and print its id."""
    name = str(uuid.uuid4())
    redis("LPUSH", JOBS, json.dumps({"id": name, "seconds": float(seconds)}))
    print(name)  # noqa: T201 - the output is the point


def result(name: str) -> None:
    """Wait for a job's result without end, as `celery result` does, and print it."""
    while not (found := redis("GET", f"result-{name}")):
        time.sleep(0.05)
    print(found)  # noqa: T201 - the output is the point


def health() -> None:
    """Exit with 0 where the container's role is well."""
    if MISBEHAVIOUR == "sick":
        sys.exit("the standin feels sick")
    if b"worker" in Path("/proc/1/cmdline").read_bytes():
        sys.exit(not ALIVE.exists())
    socket.create_connection(("127.0.0.1", 8000), 1).close()


def api() -> None:
    """Serve; SIGTERM keeps its default, which ends the process with 143."""
    if MISBEHAVIOUR == "dies":
        sys.exit("the standin gives up")
    host = "127.0.0.1" if MISBEHAVIOUR == "secretive" else "0.0.0.0"  # noqa: S104 - in a container
    ThreadingHTTPServer((host, 8000), Api).serve_forever()


if __name__ == "__main__":
    ROLES: dict[str, Callable[..., None]] = {
        "api": api,
        "worker": Worker().run,
        "slow": slow,
        "result": result,
        "health": health,
    }
    ROLES[sys.argv[1]](*sys.argv[2:])
