"""The things of a run are removed once it is dead, and only then."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest

from weighbridge.errors import EngineError, EngineFault, NoEngine, SettingsError
from weighbridge.smoke.stack import runs
from weighbridge.smoke.stack.runs import KEPT_LABEL, RUN_LABEL, Run, begin, clean, list_kept_commands, remove, sweep

BEGIN_AND_WAIT = """
import time
from weighbridge.smoke.stack.runs import begin
with begin(keep=False) as run:
    print(run.id, flush=True)
    time.sleep(60)
"""

_IN_USE = EngineFault("The engine says: network has active endpoints")


class FakeEngine:
    """An engine that knows things by their labels, and refuses some removals."""

    def __init__(self, *things: Run, refusals: int = 0, user: str = "", error: EngineError = _IN_USE) -> None:
        self.things = [dict(thing.labels) for thing in things]
        self.refusals = refusals
        self.user = user
        self.error = error

    def list_held(self, label: str) -> tuple[str, ...]:
        """Return what the user's container uses, if there is one."""
        key, _, value = label.partition("=")
        held = any(thing.get(key) == value for thing in self.things)
        return (f"network x: container {self.user} uses it",) if held and self.user else ()

    def list_label_values(self, label: str) -> frozenset[str]:
        """Return the label's values."""
        return frozenset(thing[label] for thing in self.things if label in thing)

    def remove_labelled(self, label: str) -> int:
        """Remove by `key=value`."""
        if self.refusals:
            self.refusals -= 1
            raise self.error
        key, _, value = label.partition("=")
        before, held = len(self.things), [thing for thing in self.things if thing.get(key) == value][-1:]
        self.things = [thing for thing in self.things if thing.get(key) != value] + (held if self.user else [])
        return before - len(self.things)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "weighbridge" / "runs"


def test_live_run_is_left_alone() -> None:
    """Neither sweep nor clean touches a live run; both do once it has ended."""
    with begin(keep=False) as run:
        engine = FakeEngine(run, run)
        assert sweep(engine) == 0
        assert clean(engine) == 0
    assert sweep(engine) == 2


def test_killed_run_is_swept(cache: Path) -> None:
    """The kernel frees the lock of a killed process, and sweep removes the lock file."""
    with subprocess.Popen(
        [sys.executable, "-c", BEGIN_AND_WAIT], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    ) as process:
        assert process.stdout
        engine = FakeEngine(Run(process.stdout.readline().strip(), keep=False))
        assert sweep(engine) == 0
        process.kill()
    assert len(list(cache.glob("*.lock"))) == 1
    assert sweep(engine) == 1
    assert not list(cache.glob("*.lock"))


def test_sweeps_while_runs_begin() -> None:
    """A run keeps its lock, even if others sweep between the making of its file and the lock on that."""
    done, lost = threading.Event(), list[str]()

    def sweep_on() -> None:
        while not done.is_set():
            sweep(FakeEngine())

    with ThreadPoolExecutor(2) as pool:
        sweeping = [pool.submit(sweep_on) for _ in range(2)]
        for _ in range(300):
            with begin(keep=False) as run:
                lost += [run.id] * sweep(FakeEngine(run))
        done.set()
    assert [each.result() for each in sweeping] == [None, None]
    assert lost == []


def test_kept_run_waits_for_clean() -> None:
    """Sweep spares a kept run, for which there are commands; clean does not."""
    with begin(keep=True) as run:
        engine = FakeEngine(run)
    assert sweep(engine) == 0
    assert list_kept_commands(engine) == (
        f"docker ps --all --filter label=weighbridge.run={run.id}",
        f"docker logs weighbridge-{run.id}-api",
        f"docker start weighbridge-{run.id}-api",
        f"docker exec --interactive --tty weighbridge-{run.id}-api python",
        "invoke clean",
    )
    assert clean(engine) == 1
    assert list_kept_commands(engine) == ()


def test_strangers_run_is_dead_after_a_day() -> None:
    """A run of another cache folder, whose lock cannot be seen, counts as alive for a day."""
    now = int(time.time())
    young, old = (Run(f"0123abcd-{now - age:x}-00000000", keep=False) for age in (3600, 25 * 3600))
    engine = FakeEngine(young, old)
    assert sweep(engine) == 1
    assert engine.list_label_values(RUN_LABEL) == {young.id}


def test_foreign_labels_are_left_alone() -> None:
    """A value that is not an id of ours is left alone."""
    engine = FakeEngine(Run("mine", keep=True), Run("", keep=False), Run("../../etc-1-00000000", keep=False))
    assert clean(engine) == 0


def test_removal_asks_again() -> None:
    """A removal is repeated if the engine refuses it at first."""
    run = Run("0123abcd-1-00000000", keep=False)
    assert remove(FakeEngine(run, refusals=2), run.id) == 1


@pytest.mark.parametrize(("silence", "gone"), [(0, 1), (1, 1), (3, 1), (1000, None)])
def test_engine_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, silence: int, gone: int | None) -> None:
    """A few broken connections do not end a removal; an engine that is gone does, with its own error."""
    monkeypatch.setattr(runs, "_SILENCE_SECONDS", 0.5)
    run = Run("0123abcd-1-00000000", keep=False)
    engine = FakeEngine(run, refusals=silence, error=NoEngine("The engine does not answer"))
    with nullcontext() if gone else pytest.raises(NoEngine):
        assert remove(engine, run.id) == gone


def test_what_a_users_container_holds_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the user's container uses a thing, only the rest is removed, and the thing is named once, without an error."""
    monkeypatch.setattr(runs, "_REMOVAL_SECONDS", 0.0)
    run, told = Run("0123abcd-1-00000000", keep=False), list[str]()
    engine = FakeEngine(run, run, run, refusals=0, user="mine")
    assert sweep(engine, told.append) == 2
    assert told == ["Left network x: container mine uses it."]
    assert sweep(engine) == 0
    engine.user = ""
    assert clean(engine, told.append) == 1
    assert len(told) == 1


def test_what_cannot_be_removed_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a thing cannot be removed for no known reason, the advice is to look into the engine's log."""
    monkeypatch.setattr(runs, "_REMOVAL_SECONDS", 0.0)
    monkeypatch.setattr(FakeEngine, "list_held", lambda *_: ())
    run = Run("0123abcd-1-00000000", keep=False)
    with pytest.raises(EngineFault, match=f"run {run.id} made cannot be removed[.] Look into the engine's log"):
        clean(FakeEngine(run, user="nobody's"))


def test_removal_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error for a failed removal has the engine's words."""
    monkeypatch.setattr(runs, "_REMOVAL_SECONDS", 0.0)
    run = Run("0123abcd-1-00000000", keep=False)
    with pytest.raises(EngineFault, match="active endpoints"):
        remove(FakeEngine(run, refusals=1000), run.id)


def test_runs_of_one_folder_know_each_other(cache: Path) -> None:
    """Ids differ, and begin with the folder's name, which stays."""
    with begin(keep=False) as one, begin(keep=True) as other:
        assert one.id != other.id
        assert one.id.partition("-")[0] == other.id.partition("-")[0] == (cache / "name").read_text(encoding="ascii")
    assert RUN_LABEL in one.labels
    assert KEPT_LABEL not in one.labels
    assert other.labels[KEPT_LABEL] == other.id


def test_folder_in_the_way(tmp_path: Path) -> None:
    """A file in the place of the cache folder is an error on one line."""
    (tmp_path / "weighbridge").touch()
    with pytest.raises(SettingsError, match="XDG_CACHE_HOME"), begin(keep=False):
        pass


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(37, "No locks available")])
def test_folder_without_locks(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """The errors for another user's folder, and for a network disk without locks, say what to do."""
    with begin(keep=False) as run:
        engine = FakeEngine(run)

        def refuse(*_: object) -> None:
            raise error

        monkeypatch.setattr("fcntl.flock", refuse)
        for use in (lambda: sweep(engine), lambda: begin(keep=False).__enter__()):
            with pytest.raises(SettingsError, match=rf"{error.strerror}[.] Set XDG_CACHE_HOME"):
                use()


def test_lock_is_not_left_behind(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """A run that cannot begin leaves no file."""
    with begin(keep=False):
        assert len(list(cache.glob("*.lock"))) == 1
    monkeypatch.setattr("fcntl.flock", lambda *_: (_ for _ in ()).throw(OSError(37, "No locks available")))
    with pytest.raises(SettingsError), begin(keep=False):
        pass
    assert not list(cache.glob("*.lock"))
