"""Mutates the chosen modules one after the other, and says whether their own tests notice enough."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutations import mutants, survivors, targets
from weighbridge.render.terminal.console import Activity, Cell, Column, print_line, print_table

LEAST = 0.95
"""The share of mutants that a module's own tests have to notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of the mutants of one module."""

    module: str
    refused: int
    """Mutants that mypy refuses."""
    killed: int
    survived: int
    unlisted: tuple[mutants.Mutant, ...]
    """Those that survived and do not stand in the list."""
    gone: tuple[survivors.Survivor, ...]
    """Those that stand in the list and do not survive."""

    @property
    def share(self) -> float:
        """The share that tests noticed, of those that mypy accepts; 1 if there are none."""
        tried = self.killed + self.survived
        return self.killed / tried if tried else 1.0

    @property
    def is_enough(self) -> bool:
        """Whether the module's tests notice what they should, and the list is true."""
        return self.share >= LEAST and not self.unlisted and not self.gone


def run(project: Path, wanted: Sequence[str], activity: Activity) -> tuple[Result, ...]:
    """Return the results of the modules that these words name, of all modules if there are no words.

    Raises:
        SettingsError: A word names no module.
        MutationFailed: mutmut did not run to its end.
    """
    known, results = survivors.read_survivors(), []
    chosen = targets.choose(wanted)
    with tempfile.TemporaryDirectory(prefix="weighbridge-mutate-") as name:
        folder = Path(name)
        mutants.prepare(project, folder)
        for module in chosen:
            activity.begin(f"Mutating {module}")
            found = mutants.mutate(project, folder, module, targets.find_tests(module))
            results.append(judge(module, found, known))
            activity.finish(f"{module}: {results[-1].share:.1%} noticed")
    return tuple(results)


def judge(module: str, found: Sequence[mutants.Mutant], known: Sequence[survivors.Survivor]) -> Result:
    """Return a module's result from its mutants and the list of survivors."""
    states = [mutant.state for mutant in found]
    return Result(
        module=module,
        refused=states.count("refused"),
        killed=states.count("killed"),
        survived=states.count("survived"),
        unlisted=survivors.find_unlisted(known, module, found),
        gone=survivors.find_gone(known, module, found),
    )


def show(results: Sequence[Result]) -> None:
    """Print a row for each module, then each survivor that is not listed and each listed one that is gone."""
    columns = (
        Column(name="Module"),
        Column(name="mypy refuses", right=True),
        Column(name="Killed", right=True),
        Column(name="Survived", right=True),
        Column(name="Noticed", right=True),
        Column(name=""),
    )
    print_table("Mutants, and what each module's own tests notice", columns, [_make_row(each) for each in results])
    for result in results:
        for line in _iterate_faults(result):
            print_line(line)


def _make_row(result: Result) -> tuple[Cell | str, ...]:
    verdict = Cell("✓", "green") if result.is_enough else Cell("✗", "red")
    counts = (f"{each:,}" for each in (result.refused, result.killed, result.survived))
    return (Cell(result.module, "bold"), *counts, f"{result.share:.1%}", verdict)


def _iterate_faults(result: Result) -> Iterator[Cell | str]:
    for mutant in result.unlisted:
        yield Cell(f"{result.module}: {mutant.function} survives", "yellow")
        yield from (f"  - {line}" for line in mutant.before.splitlines())
        yield from (f"  + {line}" for line in mutant.after.splitlines())
    for each in result.gone:
        yield Cell(
            f"{result.module}: {each.function} no longer survives {each.after!r}: remove it from the list", "yellow"
        )


def is_enough(results: Sequence[Result]) -> bool:
    """Tell whether every module's tests notice enough."""
    return all(result.is_enough for result in results)
