"""Threads that make calls: what comes of these, how many there are, and that nobody waits for one that waits."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from threading import Event

import pytest

from weighbridge.sources.processes.threads import Threads

ROOT = Path(__file__).parents[3]


def test_results_and_errors() -> None:
    """A call's result comes out of its future, and so does what it raises, `KeyboardInterrupt` too."""
    threads = Threads(2)
    found = [threads.submit(divmod, number, 3) for number in range(20)]
    assert [each.result() for each in found] == [divmod(number, 3) for number in range(20)]
    for error in (ValueError, KeyboardInterrupt):

        def fail(kind: type[BaseException] = error) -> None:
            raise kind

        with pytest.raises(error):
            threads.submit(fail).result()
    threads.close()


def test_count_of_threads() -> None:
    """There are as many as there is work for, and never more than there may be; in the end all have gone."""
    before, go_on, threads = {*threading.enumerate()}, Event(), Threads(3)
    assert not {*threading.enumerate()} - before
    found = [threads.submit(go_on.wait, 10) for _ in range(5)]
    started = {*threading.enumerate()} - before
    assert len(started) == 3
    go_on.set()
    assert all(each.result() for each in found)
    threads.close()
    for each in started:
        each.join(10)
        assert not each.is_alive()


def test_end_cancels_what_has_not_begun() -> None:
    """What runs is not waited for, and what has not begun never does."""
    go_on, threads = Event(), Threads(1)
    first, second = threads.submit(go_on.wait, 10), threads.submit(go_on.wait, 10)
    threads.close()
    assert not first.done() or first.cancelled()
    assert second.cancelled()
    go_on.set()


def test_program_ends_in_spite_of_a_thread() -> None:
    """A call that waits for ever does not keep the program from its end."""
    script = (
        "import time\n"
        "from weighbridge.sources.processes.threads import Threads\n"
        "Threads(1).submit(time.sleep, 600)\n"
        "time.sleep(0.1)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
