"""Reads the list of mutants that may survive, each with the reason why no test could notice it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mutations.mutants import Mutant

FILE = Path(__file__).with_name("survivors.toml")
MOST = 20
"""How many may survive. A longer list would hide the one that matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivor:
    """A mutant that behaves as the code does."""

    module: str
    function: str
    before: str
    after: str
    reason: str
    """Why no caller can tell the two apart."""

    def is_same(self, module: str, mutant: Mutant) -> bool:
        """Tell whether this is that mutant of a module."""
        change = (mutant.function, mutant.before, mutant.after)
        return (self.module, self.function, self.before, self.after) == (module, *change)


def read_survivors(file: Path = FILE) -> tuple[Survivor, ...]:
    """Return the listed survivors, in the order of the file."""
    entries = tomllib.loads(file.read_text(encoding="utf-8")).get("survivor", [])
    return tuple(Survivor(**{key: value.strip() for key, value in entry.items()}) for entry in entries)


def find_unlisted(survivors: Sequence[Survivor], module: str, mutants: Sequence[Mutant]) -> tuple[Mutant, ...]:
    """Return the mutants that survived and are not listed."""
    return tuple(
        mutant
        for mutant in mutants
        if mutant.state == "survived" and not any(each.is_same(module, mutant) for each in survivors)
    )


def find_gone(survivors: Sequence[Survivor], module: str, mutants: Sequence[Mutant]) -> tuple[Survivor, ...]:
    """Return what is listed for a module and no longer survives: the list is to lose it."""
    alive = [mutant for mutant in mutants if mutant.state == "survived"]
    return tuple(
        each for each in survivors if each.module == module and not any(each.is_same(module, one) for one in alive)
    )
