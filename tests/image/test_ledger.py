"""Whose each byte is: packages, bytecode, the application, nobody; the rows add up to what is shipped."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.support.images import Entry
from tests.support.layers import hard_link, layer_of, symbolic_link
from weighbridge.image import filesystem, waste
from weighbridge.image.ledger import breakdown
from weighbridge.image.owners import owned
from weighbridge.model.categories import CATEGORIES
from weighbridge.model.report import LedgerRow

STATUS = b"""Package: libc6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Version: 2.41

Package: tzdata
Status: install ok installed
Architecture: all
Version: 2026f
"""
SYSTEM = [
    Entry("var/lib/dpkg/status", STATUS),
    Entry("var/lib/dpkg/info/libc6:amd64.list", b"/.\n/lib\n/lib/x86_64-linux-gnu\n/lib/x86_64-linux-gnu/libc.so.6\n"),
    Entry("var/lib/dpkg/info/tzdata.list", b"/usr/share/zoneinfo/UTC\n/usr/share/doc/tzdata/README\n"),
    symbolic_link("lib", "usr/lib"),
    Entry("usr/lib/x86_64-linux-gnu/libc.so.6", b"c" * 1000),
    Entry("usr/share/zoneinfo/UTC", b"u" * 100),
    hard_link("usr/share/zoneinfo/Zulu", "usr/share/zoneinfo/UTC"),
]
SITE = "venv/lib/python3.13/site-packages"
RECORD = (
    b"redis/__init__.py,,\n../../../bin/redis-x,,\nredis/__pycache__/__init__.cpython-313.pyc,,\nredis.libs/x.so,,\n"
)
PYTHON = [
    Entry(f"{SITE}/redis-8.1.0.dist-info/RECORD", RECORD),
    Entry(f"{SITE}/redis/__init__.py", b"r" * 50),
    Entry(f"{SITE}/redis/__pycache__/__init__.cpython-313.pyc", b"p" * 60),
    Entry(f"{SITE}/redis.libs/x.so", b"l" * 70),
    Entry("venv/bin/redis-x", b"s" * 5),
    Entry("venv/pyvenv.cfg", b"v" * 3),
    Entry("app/main.py", b"a" * 40),
    Entry("app/__pycache__/main.cpython-313.opt-1.pyc", b"b" * 44),
    Entry("app/__pycache__/gone.cpython-313.pyc", b"g" * 4),
]


def rows(layers: Sequence[Sequence[Entry]], base_layers: int = 0, working_dir: str = "/app") -> tuple[LedgerRow, ...]:
    """Return the ledger of layers, held to its sum."""
    contents = [layer_of(entries) for entries in layers]
    view = filesystem.stack(contents)
    wasted = waste.rows(view.losses.values(), ["RUN x"] * len(contents), base_layers)
    found = breakdown(view, base_layers, owned(view, working_dir), wasted)
    assert sum(row.bytes for row in found) == sum(content.shipped_bytes for content in contents)
    return found


def told(found: Sequence[LedgerRow]) -> dict[tuple[str, str], int]:
    """Return bytes by category and name."""
    return {(row.category, row.name): row.bytes for row in found}


def test_every_owner() -> None:
    """Packages by what their managers wrote down, found through links; bytecode by its source; the rest by place."""
    found = rows([SYSTEM, PYTHON])
    databases = sum(len(entry.data) for entry in SYSTEM if entry.name.startswith("var/lib/dpkg"))
    assert told(found) == {
        ("debian", "libc6"): 1000,
        ("debian", "tzdata"): 100,
        ("python", "redis"): 50 + 70 + 5 + len(RECORD),
        ("bytecode", "redis"): 60,
        ("bytecode", "/app"): 44 + 4,
        ("application", "/app"): 40,
        ("unowned", "/var/lib/dpkg"): databases,
        ("unowned", "/venv"): 3,
    }
    versions = {row.name: row.version for row in found if row.category in ("debian", "python")}
    assert versions == {"libc6": "2.41", "tzdata": "2026f", "redis": "8.1.0"}


def test_bytecode_in_the_place_of_its_source() -> None:
    """Where an image has no sources, what a package lists of them leads to their bytecode."""
    record = b"redis/__init__.py,,\nredis/client.py,,\n"
    site = "venv/lib/python3.13/site-packages"
    layer = [
        Entry(f"{site}/redis/__init__.pyc", b"i" * 7),
        Entry(f"{site}/redis/client.py", b"c" * 11),
        Entry(f"{site}/redis/client.pyc", b"d" * 13),
        Entry(f"{site}/redis-8.1.0.dist-info/RECORD", record),
    ]
    found = told(rows([layer]))
    assert found["bytecode", "redis"] == 7
    assert found["python", "redis"] == 11 + len(record)
    assert found["unowned", "/venv/lib/python3.13"] == 13


def test_base_is_apart() -> None:
    """What the base's layers have is the base's, with the same names; our layers' parts of a package are ours."""
    found = rows([SYSTEM, [Entry("usr/lib/x86_64-linux-gnu/libc.so.6", b"d" * 30)]], base_layers=1)
    assert told(found)["base", "tzdata"] == 100
    assert told(found)["debian", "libc6"] == 30
    assert told(found)["wasted", "replaced"] == 1000
    assert {row.category for row in found} == {"base", "debian", "wasted"}


def test_kind_of_what_is_in_the_base() -> None:
    """A row of the base tells which manager has the package, or that none has; a row of another category need not."""
    found = rows([[*SYSTEM, *PYTHON], [Entry("app/new.py", b"n")]], base_layers=1)
    kinds = {(row.name, row.kind) for row in found if row.category == "base"}
    assert {("libc6", "debian"), ("redis", "python"), ("redis", "bytecode"), ("/venv", "unowned")} <= kinds
    assert {("/app", "application"), ("/app", "bytecode")} <= kinds  # of one name, and two rows all the same
    assert {row.kind for row in found if row.category != "base"} == {None}


def test_rows_come_by_category_then_by_size() -> None:
    """The order is that of the categories, then the largest first."""
    found = rows([SYSTEM, PYTHON, [Entry("app/.wh.main.py")]], base_layers=1)
    assert list(dict.fromkeys(row.category for row in found)) == ["base", "python", "bytecode", "unowned", "wasted"]
    order = [list(CATEGORIES).index(row.category) for row in found]
    assert order == sorted(order)
    assert told(found)["wasted", "deleted-file"] == 40
    for category in {row.category for row in found}:
        sizes = [row.bytes for row in found if row.category == category]
        assert sizes == sorted(sizes, reverse=True)


def test_root_as_working_directory_is_no_application() -> None:
    """An image whose command runs in `/` says nothing of an application."""
    for working_dir in ("", "/"):
        assert not [row for row in rows([PYTHON], working_dir=working_dir) if row.category == "application"]


PATHS = st.sampled_from([entry.name for entry in (*SYSTEM, *PYTHON)] + ["x/y", "app/z.py", "lib/x"])
LAYERS = st.lists(st.lists(st.builds(Entry, PATHS, st.binary(max_size=30)), max_size=6), min_size=1, max_size=4)


@given(LAYERS, st.integers(0, 2))
def test_ledger_closes(layers: list[list[Entry]], base_layers: int) -> None:
    """Whatever lies where, with databases of any content: every byte has one owner."""
    rows([SYSTEM, *layers], base_layers)
