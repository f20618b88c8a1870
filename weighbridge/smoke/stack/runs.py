"""Which run made a thing in the engine, whether that run still lives, and the removal of what dead ones left.

A run lives as long as its process holds the lock on its file; the kernel frees the lock however the process ends. The
file lies in the user's cache folder, so only runs of the same folder can be judged that way. The folder has a random
name of its own, which begins each run's id; a stranger's run, on an engine that several machines share, counts as
dead after a day.
"""

from __future__ import annotations

import fcntl
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from weighbridge import files
from weighbridge.cache import user_folder
from weighbridge.engine.protocol import LABEL
from weighbridge.errors import EngineFault, SettingsError

RUN_LABEL = "weighbridge.run"
KEPT_LABEL = "weighbridge.kept"
"""Its value is the run's id too: the next run leaves these things alone."""

_STRANGERS_LIFE_SECONDS = 24 * 3600
_REMOVAL_SECONDS = 15.0
_PAUSE_SECONDS = 0.1
_ID = re.compile(r"(?P<folder>[0-9a-f]{8})-(?P<started>[0-9a-f]{1,12})-[0-9a-f]{8}")


class Labelled(Protocol):
    """What of an engine is needed to find and remove things by their labels."""

    def label_values(self, label: str) -> frozenset[str]:
        """Return the values of a label on all things that carry it."""

    def remove_labelled(self, label: str) -> int:
        """Remove all things with the label that are not in use, and return how many."""

    def held(self, label: str) -> tuple[str, ...]:
        """Return, in words, the things with the label that containers without it use."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run on one variant."""

    id: str
    keep: bool
    """Whether its things stay in the engine when it ends."""

    @property
    def name(self) -> str:
        """The name of its network and its volume, and how those of its containers begin."""
        return f"weighbridge-{self.id}"

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of everything that it makes."""
        kept = {KEPT_LABEL: self.id} if self.keep else {}
        return {LABEL: "smoke", RUN_LABEL: self.id, **kept}


@contextmanager
def begin(*, keep: bool) -> Iterator[Run]:
    """Return a new run, alive inside the block."""
    folder = _folder()
    run = Run(f"{_folder_name(folder)}-{int(time.time()):x}-{secrets.token_hex(4)}", keep)
    path = _lock_path(folder, run.id)
    with ExitStack() as open_things:
        with _usable(folder):
            file = open_things.enter_context(path.open("w"))
            open_things.callback(path.unlink, missing_ok=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield run


def ignore(_: str) -> None:
    """Note nothing."""


def sweep(engine: Labelled, note: Callable[[str], None] = ignore) -> int:
    """Remove what dead runs left, unless it was to be kept; return how many things that were.

    What a container of the user's holds stays; `note` is told what, and by which.
    """
    return _remove_dead(engine, engine.label_values(RUN_LABEL) - engine.label_values(KEPT_LABEL), note)


def clean(engine: Labelled, note: Callable[[str], None] = ignore) -> int:
    """Remove what dead runs left and what was kept; otherwise as `sweep`."""
    return _remove_dead(engine, engine.label_values(RUN_LABEL), note)


def remains(engine: Labelled) -> tuple[str, ...]:
    """Return the commands to look into each run that was kept here, and the one that removes them; empty: none was."""
    own = _folder_name(_folder())
    lines: list[str] = []
    for run in sorted(run for run in engine.label_values(KEPT_LABEL) if run.startswith(f"{own}-")):
        name = Run(run, keep=True).name
        lines += [f"docker ps --all --filter label={RUN_LABEL}={run}", f"docker logs {name}-api"]
        lines += [f"docker start {name}-api", f"docker exec --interactive --tty {name}-api python"]
    return (*lines, "invoke clean") if lines else ()


def remove(engine: Labelled, run_id: str, note: Callable[[str], None] = ignore) -> int:
    """Remove all that a run made, also what the engine was still making when the run gave up.

    Goes by label, because a creation that was broken off may have succeeded. The engine refuses a network whose
    last container is just going away, so it is asked again until nothing is left but what the user's containers hold.
    """
    removed, deadline, label = 0, time.monotonic() + _REMOVAL_SECONDS, f"{RUN_LABEL}={run_id}"
    while True:
        try:
            removed += engine.remove_labelled(label)
            held = engine.held(label)
        except EngineFault:
            if time.monotonic() > deadline:
                raise
            held = ()
        if held or run_id not in engine.label_values(RUN_LABEL):
            for thing in held:
                note(f"Left {thing}.")
            return removed
        if time.monotonic() > deadline:
            raise EngineFault(f"Some of what run {run_id} made cannot be removed")
        time.sleep(_PAUSE_SECONDS)


def forget(run_id: str) -> None:
    """Remove the lock file of a run whose things are gone, and whose own thread will not come to it."""
    with suppress(OSError):
        _lock_path(_folder(), run_id).unlink(missing_ok=True)


def _remove_dead(engine: Labelled, runs: frozenset[str], note: Callable[[str], None]) -> int:
    folder, removed = _folder(), 0
    for path in folder.glob("*.lock"):  # of those that ended before they had anything, or in a hurry
        if path.stem not in runs and not _is_locked(path):
            path.unlink(missing_ok=True)
    for run in sorted(runs):
        if not _alive(folder, run):
            removed += remove(engine, run, note)
            with _usable(folder):
                _lock_path(folder, run).unlink(missing_ok=True)
    return removed


def _alive(folder: Path, run: str) -> bool:
    found = _ID.fullmatch(run)
    if not found:
        return True  # no id of ours: somebody else's business
    if found["folder"] == _folder_name(folder):
        return _is_locked(_lock_path(folder, run))
    return time.time() - int(found["started"], 16) < _STRANGERS_LIFE_SECONDS


def _is_locked(path: Path) -> bool:
    """Tell whether a run holds the lock. It is asked for in shared mode, so that two sweeps do not see each other."""
    with _usable(path.parent):
        try:
            with path.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
    return False


def _lock_path(folder: Path, run: str) -> Path:
    return folder / f"{run}.lock"


def _folder() -> Path:
    """Return the folder of the lock files, made where it is missing."""
    folder = user_folder() / "runs"
    with _usable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _folder_name(folder)
    return folder


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    """Tell what the operating system refuses, such as a folder of another user's, or locks on a network's disk."""
    try:
        yield
    except OSError as error:
        advice = "Set XDG_CACHE_HOME to a folder of your own on a local disk."
        raise SettingsError(f"No run can be kept track of in {folder}: {error.strerror}", advice=advice) from error


def _folder_name(folder: Path) -> str:
    """Return the folder's random name, given to it by whoever comes first."""
    path = folder / "name"
    if not path.exists():
        with suppress(FileExistsError):
            files.create(folder, [path.name], secrets.token_hex(4).encode())
    return path.read_text(encoding="ascii")
