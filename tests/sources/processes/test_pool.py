"""A pool of processes: what they return and raise, what they are sent, and that none outlives it."""

from __future__ import annotations

import hashlib
import io
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import calls
from weighbridge.errors import LimitExceeded, UnreadableImage
from weighbridge.sources.processes.pool import MOST_PROCESSES, Pool, count_processes
from weighbridge.sources.tar.compression import Readable

ROOT = Path(__file__).parents[3]
DATA = random.Random(0).randbytes(3_000_001)  # noqa: S311 - no secret


def ignore(_size: int) -> None:
    """Take in what is told."""


def opens(data: bytes) -> Callable[[], io.BytesIO]:
    """Return what opens a stream of these bytes."""
    return lambda: io.BytesIO(data)


@pytest.fixture
def pool() -> Iterator[Pool]:
    """Return a pool of two processes."""
    with Pool(2) as pool:
        yield pool


def is_alive(number: int) -> bool:
    """Tell whether there is a process of this number that has not ended."""
    try:
        text = Path(f"/proc/{number}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def test_results_come_from_two_processes(pool: Pool) -> None:
    """Each call has its own result, none ran here, at most two processes ran them, and all bytes were told."""
    told = list[int]()
    futures = [pool.submit(calls.count, 3 * number, on_bytes=told.append) for number in range(20)]
    found = [future.result() for future in futures]
    assert [number for number, _ in found] == [3 * number for number in range(20)]
    assert os.getpid() not in (numbers := {process for _, process in found})
    assert 1 <= len(numbers) <= 2
    assert sum(told) == sum(range(0, 60, 3))


def test_processes_that_were_started_before(pool: Pool) -> None:
    """They load the module without being asked for anything, and do all that comes."""
    pool.start("xmlrpc.client")
    started = {int(number) for number in Path("/proc/thread-self/children").read_text(encoding="utf-8").split()}
    futures = [pool.submit(calls.find_module, "xmlrpc.client", on_bytes=ignore) for _ in range(20)]
    assert {future.result()[0] for future in futures} == {True}
    assert {future.result()[1] for future in futures} <= started
    assert not pool.submit(calls.find_module, "xmlrpc.server", on_bytes=ignore).result()[0]


def test_one_process_is_not_started_before() -> None:
    """A pool that is never worth while starts nothing."""
    before = Path("/proc/thread-self/children").read_text(encoding="utf-8")
    with Pool(1) as pool:
        pool.start("json")
        assert Path("/proc/thread-self/children").read_text(encoding="utf-8") == before


def test_error_is_raised_here_with_its_advice(pool: Pool) -> None:
    """It is of the same type with the same words, and later calls find a new process."""
    with pytest.raises(LimitExceeded) as raised:
        pool.submit(calls.fail, on_bytes=ignore).result()
    assert str(raised.value) == "it is too much. Take less."
    assert pool.submit(calls.count, 3, on_bytes=ignore).result()[0] == 3


def test_streams(pool: Pool) -> None:
    """Each stream arrives whole and in order; what is left unread does not get in the way of the next."""
    sizes = (0, 1, 99_991, 2**17, 2**17 + 1, len(DATA))
    first = [pool.submit_stream(calls.read_first, 5, source=opens(DATA)) for _ in range(3)]
    found = [pool.submit_stream(calls.digest, "sha256", source=opens(DATA[:size])) for size in sizes]
    assert [each.result() for each in first] == [DATA[:5]] * 3
    expected = [(DATA[:size].hex()[:8], hashlib.sha256(DATA[:size]).hexdigest()) for size in sizes]
    assert [each.result() for each in found] == expected


def test_error_in_the_middle_of_a_stream(pool: Pool) -> None:
    """It is raised although more was to be sent than a pipe holds."""
    with pytest.raises(ValueError, match="10 bytes are enough"):
        pool.submit_stream(calls.refuse, source=opens(DATA)).result()


def test_stream_that_breaks(pool: Pool) -> None:
    """The error of the stream is raised, not that of who reads it, and the process is not used again."""

    class Breaking:
        def read(self, _size: int, /) -> bytes:
            raise UnreadableImage("the server went away")

    @contextmanager
    def open_breaking() -> Iterator[Readable]:
        yield Breaking()

    with pytest.raises(UnreadableImage, match="the server went away"):
        pool.submit_stream(calls.digest, "sha256", source=open_breaking).result()
    assert pool.submit_stream(calls.read_first, 1, source=opens(b"x")).result() == b"x"


def test_loss_of_a_process_is_told(pool: Pool) -> None:
    """The system ended it: an error of ours, and the next call has a new process."""
    with pytest.raises(UnreadableImage, match=r"ended early\. Try again"):
        pool.submit(calls.vanish, on_bytes=ignore).result()
    assert pool.submit(calls.count, 3, on_bytes=ignore).result()[0] == 3


def test_nothing_outlives_the_pool(tmp_path: Path) -> None:
    """The end does not wait for what runs, nor for what has not begun."""
    with Pool(2) as pool:
        paths = [tmp_path / name for name in "abc"]
        futures = [pool.submit(calls.hold, str(path), on_bytes=ignore) for path in paths]
        while not all(path.exists() and path.read_text().endswith("\n") for path in paths[:2]):
            time.sleep(0.01)
        numbers = [int(path.read_text()) for path in paths[:2]]
        assert all(map(is_alive, numbers))
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert not any(map(is_alive, numbers))
    assert not paths[2].exists()
    assert all(future.cancelled() or future.exception() for future in futures)


def test_end_does_not_wait_for_a_stream_that_sends_nothing() -> None:
    """A registry may be silent for half a minute before it is given up; who presses Ctrl-C is not kept so long."""
    begun, over = threading.Event(), threading.Event()

    class Silent:
        def read(self, _size: int, /) -> bytes:
            begun.set()
            over.wait(30)
            raise UnreadableImage("the server sent nothing")

    @contextmanager
    def open_silent() -> Iterator[Readable]:
        yield Silent()

    with Pool(2) as pool:
        future = pool.submit_stream(calls.digest, "sha256", source=open_silent)
        assert begun.wait(30)
        began = time.monotonic()
    assert time.monotonic() - began < 10
    over.set()
    assert isinstance(future.exception(10), UnreadableImage)


def test_memory_that_is_not_enough_is_told(pool: Pool) -> None:
    """It is an error of ours with an advice, as if the system had ended the process."""
    with pytest.raises(UnreadableImage, match=r"has too little memory\. Try again"):
        pool.submit(calls.take_too_much, on_bytes=ignore).result()


@pytest.mark.parametrize("name", ["tell_for_long", "digest"])
def test_killed_program_leaves_no_words(name: str) -> None:
    """Its processes end when nobody listens any more, in the middle of what they do, and write nothing about that."""
    script = (
        "import contextlib, os, signal, sys, time\n"
        "from tests.support import calls\n"
        "from weighbridge.sources.processes.pool import Pool\n"
        "class Endless:\n"
        "    def read(self, size):\n"
        "        time.sleep(0.001)\n"
        "        return bytes(size)\n"
        "pool = Pool(2)\n"
        "if sys.argv[1] == 'digest':\n"
        "    source = lambda: contextlib.nullcontext(Endless())\n"
        "    pool.submit_stream(calls.digest, 'sha256', source=source)\n"
        "else:\n"
        "    pool.submit(calls.tell_for_long, on_bytes=lambda _: None)\n"
        "time.sleep(1)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    words = [sys.executable, "-c", script, name]
    # The end of standard error is there when the last process has closed it.
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, "")


def test_processes_end_with_the_one_that_started_them() -> None:
    """Even if that is killed, so that it cannot end them: each ends when it has nothing more to do."""
    script = (
        "import os, signal, sys\n"
        "from tests.support import calls\n"
        "from weighbridge.sources.processes.pool import Pool\n"
        "pool = Pool(2)\n"
        "print(pool.submit(calls.count, 3, on_bytes=print).result()[1], flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    number, end = int(done.stdout.split()[-1]), time.monotonic() + 10
    while is_alive(number):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_nothing_starts_before_the_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that is not used costs nothing."""
    monkeypatch.setattr(subprocess, "Popen", None)
    with Pool(2) as pool:
        assert not pool.is_worthwhile([])


@pytest.mark.parametrize(
    ("most", "sizes", "is_worthwhile"),
    [
        (2, [5, 100], False),
        (2, [6, 100], False),
        (2, [10, 100], True),
        (2, [100, 4, 6], True),
        (2, [1000], False),
        (1, [100, 100], False),
    ],
)
def test_worth(most: int, sizes: list[int], *, is_worthwhile: bool) -> None:
    """It is, if there is enough to read beside the largest layer, and more than one process may run."""
    assert Pool(most, least_bytes=10).is_worthwhile(sizes) is is_worthwhile


def test_count_of_processes() -> None:
    """One for each core that this process may use, within bounds."""
    cores = len(os.sched_getaffinity(0))
    assert count_processes() == min(cores, MOST_PROCESSES)
