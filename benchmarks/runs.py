"""Times whole processes in turns, A B C A B C …, so that other load on the machine affects all of them alike."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

STOPWATCH = Path(__file__).with_name("stopwatch.py")
_END_SECONDS = 20
"""How long a program may take to clean up after it was asked to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One program to start."""

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables to add to those of this process."""
    output: Path = Path(os.devnull)
    """The file for its standard output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The time and memory of one program, or of several in sequence."""

    seconds: float
    peak_bytes: int
    """Resident memory of the largest process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """What is timed under one name."""

    name: str
    commands: Callable[[], Sequence[Command]]
    """Returns the programs of one run, which count together. Called for each run, so that each can have new folders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """All runs of one contender."""

    name: str
    runs: tuple[Run, ...]
    fault: str = ""
    """Why the contender failed, in which case its runs do not count; empty if all runs succeeded."""

    @property
    def seconds(self) -> float | None:
        """The median; None if the contender failed."""
        return median(run.seconds for run in self.runs) if self.runs and not self.fault else None

    @property
    def peak_bytes(self) -> int | None:
        """The median of the runs' peaks; None if the contender failed."""
        return round(median(run.peak_bytes for run in self.runs)) if self.runs and not self.fault else None

    @property
    def range_seconds(self) -> tuple[float, float] | None:
        """The shortest and the longest run; None if the contender failed."""
        seconds = [run.seconds for run in self.runs]
        return (min(seconds), max(seconds)) if seconds and not self.fault else None


class ProgramFailed(Exception):
    """A timed program ended with an error; the message is the last line of its output."""


def interleave(
    contenders: Sequence[Contender], rounds: int, on_run: Callable[[int, str], object] = lambda _round, _name: None
) -> tuple[Series, ...]:
    """Run each contender once in every round, in turns; a contender that fails is skipped from then on.

    Args:
        contenders: What to run, in this order.
        rounds: Number of rounds.
        on_run: Called before each run with the round, from 1, and the contender's name.
    """
    runs: dict[str, list[Run]] = {each.name: [] for each in contenders}
    faults: dict[str, str] = {}
    for number in range(1, rounds + 1):
        for each in contenders:
            if each.name in faults:
                continue
            on_run(number, each.name)
            try:
                runs[each.name].append(combine([measure_command(command) for command in each.commands()]))
            except ProgramFailed as error:
                faults[each.name] = str(error)
    return tuple(Series(name=name, runs=tuple(done), fault=faults.get(name, "")) for name, done in runs.items())


def combine(runs: Sequence[Run]) -> Run:
    """Combine runs in sequence into one: the sum of their times and the largest memory."""
    return Run(seconds=sum(run.seconds for run in runs), peak_bytes=max(run.peak_bytes for run in runs))


def measure_command(command: Command) -> Run:
    """Run a program to its end.

    Raises:
        ProgramFailed: The program cannot be started, or its exit code is not 0.
    """
    output, errors = _finish(_start(command))
    try:
        seconds, peak, code = output.split()
    except ValueError:  # the stopwatch itself failed and started nothing
        raise ProgramFailed(_find_last_line(errors) or f"{command.words[0]} did not start") from None
    if code != "0":
        raise ProgramFailed(_find_last_line(errors) or f"exit code {code}")
    return Run(seconds=float(seconds), peak_bytes=int(peak))


def _start(command: Command) -> subprocess.Popen[str]:
    # With -I -S the stopwatch loads nothing that it does not need. It gets a process group of its own, so that Ctrl-C
    # reaches only us, and we end the program in order.
    words = [sys.executable, "-I", "-S", str(STOPWATCH), str(command.output), *command.words]
    return subprocess.Popen(
        words,
        env={**os.environ, **command.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        process_group=0,
    )


def _finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for a process; end it first if anything interrupts us."""
    with process:
        try:
            return process.communicate()
        except BaseException:
            _end(process)
            raise


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and all that it started: with SIGTERM first, so that they can clean up."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
            return


def _find_last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
