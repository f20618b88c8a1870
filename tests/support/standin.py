"""A backend of one file for the tests of smoke: the same HTTP contract, on the standard library and Redis alone.

`standin.py api | worker | registered | slow SECONDS | result ID | health`; the variable STANDIN names a way to
misbehave.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sys
import threading
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
    """Keeps what is posted, or has the worker add it up."""

    def do_GET(self) -> None:
        """Answer the probes, and what was kept."""
        if self.path == "/livez":
            return self.send(200, {})
        if self.path == "/readyz":
            return self.send(503 if MISBEHAVIOUR == "unready" else 200, {"redis": redis("PING")})
        if self.path == "/openapi.json":
            paths: dict[str, Any] = {path: {"get": {}} for path in ("/livez", "/things/{id}")}
            return self.send(200, {"openapi": "3.1.0", "paths": paths})
        kept = redis("GET", self.path)
        return self.send(200, json.loads(kept)) if kept else self.send(404, {"detail": "not here"})

    def do_POST(self) -> None:
        """Keep a list of numbers, or have one added up."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if MISBEHAVIOUR == "guarded" and self.headers.get("Authorization") != "Bearer s3cret":
            return self.send(401, {"detail": "not for you"})
        name = str(uuid.uuid4()) if MISBEHAVIOUR == "forgets" else hashlib.sha256(body).hexdigest()
        if self.path == "/things":
            is_new = redis("SETNX", f"/things/{name}", body.decode())
            return self.send(201 if is_new else 200, {"id": name})
        redis("SET", f"/sums/{name}", json.dumps({"status": "pending"}))
        redis("LPUSH", JOBS, json.dumps({"id": name, "add": json.loads(body)["numbers"]}))
        return self.send(202, {"id": name})

    def send(self, status: int, value: object) -> None:
        """Answer with JSON."""
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Worker:
    """Takes one job after the other; ends at SIGTERM when the running one is done."""

    def __init__(self) -> None:
        self.ending = False

    def end(self, *_: object) -> None:
        """Take no more jobs."""
        self.ending = True

    def run(self) -> None:
        """Work until the end."""
        signal.signal(signal.SIGTERM, self.end)
        ALIVE.touch()
        redis("SET", "alive", "1")
        print("standin ready.", flush=True)  # noqa: T201 - its log
        while not self.ending:
            taken = redis("BRPOP", JOBS, "1")
            if taken:
                self.work(json.loads(taken[1]))

    def work(self, job: dict[str, Any]) -> None:
        """Do one job."""
        print("job", job["id"], flush=True)  # noqa: T201 - its log
        if "add" in job:
            if MISBEHAVIOUR == "ends":
                raise LookupError("the standin is lost")
            done = {"status": "done", "sum": sum(job["add"]) + (MISBEHAVIOUR == "miscounts")}
            redis("SET", f"/sums/{job['id']}", json.dumps(done))
        else:
            time.sleep(job["seconds"])
            redis("SET", f"result-{job['id']}", str(job["seconds"]))


def registered() -> None:
    """Print which jobs the worker knows, as `celery inspect registered --json` does."""
    print(json.dumps({"standin": ["add", "sleep"]} if redis("GET", "alive") else {}))  # noqa: T201 - the output


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
    """Serve; at SIGTERM finish what has begun and let nobody in any more."""
    if MISBEHAVIOUR == "dies":
        sys.exit("the standin gives up")
    with ThreadingHTTPServer(("0.0.0.0", 8000), Api) as server:  # noqa: S104 - in a container
        server.daemon_threads = False  # so that the end waits for them
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        server.serve_forever(0.1)


if __name__ == "__main__":
    ROLES: dict[str, Callable[..., None]] = {
        "api": api,
        "worker": Worker().run,
        "registered": registered,
        "slow": slow,
        "result": result,
        "health": health,
    }
    ROLES[sys.argv[1]](*sys.argv[2:])
