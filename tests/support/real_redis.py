"""A Redis of this machine, and an engine that runs the commands of its client there."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import FakeEngine
from tests.support.scripts import free_port
from weighbridge.model.container import CommandResult, Streams


class RealRedis(FakeEngine):
    """An engine whose Redis runs on this machine."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port

    def execute(self, _container: str, command: Sequence[str], *_: Any) -> CommandResult:
        """Run the command of Redis's client."""
        program, *words = command
        done = subprocess.run([program, "-p", str(self.port), *words], capture_output=True, text=True, check=False)
        return CommandResult(code=done.returncode, streams=Streams(output=done.stdout, errors=done.stderr))


@contextmanager
def run_redis(folder: Path, *options: str) -> Iterator[int]:
    """Run a Redis that keeps nothing, and yield its port; skip the test where there is none."""
    program, port = shutil.which("redis-server") or pytest.skip("redis-server is not installed"), free_port()
    words = [program, "--port", str(port), "--save", "", "--dir", str(folder), *options]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 10
        while subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        try:
            yield port
        finally:
            process.terminate()
