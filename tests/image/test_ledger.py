"""The ledger's rows are ordered by category, keep the base apart, and add up to the shipped bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.images import Entry
from tests.support.owned import PYTHON, SYSTEM, rows, told
from weighbridge.model.categories import CATEGORIES


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
