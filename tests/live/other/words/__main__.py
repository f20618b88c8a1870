"""The program of the image: `python -m words serve | work | registered | sleep SECONDS | result ID | health`."""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

PORT = 9000
WORKER = ("--app", "words.jobs", "worker", "--pool", "threads", "--concurrency", "2", "--loglevel", "INFO")


def serve() -> None:
    """Run the API."""
    import uvicorn  # noqa: PLC0415 - each role loads what it needs

    from .connection import Connection  # noqa: PLC0415 - as above

    uvicorn.run("words.service:app", host="0.0.0.0", port=PORT, timeout_graceful_shutdown=10, http=Connection)  # noqa: S104 - a container


def work() -> None:
    """Run the worker."""
    from celery.bin.celery import main  # type: ignore[import-untyped]  # noqa: PLC0415 - no types; and as above

    sys.argv = ["celery", *WORKER]
    main()


def registered() -> None:
    """Print the jobs that workers know."""
    from . import jobs  # noqa: PLC0415 - as above

    print(json.dumps(jobs.app.control.inspect(timeout=5, limit=1).registered() or {}))  # noqa: T201 - the output


def sleep(seconds: str) -> None:
    """Start a slow job and print its id."""
    from . import jobs  # noqa: PLC0415 - as above

    print(jobs.sleep.delay(float(seconds)).id)  # noqa: T201 - the output


def result(name: str) -> None:
    """Wait for a job and print what it returned."""
    from . import jobs  # noqa: PLC0415 - as above

    print(jobs.app.AsyncResult(name).get())  # noqa: T201 - the output


def health() -> None:
    """Fail where the role of process 1 is not well."""
    if b"work" in Path("/proc/1/cmdline").read_bytes().split(b"\0"):
        age = time.time() - os.stat("/tmp/words-alive").st_mtime  # noqa: PTH116, S108 - see jobs.ALIVE
        sys.exit(f"the last sign of life is {age:.0f} s old" if age > 30 else 0)
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=2)
    connection.request("GET", "/healthz")
    status = connection.getresponse().status
    sys.exit(f"/healthz answered {status}" if status != http.HTTPStatus.OK else 0)


COMMANDS: dict[str, Callable[..., None]] = {
    "serve": serve,
    "work": work,
    "registered": registered,
    "sleep": sleep,
    "result": result,
    "health": health,
}
if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
