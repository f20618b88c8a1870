"""Whose each file is: a package, found through links; bytecode by its source; the application; nobody."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.images import Entry
from tests.support.layers import layer_of, symbolic_link
from tests.support.owned import PYTHON, RECORD, SYSTEM, rows, told
from weighbridge.image import filesystem
from weighbridge.image.owners import assign_owners
from weighbridge.image.packages import Package


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


def package(name: str, *, paths: tuple[str, ...] = (), folders: tuple[str, ...] = ()) -> Package:
    """Return a package."""
    return Package(kind="npm", name=name, version="1", paths=paths, folders=folders)


def owned(entries: list[Entry], *packages: Package) -> dict[str, str]:
    """Return the owner of each file."""
    view = filesystem.stack([layer_of(entries)])
    known, places = assign_owners(view, packages, ())
    return {path: known[places[number]].name for path, number in view.iterate_files()}


def test_folders() -> None:
    """A file is of the package that lists it, else of the one whose folder is the deepest around it, else of nobody."""
    paths = ["n/a/x", "n/a/n/b/x", "n/a/n/b/deep/x", "n/a/listed", "n/other", "single"]
    found = owned(
        [*(Entry(path, b"1") for path in paths), symbolic_link("link", "n/a/n")],
        package("a", folders=("n/a", "single")),
        package("second", folders=("n/a",)),
        package("b", folders=("link/b",)),
        package("lister", paths=("n/a/listed",), folders=("nowhere",)),
    )
    assert found == {
        "n/a/x": "a",
        "n/a/n/b/x": "b",
        "n/a/n/b/deep/x": "b",
        "n/a/listed": "lister",
        "n/other": "/n",
        "single": "a",
    }


def test_bytecode_in_a_folder() -> None:
    """Bytecode is apart, in a folder of a package, too."""
    found = owned(
        [Entry("n/a/x.py", b"1"), Entry("n/a/__pycache__/x.cpython-313.pyc", b"1")], package("a", folders=("n/a",))
    )
    assert set(found.values()) == {"a"}
    view = filesystem.stack([layer_of([Entry("n/a/__pycache__/x.cpython-313.pyc", b"1")])])
    known, _ = assign_owners(view, [package("a", folders=("n/a",))], ())
    assert "bytecode" in {owner.category for owner in known}


FOLDERS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join)


@given(st.lists(FOLDERS, max_size=8, unique=True), st.lists(st.lists(FOLDERS, max_size=3), max_size=4))
def test_deepest_folder(places: list[str], packages: list[list[str]]) -> None:
    """Whatever folders lie in whatever others: a file is that package's whose folder is the longest beginning of it."""
    found = owned(
        [Entry(f"{place}/file", b"1") for place in places],
        *(package(f"p{number}", folders=tuple(folders)) for number, folders in enumerate(packages)),
    )
    for place in places:
        around = [
            (-len(folder), number)
            for number, folders in enumerate(packages)
            for folder in folders
            if f"{place}/".startswith(f"{folder}/")
        ]
        expected = f"p{min(around)[1]}" if around else None
        assert found[f"{place}/file"] == expected or (expected is None and found[f"{place}/file"].startswith("/"))
