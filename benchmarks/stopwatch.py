"""Runs one program and prints its time and its peak memory; a small process between the bench and the program.

Linux keeps the peak of a process when another program takes its place (getrusage(2): "preserved across an execve(2)").
So a program's peak is never reported below that of its parent. This parent loads next to nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import time

_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
"""The unit of `ru_maxrss`."""
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_USER_ONLY = 0o600


def main(output: str, command: list[str]) -> None:
    """Run `command` with its standard output in a file; print its seconds, its peak in bytes and its exit code.

    Signals end only the program, and this process ends after it. The peak is that of the largest process among the
    program and those that it started and waited for.
    """
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    into = (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _USER_ONLY)
    began = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=[into], setsigdef=_ENDING)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - began
    sys.stdout.write(f"{seconds} {usage.ru_maxrss * _UNIT_BYTES} {os.waitstatus_to_exitcode(status)}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
