"""Prints the result of a smoke test: all rules, what starts cost, where the time went, and the verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TextIO

from weighbridge.model.rules import Subject
from weighbridge.model.smoke import Check, Outcome, Proof, StartCosts, count_outcomes
from weighbridge.quoting import flatten
from weighbridge.render.overview import describe_rules, format_count, join_words
from weighbridge.render.terminal.console import Cell, Column, print_line, print_paragraph, print_table
from weighbridge.render.terminal.outcomes import SIGNS, describe_time, filter_checks
from weighbridge.report.units import format_seconds, format_size

_TELLING_SECONDS = 0.05
"""Shorter times are not shown, so that the longer ones stand out."""
_MEANINGS: dict[Outcome, str] = {
    "passed": "holds",
    "failed": "fails",
    "waived": "waived in the settings",
    "noted": "does not hold, and only `hardened` demands it",
    "skipped": "not tried",
}
_FIGURES = (
    Column(name="Variant"),
    Column(name="API live", right=True),
    Column(name="API ready", right=True),
    Column(name="Worker ready", right=True),
    Column(name="API memory", right=True),
    Column(name="Worker memory", right=True),
)


def render(proofs: Sequence[Proof], stream: TextIO | None = None) -> None:
    """Print all rules, the reasons of those that do not hold, start costs, where the time went, and the verdict."""
    _print_rules(proofs, stream)
    _print_reasons(proofs, stream)
    if any(proof.figures != StartCosts() for proof in proofs):
        print_table("Starts and memory", _FIGURES, [_build_figures_row(proof) for proof in proofs], stream=stream)
    print_line("Where the time went", stream=stream)
    width = max((len(proof.variant) for proof in proofs), default=0)
    for proof in proofs:
        print_line(Cell(f"{proof.variant:<{width}}  ", "bold"), _describe_time_spent(proof), stream=stream)
    print_line("", stream=stream)
    for cells in _build_verdicts(proofs):
        print_line(*cells, stream=stream)


def _print_rules(proofs: Sequence[Proof], stream: TextIO | None) -> None:
    found = {(proof.variant, check.role, check.rule): check for proof in proofs for check in proof.checks}
    columns = [Column(name="Role"), Column(name="Rule", shrinks=True)]
    columns += [Column(name=proof.variant) for proof in proofs]
    alone = proofs[0].variant if len(proofs) == 1 else None
    if alone is not None:
        columns.append(Column(name="What was seen", grows=True))
    rows: list[Sequence[Cell | str]] = []
    before = ""
    for role, rule in _order_rules(proofs):
        row: list[Cell | str] = [Cell(role if role != before else "", "bold"), rule]
        row += [_build_outcome_cell(found.get((proof.variant, role, rule))) for proof in proofs]
        if alone is not None:
            row.append(_build_seen_cell(found[alone, role, rule]))
        rows.append(row)
        before = role
    print_table("Smoke test", columns, rows, stream=stream)
    print_paragraph(_describe_signs(proofs), "dim", stream=stream)
    print_line("", stream=stream)


def _order_rules(proofs: Sequence[Proof]) -> list[tuple[Subject, str]]:
    """Return all rules, role by role, in the order in which they were tried, even if only some variants have them."""
    order: list[tuple[Subject, str]] = []
    for proof in proofs:
        place = 0
        for check in proof.checks:
            rule = check.role, check.rule
            if rule not in order:
                order.insert(place, rule)
            place = order.index(rule) + 1
    subjects = [subject for subject, _ in order]
    return sorted(order, key=lambda rule: (_rank(rule[0]), subjects.index(rule[0]) if _rank(rule[0]) == 0 else 0))


def _rank(subject: Subject) -> int:
    """Return where a subject stands: images, what runs before, the roles in their own order, the stack, the faults."""
    if subject == "image" or subject.endswith(" image"):
        return 0
    return {"before": 1, "stack": 3, "fault": 4}.get(subject, 2)


def _build_outcome_cell(check: Check | None) -> Cell:
    """Return a sign and the seconds; an empty cell if the variant does not have this rule."""
    if check is None:
        return Cell("")
    sign, style = SIGNS[check.outcome]
    return Cell(f"{sign} {check.seconds:4.1f}" if check.seconds >= _TELLING_SECONDS else sign, style)


def _build_seen_cell(check: Check) -> Cell:
    """Return what the rule saw; if it fails or is waived, the full reason is printed below the table."""
    return Cell(flatten(check.detail) if check.outcome in {"passed", "skipped"} else "see below", "dim")


def _describe_signs(proofs: Sequence[Proof]) -> str:
    """Return the meanings of the signs in the table."""
    there = {check.outcome for proof in proofs for check in proof.checks}
    signs = ", ".join(f"{SIGNS[outcome][0]} {meaning}" for outcome, meaning in _MEANINGS.items() if outcome in there)
    return f"{signs}; seconds from {_TELLING_SECONDS:g} on."


def _print_reasons(proofs: Sequence[Proof], stream: TextIO | None) -> None:
    """Print why rules do not hold, in the order of the table; a reason that several variants share is printed once."""
    order = _order_rules(proofs)
    outcomes: tuple[Outcome, ...] = ("failed", "waived", "noted")
    for outcome in outcomes:
        reasons: dict[tuple[int, str], list[str]] = {}
        for proof in proofs:
            for check in filter_checks(outcome, proof.checks):
                where = order.index((check.role, check.rule)), flatten(check.detail)
                reasons.setdefault(where, []).append(proof.variant)
        if outcome == "noted" and reasons:
            print_line(Cell("What `hardened` would also report", "bold"), stream=stream)
        for (place, detail), variants in sorted(reasons.items()):
            sign, style = SIGNS[outcome]
            whose = f", {join_words(variants)}" if len(proofs) > 1 else ""
            print_line(Cell(f"{sign} ", style), Cell(f"{' '.join(order[place])}{whose}", "bold"), stream=stream)
            print_paragraph(detail, indent=2, stream=stream)
        if reasons:
            print_line("", stream=stream)


def _build_figures_row(proof: Proof) -> Sequence[Cell | str]:
    known = proof.figures
    times = known.api_live_seconds, known.api_ready_seconds, known.worker_ready_seconds
    memory = known.api_memory_bytes, known.worker_memory_bytes
    return (
        Cell(proof.variant, "bold"),
        *("unknown" if each is None else format_seconds(each) for each in times),
        *("unknown" if each is None else format_size(each) for each in memory),
    )


def _describe_time_spent(proof: Proof) -> str:
    """Return the seconds that the rules of each role took, the largest first, and those spent on anything else."""
    spent = defaultdict[str, float](float)
    for check in proof.checks:
        spent[check.role] += check.seconds
    spent["other"] = proof.seconds - sum(spent.values())
    by_size = sorted(spent.items(), key=lambda item: -item[1])
    parts = [f"{role} {took:.1f}" for role, took in by_size if took >= _TELLING_SECONDS]
    return f"{format_seconds(proof.seconds)}: {', '.join(parts)}" if parts else format_seconds(proof.seconds)


def _build_verdicts(proofs: Sequence[Proof]) -> Iterator[Sequence[Cell | str]]:
    """Yield one line about all variants that run, then one about each that does not."""
    running = [proof for proof in proofs if proof.ok]
    if running:
        names = [proof.variant for proof in running]
        who = f"{len(names)} variants" if len(names) == len(proofs) > 1 else join_words(names)
        counts = count_outcomes(check for proof in running for check in proof.checks)
        took = format_seconds(max(proof.seconds for proof in running))  # they run side by side
        yield (
            Cell("✓ ", "green"),
            Cell(f"{who} run{'' if len(names) > 1 else 's'}", "bold"),
            f": {describe_time(counts, took)}",
        )
    for proof in proofs:
        if not proof.ok:
            yield Cell("✗ ", "red"), Cell(proof.variant, "bold"), _describe_failures(proof)


def _describe_failures(proof: Proof) -> str:
    """Return which rules a variant fails, and how many of the others hold, are waived, or were not tried."""
    counts, failed = count_outcomes(proof.checks), filter_checks("failed", proof.checks)
    if not failed:
        return f": {describe_rules(counts)}"
    rest = [f"{counts.held} hold{'s' if counts.held == 1 else ''}"]
    rest += [f"{counts.waived} waived"] if counts.waived else []
    rest += [f"{counts.noted} noted for `hardened`"] if counts.noted else []
    rest += [f"{counts.untried} not tried"] if counts.untried else []
    titles = ", ".join(check.title for check in failed)
    which = f"{len(failed)} of {format_count(counts.total, 'rule')}{_describe_base_share(failed)}"
    return f" fails {which}: {titles}; {', '.join(rest)}"


def _describe_base_share(failed: Sequence[Check]) -> str:
    """Return how many of these rules fail because of the base image alone; empty if none does."""
    count = sum(check.from_base for check in failed)
    if not count:
        return ""
    return f", {'' if count == len(failed) else f'{count} of them '}because of the base image alone"
