"""Knows which run made a thing in the engine and whether that run is still alive, and removes what dead runs left.

A run is alive as long as its process holds the lock on its file; the kernel frees the lock however the process ends.
The file is in the user's cache folder, so this works only for runs with the same folder. Each such folder has a random
name, with which the ids of its runs begin. On an engine that several machines share, a run of another folder counts as
dead after a day.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from weighbridge import files
from weighbridge.cache import locate_user_folder
from weighbridge.engine.protocol import LABEL
from weighbridge.errors import EngineFault, NoEngine, SettingsError
from weighbridge.quoting import spell_commands

RUN_LABEL = "weighbridge.run"
KEPT_LABEL = "weighbridge.kept"
"""Its value is the run's id, too. Later runs do not remove things with this label."""

_STRANGERS_LIFE_SECONDS = 24 * 3600
_REMOVAL_SECONDS = 15.0
_SILENCE_SECONDS = 3.0
"""How long the engine may not answer during a removal before it counts as gone."""
_PAUSE_SECONDS = 0.1
_FILES = ".files"
_ID = re.compile(r"(?P<folder>[0-9a-f]{8})-(?P<started>[0-9a-f]{1,12})-[0-9a-f]{8}")


class Labelled(Protocol):
    """The part of an engine that finds and removes things by their labels."""

    def list_label_values(self, label: str) -> frozenset[str]:
        """Return the values of a label on all things that carry it."""

    def remove_labelled(self, label: str) -> int:
        """Remove all things with the label that are not in use, and return how many."""

    def list_held(self, label: str) -> tuple[str, ...]:
        """Return a sentence for each thing with the label that a container without it uses."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the smoke test, on one variant."""

    id: str
    keep: bool
    """Whether its things stay in the engine when it ends."""

    @property
    def name(self) -> str:
        """The name of its network and its volume; the names of its containers begin with it."""
        return f"weighbridge-{self.id}"

    @property
    def folder(self) -> Path:
        """The folder of the run's files on this machine, which containers are given; whoever needs it makes it."""
        return _ensure_folder() / f"{self.id}{_FILES}"

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of everything that the run makes."""
        kept = {KEPT_LABEL: self.id} if self.keep else {}
        return {LABEL: "smoke", RUN_LABEL: self.id, **kept}


@contextmanager
def begin(*, keep: bool) -> Iterator[Run]:
    """Begin a new run, which is alive until the block ends."""
    folder = _ensure_folder()
    run = Run(f"{_ensure_folder_name(folder)}-{int(time.time()):x}-{secrets.token_hex(4)}", keep)
    path = _build_lock_path(folder, run.id)
    with ExitStack() as open_things:
        open_things.callback(path.unlink, missing_ok=True)
        with _translate_errors(folder):
            open_things.enter_context(_lock(path))
        if not keep:
            open_things.callback(shutil.rmtree, run.folder, ignore_errors=True)
        yield run


def ignore(_: str) -> None:
    """Discard a note."""


def sweep(engine: Labelled, note: Callable[[str], None] = ignore) -> int:
    """Remove what dead runs left, except what the user wanted to keep; return how many things were removed.

    Networks and volumes that the user's containers use stay; `note` gets a sentence on each.
    """
    return _remove_dead(engine, engine.list_label_values(RUN_LABEL) - engine.list_label_values(KEPT_LABEL), note)


def clean(engine: Labelled, note: Callable[[str], None] = ignore) -> int:
    """Remove what dead runs left, also what the user wanted to keep; otherwise like `sweep`."""
    return _remove_dead(engine, engine.list_label_values(RUN_LABEL), note)


def list_kept_commands(engine: Labelled) -> tuple[str, ...]:
    """Return commands to look into each run that was kept here, and one that removes them; empty if none was kept."""
    own = _ensure_folder_name(_ensure_folder())
    lines: list[str] = []
    for run in sorted(run for run in engine.list_label_values(KEPT_LABEL) if run.startswith(f"{own}-")):
        name = Run(run, keep=True).name
        lines += [f"docker ps --all --filter label={RUN_LABEL}={run}", f"docker logs {name}-api"]
        lines += [f"docker start {name}-api", f"docker exec --interactive --tty {name}-api python"]
    return (*lines, spell_commands("`invoke clean`").strip("`")) if lines else ()


def remove(engine: Labelled, run_id: str, note: Callable[[str], None] = ignore) -> int:
    """Remove all that a run made, also what the engine was still making when the run gave up.

    Things are found by their label, because a creation may have succeeded even if the request for it was broken off. An
    engine refuses to remove a network whose last container is just ending, so the removal is repeated until only things
    that the user's containers use are left.
    """
    removed, began, label = 0, time.monotonic(), f"{RUN_LABEL}={run_id}"
    while True:
        took = time.monotonic() - began
        try:
            removed += engine.remove_labelled(label)
            held = engine.list_held(label)
            if held or run_id not in engine.list_label_values(RUN_LABEL):
                for thing in held:
                    note(f"Left {thing}.")
                return removed
        except EngineFault:
            if took > _REMOVAL_SECONDS:
                raise
        except NoEngine:  # one broken connection is no reason to leave everything
            if took > _SILENCE_SECONDS:
                raise
        if took > _REMOVAL_SECONDS:
            raise EngineFault(f"Some things that run {run_id} made cannot be removed")
        time.sleep(_PAUSE_SECONDS)


def forget(run_id: str) -> None:
    """Remove the lock file of a run whose things were removed, and whose thread will not live to do it."""
    with suppress(OSError):
        _build_lock_path(_ensure_folder(), run_id).unlink(missing_ok=True)
    shutil.rmtree(_ensure_folder() / f"{run_id}{_FILES}", ignore_errors=True)


def _remove_dead(engine: Labelled, runs: frozenset[str], note: Callable[[str], None]) -> int:
    folder, removed = _ensure_folder(), 0
    for path in folder.glob("*.lock"):  # of runs that ended before they made anything, or in a hurry
        if path.stem not in runs:
            _unlink_unlocked(path)
    known = engine.list_label_values(RUN_LABEL)
    for path in folder.glob(f"*{_FILES}"):
        if path.stem not in known and not _is_locked(_build_lock_path(folder, path.stem)):
            shutil.rmtree(path, ignore_errors=True)
    for run in sorted(runs):
        if not _is_alive(folder, run):
            removed += remove(engine, run, note)
            with _translate_errors(folder):
                _build_lock_path(folder, run).unlink(missing_ok=True)
            shutil.rmtree(folder / f"{run}{_FILES}", ignore_errors=True)
    return removed


def _is_alive(folder: Path, run: str) -> bool:
    found = _ID.fullmatch(run)
    if not found:
        return True  # this is not an id of ours, so we leave its things alone
    if found["folder"] == _ensure_folder_name(folder):
        return _is_locked(_build_lock_path(folder, run))
    return time.time() - int(found["started"], 16) < _STRANGERS_LIFE_SECONDS


def _lock(path: Path) -> IO[str]:
    """Return a new file, locked. A sweep may remove it before it is locked; then it is made once more."""
    while True:
        with ExitStack() as on_error:
            file = on_error.enter_context(path.open("w"))
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_there(file):
                on_error.pop_all()
                return file


def _unlink_unlocked(path: Path) -> None:
    """Remove a lock file unless a run holds the lock. We hold it meanwhile, so that no run gets it just then."""
    with _translate_errors(path.parent), suppress(FileNotFoundError, BlockingIOError), path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_there(file):  # otherwise the path may lead to a newer one, which a run has locked
            path.unlink()


def _is_there(file: IO[str]) -> bool:
    """Tell whether an open file still has its name, which it may have lost since it was opened."""
    return bool(os.fstat(file.fileno()).st_nlink)


def _is_locked(path: Path) -> bool:
    """Tell whether a run holds the lock. We try to share it, so that two sweeps do not take each other for a run."""
    with _translate_errors(path.parent):
        try:
            with path.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
    return False


def _build_lock_path(folder: Path, run: str) -> Path:
    return folder / f"{run}.lock"


def _ensure_folder() -> Path:
    """Return the folder of the lock files, and make it if it is missing."""
    folder = locate_user_folder() / "runs"
    with _translate_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _ensure_folder_name(folder)
    return folder


@contextmanager
def _translate_errors(folder: Path) -> Iterator[None]:
    """Turn an error of the operating system into ours: another user owns the folder, or its disk allows no locks."""
    try:
        yield
    except OSError as error:
        advice = "Set XDG_CACHE_HOME to a folder of your own on a local disk."
        raise SettingsError(
            f"The lock files of runs cannot be kept in {folder}: {error.strerror}", advice=advice
        ) from error


def _ensure_folder_name(folder: Path) -> str:
    """Return the folder's random name, which the first run in it chooses."""
    path = folder / "name"
    if not path.exists():
        with suppress(FileExistsError):
            files.create(folder, [path.name], secrets.token_hex(4).encode())
    return path.read_text(encoding="ascii")
