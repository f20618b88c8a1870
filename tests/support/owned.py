"""A filesystem with packages of two managers and an application, and the ledger of layers."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.images import Entry
from tests.support.layers import hard_link, layer_of, symbolic_link
from weighbridge.image import filesystem, waste
from weighbridge.image.ledger import build_ledger
from weighbridge.image.owners import find_owners
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
    wasted = waste.list_waste(view.losses.values(), ["RUN x"] * len(contents), base_layers)
    found = build_ledger(view, base_layers, find_owners(view, working_dir), wasted)
    assert sum(row.bytes for row in found) == sum(content.shipped_bytes for content in contents)
    return found


def told(found: Sequence[LedgerRow]) -> dict[tuple[str, str], int]:
    """Return bytes by category and name."""
    return {(row.category, row.name): row.bytes for row in found}
