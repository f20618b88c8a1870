"""Starts of the API are timed from the process to the first answer: ours, that of an earlier commit, and the floor."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.api_starts import BARE, LIVE, LIVE_EARLIER, LOADED, LOADED_EARLIER, list_starts
from benchmarks.programs import Workplace, unpack_earlier
from benchmarks.runs import ProgramFailed, measure_command

pytestmark = pytest.mark.slow
PROJECT = Path(__file__).parents[2]
SCRIPT = PROJECT / "benchmarks/first_answer.py"


def test_each_start_ends_with_its_answer(tmp_path: Path) -> None:
    """Of our application, of the earlier one if the repository has it, and of the bare one, which is there first."""
    place = Workplace(project=PROJECT, folder=tmp_path)
    earlier = unpack_earlier(place)
    found = {each.name: each.commands for each in list_starts(place, earlier)}
    seconds = {name: measure_command(*commands()).seconds for name, commands in found.items()}

    assert {*seconds} == {LIVE, LOADED, BARE} | ({LIVE_EARLIER, LOADED_EARLIER} if earlier else set())
    assert seconds[BARE] < seconds[LOADED]


def test_what_does_not_answer_is_an_error(tmp_path: Path) -> None:
    """A server that ends, and one that answers with another status until its time is over."""
    (command,) = next(each for each in list_starts(Workplace(project=PROJECT, folder=tmp_path), None)).commands()
    with pytest.raises(ProgramFailed, match="the server has ended"):
        measure_command(replace(command, words=(*command.words[:5], sys.executable, "-c", "pass")))
    program = "import sys; from benchmarks import first_answer as own; own.LONGEST_SECONDS = 1; "
    program += "sys.exit(own.main('/nothing', sys.argv[1:]))"
    words = [sys.executable, "-c", program, *command.words[5:]]
    told = subprocess.run(
        words, cwd=PROJECT, env={**os.environ, **command.environment}, capture_output=True, text=True, check=False
    )
    assert told.stderr.splitlines()[-1] == "/nothing did not answer 200 within 1 seconds"


def test_the_script_loads_little() -> None:
    """Its own start is a part of each measurement."""
    program = f"import runpy, sys; runpy.run_path({str(SCRIPT)!r}); print(len(sys.modules))"
    told = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)

    assert int(told.stdout) < 80
