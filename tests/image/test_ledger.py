"""The ledger's rows are ordered by category, keep the base apart, and add up to the shipped bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.images import Entry
from tests.support.layers import layer_of
from tests.support.owned import PYTHON, SYSTEM, rows, told
from weighbridge.image import filesystem
from weighbridge.image.categories import CATEGORIES
from weighbridge.image.dependencies import Key, Needs
from weighbridge.image.ledger import build_ledger
from weighbridge.image.owners import find_owners


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
