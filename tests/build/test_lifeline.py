"""A program and all that it started end with the process that runs it, whatever ends that process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from weighbridge.build import lifeline

PROJECT = Path(__file__).parents[2]
ENVIRONMENT = {"PATH": os.environ["PATH"]}
RUN = """
import sys
from weighbridge.build import lifeline
with lifeline.run(sys.argv[1:], {"PATH": "/usr/bin:/bin"}) as process:
    for line in process.stdout:
        print(line, end="", flush=True)
"""
# As a client and its plug-in: the first passes no signal on, and both tell their numbers.
CLIENT = "trap : TERM; sh -c 'echo $$; sleep 300' & echo $$; while kill -0 $!; do wait $!; done 2>/dev/null"
STUBBORN = "trap '' TERM; echo $$; while :; do sleep 0.1; done"


def wait_until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Tell whether a process runs; one that is dead and not yet waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return False
    return state != "Z"


def test_program_runs() -> None:
    """Its output, its errors and its exit code come back; it has no input."""
    with lifeline.run(("sh", "-c", "cat; echo out; echo err >&2; exit 7"), ENVIRONMENT) as process:
        assert process.stdout
        assert process.stdout.read() == "out\nerr\n"
        assert process.wait() == 7


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (("/no/such/program",), 127, "/no/such/program cannot be started: No such file or directory\n"),
        (("sh", "-c", "kill -KILL $$"), 128 + signal.SIGKILL, ""),
    ],
)
def test_program_that_does_not_end_by_itself(command: tuple[str, ...], code: int, said: str) -> None:
    """A program that cannot start, or that a signal ends, has an exit code as in a shell."""
    with lifeline.run(command, ENVIRONMENT) as process:
        assert process.stdout
        assert process.stdout.read() == said
        assert process.wait() == code


def test_end_of_the_block_ends_the_program() -> None:
    """At the end of the block, also by an error, program and children have ended."""
    pids = list[int]()

    def interrupted() -> None:
        with lifeline.run(("sh", "-c", CLIENT), ENVIRONMENT) as process:
            assert process.stdout
            pids.extend(int(process.stdout.readline()) for _ in range(2))
            assert all(map(lives, pids))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    wait_until(lambda: not any(map(lives, pids)))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
def test_program_ends_with_the_process_that_runs_it(number: signal.Signals) -> None:
    """SIGKILL leaves no time to clean up; the program and its children end all the same."""
    words = [sys.executable, "-c", RUN, "sh", "-c", CLIENT]
    with subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        pids = [int(process.stdout.readline()) for _ in range(2)]
        assert all(map(lives, pids))
        process.send_signal(number)
        process.wait()
        wait_until(lambda: not any(map(lives, pids)))


def test_program_that_ignores_the_signal_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After its time of grace, the program is killed."""
    script = Path(lifeline.__file__).read_text(encoding="utf-8")
    quick = tmp_path / "lifeline.py"
    quick.write_text(script.replace(f"GRACE_SECONDS = {lifeline.GRACE_SECONDS}", "GRACE_SECONDS = 0.3"))
    monkeypatch.setattr(lifeline, "__file__", str(quick))
    with lifeline.run(("sh", "-c", STUBBORN), ENVIRONMENT) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        assert lives(pid)
        began = time.monotonic()
    wait_until(lambda: not lives(pid))
    assert 0.3 <= time.monotonic() - began < lifeline.GRACE_SECONDS
