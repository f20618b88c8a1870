"""Whole processes, timed in turns: A B C A B C …, so that whatever else the machine does meets all of them alike."""

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
"""How long a program that was told to end may take to clean up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One program to start."""

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables over those of this process."""
    output: Path = Path(os.devnull)
    """Where its standard output goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one program took, or several one after the other."""

    seconds: float
    peak_bytes: int
    """Resident memory of the largest process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """What is timed under one name."""

    name: str
    commands: Callable[[], Sequence[Command]]
    """Makes the programs of one run, which count together. Asked anew for each run, so that it may have new folders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """All runs of one contender."""

    name: str
    runs: tuple[Run, ...]
    fault: str = ""
    """Why it was given up; empty where all runs ended well. Then the runs do not count."""

    @property
    def seconds(self) -> float | None:
        """The median; None where the contender failed."""
        return median(run.seconds for run in self.runs) if self.runs and not self.fault else None

    @property
    def peak_bytes(self) -> int | None:
        """The median of the runs' peaks; None where the contender failed."""
        return round(median(run.peak_bytes for run in self.runs)) if self.runs and not self.fault else None

    @property
    def range_seconds(self) -> tuple[float, float] | None:
        """The shortest and the longest run; None where the contender failed."""
        seconds = [run.seconds for run in self.runs]
        return (min(seconds), max(seconds)) if seconds and not self.fault else None


class ProgramFailed(Exception):
    """A program that was to be timed ended with an error; the message is the last that it said."""


def interleaved(
    contenders: Sequence[Contender], rounds: int, on_run: Callable[[int, str], object] = lambda _round, _name: None
) -> tuple[Series, ...]:
    """Run each contender once in every round, in turns; one that fails is left out of the rounds that follow.

    Args:
        contenders: What to run, in this order.
        rounds: How often.
        on_run: Is told the round, from 1, and the name of what runs next.
    """
    runs: dict[str, list[Run]] = {each.name: [] for each in contenders}
    faults: dict[str, str] = {}
    for number in range(1, rounds + 1):
        for each in contenders:
            if each.name in faults:
                continue
            on_run(number, each.name)
            try:
                runs[each.name].append(together([timed(command) for command in each.commands()]))
            except ProgramFailed as error:
                faults[each.name] = str(error)
    return tuple(Series(name=name, runs=tuple(done), fault=faults.get(name, "")) for name, done in runs.items())


def together(runs: Sequence[Run]) -> Run:
    """Return runs one after the other as one: their sum in time, the largest in memory."""
    return Run(seconds=sum(run.seconds for run in runs), peak_bytes=max(run.peak_bytes for run in runs))


def timed(command: Command) -> Run:
    """Run a program to its end.

    Raises:
        ProgramFailed: It cannot be started, or ends with another exit code than 0.
    """
    told, said = _finished(_started(command))
    try:
        seconds, peak, code = told.split()
    except ValueError:  # the stopwatch itself failed: nothing was started
        raise ProgramFailed(_last_line(said) or f"{command.words[0]} did not start") from None
    if code != "0":
        raise ProgramFailed(_last_line(said) or f"exit code {code}")
    return Run(seconds=float(seconds), peak_bytes=int(peak))


def _started(command: Command) -> subprocess.Popen[str]:
    # -I -S: the stopwatch loads nothing that it does not need. In a group of its own, Ctrl-C reaches us alone, and we
    # end what runs in order.
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


def _finished(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for a process; whatever interrupts that ends the process first."""
    with process:
        try:
            return process.communicate()
        except BaseException:
            _end(process)
            raise


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and all that it started: asked first, so that they clean up."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
            return


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
