"""Packages that can go from an image: what nothing requires and nobody asked for, with whatever only that needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from weighbridge.image.categories import BASE, BYTECODE, CATEGORIES, WASTED
from weighbridge.image.packages.ecosystems import get_orphan_remedy
from weighbridge.model.report import Image, LedgerRow

_NAMED = 3
"""How many of the packages that go along are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A package that can go, and what goes with it."""

    category: str
    """The package's, as in `model.report.LedgerRow`."""
    name: str
    others: tuple[str, ...]
    """Packages that only it needs, the largest first."""
    bytes: int
    """Of all of them, their bytecode included."""
    has_bytecode: bool

    @property
    def reason(self) -> str:
        """Why it can go and what goes along: what comes after its name."""
        count = len(self.others)
        parts = ["its bytecode"] if self.has_bytecode else []
        if count:
            rest = f" and {count - _NAMED} more" if count > _NAMED else ""
            names = ", ".join(self.others[:_NAMED])
            parts.append(f"{count} package{'s' if count > 1 else ''} that only it needs ({names}{rest})")
        along = f", with {' and '.join(parts)}" if parts else ""
        return f"which nothing requires{along}"

    @property
    def remedy(self) -> str:
        """What to change, and what to do if it is used all the same: sentences."""
        return get_orphan_remedy(self.category, self.name)


def find_removals(image: Image) -> Iterator[Removal]:
    """Yield each package that nothing requires and nobody asked for, as far as both are known.

    If the base is unknown, nothing is removable: what came with it cannot be taken out again.
    """
    if image.base is None:
        return
    owners = find_compiled(image.ledger)
    bytecode = defaultdict[str, dict[str, int]](dict)
    packages = defaultdict[str, dict[str, list[LedgerRow]]](dict)
    of_base = {(row.kind, row.name) for row in image.ledger if row.category == BASE}
    for row in image.ledger:
        if row.category == BYTECODE:
            compiled = bytecode[owners.get(row.name, BYTECODE)]
            compiled[row.name] = compiled.get(row.name, 0) + row.bytes
        elif (row.category, row.name) not in of_base:
            packages[row.category].setdefault(row.name, []).append(row)
    for category, named in packages.items():
        yield from _find_in_category(category, named, bytecode[category])


def find_compiled(ledger: Iterable[LedgerRow]) -> dict[str, str]:
    """Return name -> the category of the owner of that name whose bytecode a ledger has; of several, the first."""
    order = {category: place for place, category in enumerate(CATEGORIES) if category not in (BASE, BYTECODE, WASTED)}
    found = dict[str, str]()
    for row in ledger:
        category = row.kind or row.category
        if category in order and order[category] < order.get(found.get(row.name, ""), len(CATEGORIES)):
            found[row.name] = category
    return found


def _find_in_category(
    category: str, named: Mapping[str, Sequence[LedgerRow]], bytecode: Mapping[str, int]
) -> Iterator[Removal]:
    """Yield the removals among one ecosystem's packages."""
    requirers = {name: {each for row in rows for each in row.required_by or ()} for name, rows in named.items()}
    required = list_required(requirers)
    unasked = {name for name, rows in named.items() if all(map(_may_go, rows))}
    sizes = {name: sum(row.bytes for row in rows) + bytecode.get(name, 0) for name, rows in named.items()}
    for name in sorted(unasked):
        if not requirers[name]:
            others = find_dependents(name, requirers, required, unasked) - {name}
            yield Removal(
                category=category,
                name=name,
                others=tuple(sorted(others, key=lambda each: (-sizes[each], each))),
                bytes=sum(sizes[each] for each in (name, *others)),
                has_bytecode=any(bytecode.get(each) for each in (name, *others)),
            )


def _may_go(row: LedgerRow) -> bool:
    """Tell whether it is known what requires a package, and that nobody asked for it."""
    return row.required_by is not None and row.requested is False


def list_required(requirers: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return each package that others are there for -> these others."""
    required = defaultdict[str, list[str]](list)
    for each, needed_by in requirers.items():
        for requirer in needed_by:
            required[requirer].append(each)
    return dict(required)


def find_dependents(
    name: str,
    requirers: Mapping[str, Iterable[str]],
    required: Mapping[str, Iterable[str]],
    unasked: Collection[str],
) -> set[str]:
    """Return a package and all that only it needs, circles among these included.

    Args:
        name: The package.
        requirers: Each package that there is -> what requires it.
        required: The same the other way round, as `list_required` returns it.
        unasked: The packages that nobody asked for.
    """
    going, waiting = {name}, [name]
    while waiting:
        for each in required.get(waiting.pop(), ()):
            if each in unasked and each not in going:
                going.add(each)
                waiting.append(each)
    waiting = [each for each in going if each != name and not going.issuperset(requirers[each])]
    while waiting:
        staying = waiting.pop()
        if staying in going:
            going.discard(staying)
            waiting += [each for each in required.get(staying, ()) if each in going and each != name]
    return going
