"""Shows what was built and what it weighs, and what a build needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from weighbridge.model.build import BuildResult, Built, LargeContext, Setup, Weight
from weighbridge.render.overview import format_delta, format_pull, join_words
from weighbridge.render.terminal.console import Cell, Column, print_line, print_table
from weighbridge.report.units import format_size

NOTHING = "-"
_ID_LENGTH = 12


def render(result: BuildResult, stream: TextIO | None = None) -> None:
    """Print a table of the images that were built, what they weigh, their base, and where they were pushed."""
    columns = (
        Column(name="Variant", shrinks=True),
        Column(name="Image id"),
        Column(name="Seconds", right=True),
        Column(name="Run", right=True),
        Column(name="Cached", right=True),
        Column(name="Shipped", right=True),
        Column(name="Pull", right=True),
        Column(name="Change", right=True),
    )
    rows = [(*_describe(each), *_weigh(result.weights.get(each.variant))) for each in result.built]
    print_table("Built", columns, rows, stream=stream)
    print_line(Cell(f"Base: {result.base}", "dim"), stream=stream)
    for line in result.replaced:
        print_line(Cell(f"FROM: {line}", "dim"), stream=stream)
    for context in result.large_contexts:
        print_line(Cell(_describe_context(context), "yellow"), stream=stream)
    for line in _explain_changes(result):
        print_line(Cell(line, "dim"), stream=stream)
    _print_facts(result.pushed.items(), stream)


def render_setup(setup: Setup, stream: TextIO | None = None) -> None:
    """Print the engine, the builder, the base images and those of the named services, one line for each."""
    bases = [(role.capitalize(), described) for role, described in setup.bases.items()]
    services = setup.services.items()
    _print_facts([("Engine", setup.engine), ("Builder", setup.builder), *bases, *services], stream)


def _print_facts(facts: Iterable[tuple[str, str]], stream: TextIO | None) -> None:
    for name, value in facts:
        print_line(Cell(f"{name:<8} ", "bold"), value, stream=stream)


def _describe(built: Built) -> tuple[Cell | str, ...]:
    return (
        Cell(built.variant, "bold"),
        built.image_id.removeprefix("sha256:")[:_ID_LENGTH],
        f"{built.seconds:.1f}",
        str(built.count("done")),
        str(built.count("cached")),
    )


def _weigh(weight: Weight | None) -> tuple[str, str, Cell]:
    if weight is None:
        return NOTHING, NOTHING, Cell(NOTHING)
    change = NOTHING if weight.change_bytes is None else format_delta(weight.change_bytes)
    return format_size(weight.shipped_bytes), format_pull(weight.pull), Cell(change, "dim" if weight.is_noise else "")


def _describe_context(context: LargeContext) -> str:
    """Return what makes a build context large, how little of it is used, and what to do."""
    parts = [f"{name} is {format_size(size)}" for name, size in context.largest.items()]
    names = join_words([*context.largest])
    return (
        f"Context: {context.folder} holds {format_size(context.bytes)}, of which {join_words(parts)}; "
        f"the image uses at most {format_size(context.used_bytes)} of it; "
        f"put {names} into {context.ignore_file}, unless a step needs it"
    )


def _explain_changes(result: BuildResult) -> Iterable[str]:
    """Yield what each change was measured against: one line for all variants where it is the same."""
    reasons = dict[str, list[str]]()
    for variant, weight in result.weights.items():
        told = f"{'almost none ' if weight.is_noise else ''}since {weight.since}"
        told = f"not known, {weight.since}" if weight.change_bytes is None else told
        reasons.setdefault(told, []).append(variant)
    for told, variants in reasons.items():
        whose = "" if len(reasons) == 1 else f" of {', '.join(variants)}"
        yield f"Change{whose}: {told}"
