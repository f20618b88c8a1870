"""What can go together: nothing that stays loses what it needs, and nothing goes that somebody asked for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.model.report import Base, Image, LedgerRow
from weighbridge.report.removable import Removal, find_compiled, find_dependents, find_removals, list_required

BASE = Base(reference="debian", layers=1, shipped_bytes=1)


def image(*rows: LedgerRow, base: Base | None = BASE) -> Image:
    """Return an image with this ledger."""
    return Image(
        variant="a",
        reference="a",
        source="docker",
        id="a",
        platform="linux/amd64",
        shipped_bytes=sum(row.bytes for row in rows),
        file_count=1,
        base=base,
        layers=(),
        ledger=rows,
    )


def row(
    name: str,
    size: int = 1,
    *required_by: str,
    requested: bool | None = False,
    category: str = "python",
    version: str = "1",
) -> LedgerRow:
    """Return a package's row."""
    return LedgerRow(
        category=category, name=name, version=version, bytes=size, required_by=required_by, requested=requested
    )


def bytecode(name: str, size: int) -> LedgerRow:
    """Return the row of a package's bytecode."""
    return LedgerRow(category="bytecode", name=name, version=None, bytes=size)


HTTPX = (
    row("httpx", 100),
    row("httpcore", 70, "httpx"),
    row("certifi", 80, "httpx", "httpcore"),
    row("h11", 20, "httpcore", "uvicorn"),
    row("uvicorn", 5, "the image's command"),
    row("idna", 7, "httpx", requested=True),
    bytecode("httpx", 3),
    bytecode("certifi", 2),
    bytecode("h11", 90),
)


def test_package_with_what_only_it_needs() -> None:
    """What others need, the command among them, or what somebody asked for, stays; bytecode goes with its package."""
    (found,) = find_removals(image(*HTTPX))
    assert found == Removal(
        category="python", name="httpx", others=("certifi", "httpcore"), bytes=255, has_bytecode=True
    )
    assert (
        found.reason
        == "which nothing requires, with its bytecode and 2 packages that only it needs (certifi, httpcore)"
    )


@pytest.mark.parametrize(
    ("others", "has_bytecode", "reason"),
    [
        ((), False, "which nothing requires"),
        ((), True, "which nothing requires, with its bytecode"),
        (("a",), False, "which nothing requires, with 1 package that only it needs (a)"),
        (tuple("abcde"), False, "which nothing requires, with 5 packages that only it needs (a, b, c and 2 more)"),
    ],
)
def test_words(others: tuple[str, ...], reason: str, *, has_bytecode: bool) -> None:
    """The reason names what goes along, of many the largest."""
    assert Removal(category="python", name="x", others=others, bytes=1, has_bytecode=has_bytecode).reason == reason


@pytest.mark.parametrize(
    "rows",
    [
        (row("a", requested=True),),
        (row("a", requested=None),),
        (row("a", 1, "b"), row("b", 1, "a")),
        (LedgerRow(category="python", name="a", version=None, bytes=1, requested=False),),
        (row("a"), LedgerRow(category="base", name="a", version="1", bytes=1, kind="python")),
        (row("a"), row("a", 1, "b", version="2"), row("b", requested=True)),
        (row("a"), row("a", requested=True, version="2")),
        (bytecode("a", 1),),
    ],
)
def test_what_stays(rows: tuple[LedgerRow, ...]) -> None:
    """What somebody may have asked for, is required, or is of the base, stays; so does all of one name, with it."""
    assert [*find_removals(image(*rows))] == []


def test_unknown_base() -> None:
    """Where the base is unknown a package may have come with it, and cannot be taken out again."""
    assert [*find_removals(image(row("a"), base=None))] == []


def test_ecosystems_are_apart() -> None:
    """A package is not needed by another ecosystem's of the same name."""
    rows = (row("redis", 5), row("redis", 3, "x", category="debian"), row("x", category="debian", requested=True))
    (found,) = find_removals(image(*rows))
    assert (found.category, found.bytes) == ("python", 5)


@pytest.mark.parametrize("other", ["python", "conda"])
def test_bytecode_of_another_package(other: str) -> None:
    """Bytecode goes with the package that it was compiled from, and not with another ecosystem's of the same name."""
    rows = (
        row("semver", 5, category="npm"),
        row("semver", 3, category=other, requested=True),
        bytecode("semver", 9),
    )
    (found,) = find_removals(image(*rows))
    assert (found.category, found.bytes, found.has_bytecode) == ("npm", 5, False)
    base = LedgerRow(category="base", name="semver", version="1", bytes=3, kind=other)
    (found,) = find_removals(image(rows[0], base, rows[2]))
    assert (found.category, found.bytes, found.has_bytecode) == ("npm", 5, False)


def test_many_packages() -> None:
    """Thousands of packages that nothing requires are found in seconds: not in the square of their number."""
    rows = [row(f"p{number}") for number in range(20_000)]
    begin = time.process_time()
    assert len([*find_removals(image(*rows))]) == len(rows)
    assert time.process_time() - begin < 5


def test_remedies() -> None:
    """The remedy says where the package came from, and what to do if it is used after all."""
    for category, word in {
        "python": "pip install",
        "debian": "autoremove",
        "alpine": "apk",
        "npm": "npm",
        "x": "",
    }.items():
        (found,) = find_removals(image(row("a", category=category)))
        assert word in found.remedy
        assert "used after all" in found.remedy
    (found,) = find_removals(image(row("pip")))
    assert "--without-pip" in found.remedy


NAMES = "abcdef"
GRAPHS = st.dictionaries(st.sampled_from(NAMES), st.frozensets(st.sampled_from(NAMES + "z"), max_size=3), min_size=1)


def removable(name: str, requirers: Mapping[str, frozenset[str]], unasked: frozenset[str]) -> frozenset[str]:
    """Return, by trying every set, all that can go with a package that goes: a model that is slow and plain.

    A set can go if nobody asked for any of it, nothing that stays requires any of it, and each part is there only for
    the package, which means that it can be reached from it.
    """
    reached, before = {name}, set[str]()
    while reached != before:
        before = set(reached)
        reached |= {each for each, needed_by in requirers.items() if needed_by & before}
    free = sorted((reached & unasked) - {name})
    sets = chain.from_iterable(combinations(free, count) for count in range(len(free), -1, -1))
    for others in sets:
        going = {name, *others}
        stays_whole = all(requirers[each] <= going for each in others)
        if stays_whole:
            return frozenset(going)
    raise AssertionError("the package alone can go")


@given(GRAPHS, st.frozensets(st.sampled_from(NAMES)), st.data())
def test_any_packages(requirers: dict[str, frozenset[str]], unasked: frozenset[str], data: st.DataObject) -> None:
    """What goes along is the largest set without which all that stays still has what it needs, in circles, too."""
    name = data.draw(st.sampled_from(sorted(requirers)))
    assert find_dependents(name, requirers, list_required(requirers), unasked) == removable(name, requirers, unasked)


ROWS = st.lists(
    st.builds(
        LedgerRow,
        category=st.sampled_from(["python", "debian", "bytecode", "base"]),
        name=st.sampled_from(NAMES),
        version=st.none(),
        bytes=st.integers(0, 9),
        kind=st.sampled_from(["python", None]),
        required_by=st.one_of(st.none(), st.lists(st.sampled_from(NAMES)).map(tuple)),
        requested=st.sampled_from([True, False, None]),
    ),
    max_size=8,
)


@given(ROWS)
def test_any_ledger(rows: list[LedgerRow]) -> None:
    """No removal takes more bytes than there are, or anything that a row which stays says it requires."""
    for found in find_removals(image(*rows)):
        going = {found.name, *found.others}
        gone = [each for each in rows if each.category == found.category and each.name in going]
        assert all(each.requested is False for each in gone)
        assert all(set(each.required_by or ()) <= going for each in gone)
        ours = {name for name in going if find_compiled(rows).get(name) == found.category}
        compiled = sum(each.bytes for each in rows if each.category == "bytecode" and each.name in ours)
        assert found.bytes == sum(each.bytes for each in gone) + compiled
