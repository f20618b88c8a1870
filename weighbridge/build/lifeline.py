"""Runs a program that ends when this process ends, however that happens, SIGKILL included.

Between both stands a watcher: this file, run as a script. It leads a process group of its own, in which the program and
all that it starts are, and holds the reading end of a pipe, the lifeline. When this process ends, the kernel closes the
writing end; the watcher then sends SIGTERM to the group, so that a builder's client can cancel its session, and after
some seconds SIGKILL. A signal to the program alone would not do: some versions of Docker's client leave it to the
terminal to pass a signal on to their plug-in, which does the building.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

GRACE_SECONDS = 10.0
"""How long the program may take to end after SIGTERM."""
_CANNOT_START = 127


@contextmanager
def run(command: Iterable[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a program without input; its whole output can be read from `stdout`. When the block ends, it has ended.

    Its exit code is 127 if it cannot be started, and 128 and the signal's number if a signal ended it.
    """
    with subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, *command],
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        process_group=0,
    ) as process:
        try:
            yield process
        finally:
            # Closes the lifeline, and reads on, because a program that cannot write does not end.
            process.communicate()


def _watch(command: list[str]) -> int:
    """Run the program until it or the lifeline ends; return its exit code."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # handlers, unlike SIG_IGN, are not inherited
        signal.signal(number, lambda *_: None)
    try:
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", flush=True)  # noqa: T201 - read by the other side
        return _CANNOT_START
    threading.Thread(target=_end_with_lifeline, daemon=True).start()
    code = program.wait()
    return 128 - code if code < 0 else code


def _end_with_lifeline() -> None:
    """Wait until the lifeline ends, then end the whole group, this process included."""
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(_watch(sys.argv[1:]))
