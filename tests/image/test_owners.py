"""Whose each file is: a package, found through links; bytecode by its source; the application; nobody."""

from __future__ import annotations

from tests.support.images import Entry
from tests.support.owned import PYTHON, RECORD, SYSTEM, rows, told


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


def test_root_as_working_directory_is_no_application() -> None:
    """An image whose command runs in `/` says nothing of an application."""
    for working_dir in ("", "/"):
        assert not [row for row in rows([PYTHON], working_dir=working_dir) if row.category == "application"]
