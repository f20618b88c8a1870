"""Makes the commands that time the API's start, as processes of this environment: until it lives, until it is loaded.

A bare application on the same server is the floor; an earlier commit of ours is what the start was compared with.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.first_answer import PORT
from benchmarks.programs import COMPILED, EARLIER_COMMIT, Workplace
from benchmarks.runs import Command, Contender

LIVE, LOADED = "API to /livez", "API to /version"
"""The second is answered by the application itself, so all of it is there; it asks no service."""
LIVE_EARLIER, LOADED_EARLIER = f"{LIVE}, at {EARLIER_COMMIT}", f"{LOADED}, at {EARLIER_COMMIT}"
BARE = "bare uvicorn"
STARTS = (LIVE, LOADED, LIVE_EARLIER, LOADED_EARLIER, BARE)
_FIRST_ANSWER = Path(__file__).with_name("first_answer.py")
_OURS = ("backend.main:app", "--http", "backend.connection:Connection")
_EARLIER = ("backend.main:app",)
_BARE = ("benchmarks.bare_server:app", "--http", "h11")


def list_starts(place: Workplace, earlier: Path | None) -> tuple[Contender, ...]:
    """Return the starts; without those of the earlier commit if the folder with its files is None."""
    starts: list[tuple[str, Path, Sequence[str], str]] = [
        (LIVE, place.project, _OURS, "/livez"),
        (LOADED, place.project, _OURS, "/version"),
        (BARE, place.project, _BARE, "/"),
    ]
    if earlier is not None:
        starts += [
            (LIVE_EARLIER, earlier, _EARLIER, "/livez"),
            (LOADED_EARLIER, earlier, _EARLIER, "/version"),
        ]
    return tuple(
        Contender(name=name, commands=partial(_make_commands, place, folder, words, path))
        for name, folder, words, path in starts
    )


def _make_commands(place: Workplace, folder: Path, words: Sequence[str], path: str) -> list[Command]:
    server = (sys.executable, "-P", "-m", "uvicorn", *words, "--ws", "none", "--port", PORT, "--app-dir", str(folder))
    database = f"sqlite:///{place.make_folder()}/reports.db"
    return [
        Command(
            words=(sys.executable, "-I", "-S", str(_FIRST_ANSWER), path, *server),
            environment={**COMPILED, "DATABASE_URL": database},
        )
    ]
