"""The script that runs other programs, beside the interpreter that runs each by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.scripts import command_of
from weighbridge.smoke.scripts import stay

Result = tuple[int, str, str]


class Staying:
    """A script that stays."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def run(self, source: str, *arguments: str) -> Result:
        """Run a program; return its exit code, and what it wrote to each stream."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"source": source, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        written = {1: "", 2: ""}
        while "code" not in (told := json.loads(self.process.stdout.readline())):
            written[told["stream"]] += told["text"]
        return told["code"], written[1], written[2]


@contextmanager
def started() -> Iterator[Staying]:
    """Start the script; it has to end by itself."""
    with subprocess.Popen(command_of(stay), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Staying(process)
        assert process.stdin
        process.stdin.close()
        assert process.wait(10) == 0


@pytest.fixture(scope="module")
def staying() -> Iterator[Staying]:
    """Return one for all tests: no program may spoil it for the next one."""
    with started() as found:
        yield found


def run_alone(source: str, arguments: Sequence[str]) -> Result:
    """Run a program by an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", source, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=30,
    )
    return done.returncode if done.returncode >= 0 else 128 - done.returncode, done.stdout, done.stderr


PROGRAMS = {
    "output": "import sys; print('é', end=''); print('b', file=sys.stderr)",
    "arguments": "import sys; print(sys.argv)",
    "code": "import sys; sys.exit(3)",
    "message": "import sys; sys.exit('no')",
    "killed": "import os, signal; print('x', flush=True); os.kill(os.getpid(), signal.SIGKILL)",
    "stdin": "import sys; print([*sys.stdin]); print(open(0).read() if 0 else '')",
    "no utf-8": "import sys; sys.stdout.buffer.write(b'a\\xff\\xc3')",
    "child": "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'print(1); exit(4)']).returncode)",
    "threads": "import threading, time; threading.Thread(target=lambda: (time.sleep(0.1), print('late'))).start()",
    "at exit": "import atexit; atexit.register(print, 'bye')",
    "main": "if __name__ == '__main__': print('main')",
    "changes": "import json, os, sys; json.dumps = None; os.chdir('/'); sys.argv = []; sys.stdin = None; x = 1",
    "names": "print('x' in globals(), 'program' in globals(), __name__)",
    "much": "print('x' * 300_000)",
    "signals": "import signal; print(signal.getsignal(signal.SIGALRM) == signal.SIG_DFL)",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_like_an_interpreter(staying: Staying, name: str) -> None:
    """Exit code and both streams are those of an interpreter that runs the program alone."""
    arguments = ("a b", "é", "")
    assert staying.run(PROGRAMS[name], *arguments) == run_alone(PROGRAMS[name], arguments)


def test_exceptions_end_alike(staying: Staying) -> None:
    """An exception ends a program with code 1, and is the last line of its standard error."""
    for source in ("1 / 0", "raise KeyboardInterrupt", "x ="):
        (code, output, errors), alone = staying.run(source), run_alone(source, ())
        assert (code, output, errors.splitlines()[-1]) == (alone[0], alone[1], alone[2].splitlines()[-1])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.text(max_size=5)), max_size=5))
def test_streams_stay_apart(staying: Staying, parts: list[tuple[int, str]]) -> None:
    """What goes to a stream comes from it, in order, whatever the other one gets meanwhile."""
    written: Any = [(stream, list(text.encode(errors="replace"))) for stream, text in parts]
    source = f"import os\nfor stream, data in {written!r}: os.write(stream, bytes(data))"
    expected = ["".join(text for to, text in parts if to == stream) for stream in (1, 2)]
    told = staying.run(source)
    assert told == (0, *(text.encode(errors="replace").decode() for text in expected))


def test_output_comes_at_once() -> None:
    """A line is there while the program still runs; the script ends with its standard input."""
    with started() as found:
        assert found.process.stdin
        assert found.process.stdout
        source = "import sys, time; print('begun', flush=True); time.sleep(60)"
        found.process.stdin.write(json.dumps({"source": source, "arguments": []}) + "\n")
        found.process.stdin.flush()
        assert json.loads(found.process.stdout.readline()) == {"stream": 1, "text": "begun\n"}
        subprocess.run(["pkill", "-P", str(found.process.pid)], check=True)
        rest = [json.loads(found.process.stdout.readline()) for _ in range(3)]
        assert rest[-1] == {"code": 128 + 15}
