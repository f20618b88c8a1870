"""Large work is done one at a time, by real processes of their own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from backend import large_work
from backend.errors import Busy
from backend.large_work import LARGE_BYTES, Turns

ROOT = Path(__file__).parents[2]
HOLD = """
import sys, time
from pathlib import Path
from backend.large_work import LARGE_BYTES, Turns
with Turns(Path(sys.argv[1])).take(LARGE_BYTES + 1):
    print("mine", flush=True)
    time.sleep(60)
"""


def test_large_work_waits_for_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused after a while, unlike small work; when the other process is killed, the turn is free."""
    monkeypatch.setattr(large_work, "WAIT_SECONDS", 0.3)
    turns = Turns(tmp_path / "turn")
    words = [sys.executable, "-c", HOLD, str(turns.path)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"mine\n"
        began = time.monotonic()
        with turns.take(LARGE_BYTES):
            small = time.monotonic() - began
        with pytest.raises(Busy), turns.take(LARGE_BYTES + 1):
            pass
        waited = time.monotonic() - began
        other.kill()
    with turns.take(LARGE_BYTES + 1):
        pass
    assert small < 0.2
    assert waited > 0.3


def test_a_turn_ends_with_its_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the work fails."""
    monkeypatch.setattr(large_work, "WAIT_SECONDS", 0.1)
    turns = Turns(tmp_path / "turn")
    for _ in range(2):
        with pytest.raises(ValueError, match="ours"), turns.take(LARGE_BYTES + 1):
            raise ValueError("ours")
