"""Packages that can go from an image: what nothing requires and nobody asked for, with whatever only that needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from weighbridge.model.report import Image, LedgerRow

_BASE, _BYTECODE = "base", "bytecode"
_NAMED = 3
"""How many of the packages that go along are named."""
_INSTALLERS = frozenset({"pip", "setuptools", "wheel"})
"""What comes with a virtual environment, unasked."""
_WITHOUT_INSTALLERS = (
    "No requirements file names it: uninstall it in the instruction that installs the packages, or make the environment"
    " without it (`python3 -m venv --without-pip`). If it is used after all, name it in a requirements file."
)
_REMEDIES: Mapping[str, str] = {
    "python": (
        "No requirements file names it: drop it from the Dockerfile's `pip install`. If it is used after all, name it"
        " in a requirements file."
    ),
    "npm": (
        "No package.json names it: run `npm prune` in the instruction that installs the packages. If it is used after"
        " all, name it there."
    ),
    "debian": (
        "Nobody asked for it: install with `apt-get install --no-install-recommends`, or run `apt-get autoremove"
        " --purge` in the same instruction. If it is used after all, name it in the `apt-get install`."
    ),
    "alpine": "Nobody asked for it: `apk del` it in the same instruction. If it is used after all, `apk add` its name.",
}
_REMEDY = "Nobody asked for it: leave it out. If it is used after all, install it by name."


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
        if self.category == "python" and self.name in _INSTALLERS:
            return _WITHOUT_INSTALLERS
        return _REMEDIES.get(self.category, _REMEDY)


def find_removals(image: Image) -> Iterator[Removal]:
    """Yield each package that nothing requires and nobody asked for, as far as both are known.

    Where the base is unknown there is none: what came with it cannot be taken out again.
    """
    if image.base is None:
        return
    bytecode = defaultdict[str, int](int)
    packages = defaultdict[str, dict[str, list[LedgerRow]]](dict)
    of_base = {(row.kind, row.name) for row in image.ledger if row.category == _BASE}
    for row in image.ledger:
        if row.category == _BYTECODE:
            bytecode[row.name] += row.bytes
        elif (row.category, row.name) not in of_base:
            packages[row.category].setdefault(row.name, []).append(row)
    for category, named in packages.items():
        requirers = {name: {each for row in rows for each in row.required_by or ()} for name, rows in named.items()}
        unasked = {name for name, rows in named.items() if all(map(_may_go, rows))}
        sizes = {name: sum(row.bytes for row in rows) for name, rows in named.items()}
        for name in sorted(unasked):
            if not requirers[name]:
                others = find_dependents(name, requirers, unasked) - {name}
                compiled = sum(bytecode[each] for each in (name, *others))
                yield Removal(
                    category=category,
                    name=name,
                    others=tuple(sorted(others, key=lambda each: (-sizes[each] - bytecode[each], each))),
                    bytes=compiled + sum(sizes[each] for each in (name, *others)),
                    has_bytecode=compiled > 0,
                )


def _may_go(row: LedgerRow) -> bool:
    """Tell whether it is known what requires a package, and that nobody asked for it."""
    return row.required_by is not None and row.requested is False


def find_dependents(name: str, requirers: Mapping[str, Iterable[str]], unasked: Iterable[str]) -> set[str]:
    """Return a package and all that only it needs, circles among these included.

    Args:
        name: The package.
        requirers: Each package that there is -> what requires it.
        unasked: The packages that nobody asked for.
    """
    required, may_go = defaultdict[str, list[str]](list), set(unasked)
    for each, needed_by in requirers.items():
        for requirer in needed_by:
            required[requirer].append(each)
    going, waiting = {name}, [name]
    while waiting:
        for each in required[waiting.pop()]:
            if each in may_go and each not in going:
                going.add(each)
                waiting.append(each)
    waiting = [each for each in going if each != name and not going.issuperset(requirers[each])]
    while waiting:
        staying = waiting.pop()
        if staying in going:
            going.discard(staying)
            waiting += [each for each in required[staying] if each in going and each != name]
    return going
