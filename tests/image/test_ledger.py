"""The ledger's rows are ordered by category, keep the base apart, and add up to the shipped bytes."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.images import Entry
from tests.support.layers import layer_of
from tests.support.owned import PYTHON, SYSTEM, rows, told
from weighbridge.image import filesystem
from weighbridge.image.categories import CATEGORIES
from weighbridge.image.dependencies import Key, Needs
from weighbridge.image.filesystem import Filesystem
from weighbridge.image.ledger import build_ledger
from weighbridge.image.owners import Owner, find_owners
from weighbridge.model.report import LedgerRow, Waste


def test_kind_of_what_is_in_the_base() -> None:
    """A row of the base names the manager of its package, or that it has no manager; other rows need no kind."""
    found = rows([[*SYSTEM, *PYTHON], [Entry("app/new.py", b"n")]], base_layers=1)
    kinds = {(row.name, row.kind) for row in found if row.category == "base"}
    assert {("libc6", "debian"), ("redis", "python"), ("redis", "bytecode"), ("/venv", "unowned")} <= kinds
    assert {("/app", "application"), ("/app", "bytecode")} <= kinds  # of one name, and two rows all the same
    assert {row.kind for row in found if row.category != "base"} == {None}


def test_rows_come_by_category_then_by_size() -> None:
    """Rows are sorted by category, then by size, the largest first."""
    found = rows([SYSTEM, PYTHON, [Entry("app/.wh.main.py")]], base_layers=1)
    assert list(dict.fromkeys(row.category for row in found)) == ["base", "python", "bytecode", "unowned", "wasted"]
    order = list(CATEGORIES)
    assert [order.index(row.category) for row in found] == sorted(order.index(row.category) for row in found)
    assert told(found)["wasted", "deleted-file"] == 40
    for category in {row.category for row in found}:
        sizes = [row.bytes for row in found if row.category == category]
        assert sizes == sorted(sizes, reverse=True)


OWNERS = (
    Owner("", ""),
    Owner("python", "redis", "8.1"),
    Owner("python", "redis"),
    Owner("unowned", "redis"),
    Owner("bytecode", "redis"),
    Owner("python", "redis", "8.0"),
)


def row(category: str, name: str, size: int, version: str | None = None, kind: str | None = None) -> LedgerRow:
    """Return a row without needs."""
    return LedgerRow(category=category, name=name, version=version, bytes=size, kind=kind)


def test_every_row() -> None:
    """Bytes of one owner are added up over layers, apart in the base; of one size, rows come by name, version, kind."""
    layers = [
        [Entry("a", b"1" * 3), Entry("b", b"2" * 3), Entry("c", b"3" * 3), Entry("d", b"4" * 10)],
        [Entry("a2", b"1"), Entry("a3", b"1" * 4), Entry(".wh.d"), Entry("d2", b"3")],
        [Entry("a4", b"1" * 4), Entry("e", b"2" * 4), Entry("f", b"3" * 4), Entry("empty"), Entry("a5", b"5" * 5)],
        [Entry("a6", b"1")],
    ]
    places = array("i", [1, 4, 3, 5, 5, 1, 0, 3, 1, 2, 5, 3, 3, 1])
    view = filesystem.stack([layer_of(entries) for entries in layers])
    lost = Waste(
        cause="deleted-file", bytes=7, shipped_by=0, killed_by=1, path="/d", file_count=1, remedy="Do not ship it."
    )
    more = Waste(
        cause="deleted-file", bytes=3, shipped_by=0, killed_by=1, path="/e", file_count=1, remedy="Do not ship it."
    )
    assert build_ledger(view, 2, (OWNERS, places), [lost, more]) == (
        row("base", "redis", 7, "8.1", "python"),
        row("base", "redis", 4, None, "unowned"),
        row("base", "redis", 3, None, "bytecode"),
        row("base", "redis", 1, "8.0", "python"),
        row("python", "redis", 5, "8.1"),
        row("python", "redis", 4),
        row("python", "redis", 4, "8.0"),
        row("unowned", "redis", 5),
        row("wasted", "deleted-file", 10),
    )


def test_rows_of_one_size() -> None:
    """They come by name, then by version, none first, then by kind."""
    owners = (
        Owner("unowned", "b"),
        Owner("python", "b", "2"),
        Owner("python", "b", "1"),
        Owner("python", "b"),
        Owner("bytecode", "b"),
        Owner("python", "a", "3"),
    )
    view = filesystem.stack([layer_of([Entry(str(number), b"1") for number in range(len(owners))])])
    found = build_ledger(view, 1, (owners, array("i", range(len(owners)))), ())
    assert [(row.name, row.version, row.kind) for row in found] == [
        ("a", "3", "python"),
        ("b", None, "bytecode"),
        ("b", None, "python"),
        ("b", None, "unowned"),
        ("b", "1", "python"),
        ("b", "2", "python"),
    ]


def test_owners_of_another_image() -> None:
    """Owners that are not those of the same entries are refused, and so are layers that were never stacked."""
    content = layer_of([Entry("a", b"1"), Entry("b", b"1")])
    with pytest.raises(ValueError, match=r"zip\(\) argument 2 is shorter"):
        build_ledger(filesystem.stack([content]), 0, (OWNERS, array("i", [1])), ())
    with pytest.raises(ValueError, match=r"zip\(\) argument 2 is shorter"):
        build_ledger(Filesystem((content,)), 0, (OWNERS, array("i", [1, 1])), ())


PATHS = st.sampled_from([entry.name for entry in (*SYSTEM, *PYTHON)] + ["x/y", "app/z.py", "lib/x"])
LAYERS = st.lists(st.lists(st.builds(Entry, PATHS, st.binary(max_size=30)), max_size=6), min_size=1, max_size=4)


@given(LAYERS, st.integers(0, 2))
def test_ledger_closes(layers: list[list[Entry]], base_layers: int) -> None:
    """Whatever the files and databases contain, every byte has exactly one owner."""
    rows([SYSTEM, *layers], base_layers)


def test_base_is_apart() -> None:
    """Bytes in the base's layers count to the base under the owners' names; later bytes of a package are ours."""
    found = rows([SYSTEM, [Entry("usr/lib/x86_64-linux-gnu/libc.so.6", b"d" * 30)]], base_layers=1)
    assert told(found)["base", "tzdata"] == 100
    assert told(found)["debian", "libc6"] == 30
    assert told(found)["wasted", "replaced"] == 1000
    assert {row.category for row in found} == {"base", "debian", "wasted"}


def test_what_packages_are_there_for() -> None:
    """It stands in a package's own row, by its version, and in no row of the base, of bytecode, or of no package."""
    needs: dict[Key, Needs] = {
        ("python", "redis", "8.1.0"): Needs(required_by=("celery",), requested=False),
        ("debian", "libc6", "2.41"): Needs(required_by=(), requested=True),
        ("debian", "tzdata", "1"): Needs(required_by=(), requested=True),
    }
    contents = [layer_of(entries) for entries in (SYSTEM, PYTHON)]
    view = filesystem.stack(contents)
    for base_layers, expected in [(0, {"redis": ("celery",), "libc6": ()}), (1, {"redis": ("celery",)})]:
        found = build_ledger(view, base_layers, find_owners(view, "/app"), (), needs)
        assert {row.name: row.required_by for row in found if row.required_by is not None} == expected
        assert {row.name for row in found if row.requested is not None} == expected.keys()
