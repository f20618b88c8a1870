"""Whose each file is: a package, found through links; bytecode by its source; the application; nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.images import Entry
from tests.support.layers import hard_link, layer_of, symbolic_link
from tests.support.owned import PYTHON, RECORD, STATUS, SYSTEM, rows, told
from weighbridge.image import filesystem
from weighbridge.image.filesystem import Filesystem
from weighbridge.image.owners import Owner, assign_owners, collect_documents, find_owners, name_area
from weighbridge.image.packages.package import Package


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


def test_only_a_missing_source_stands_for_its_bytecode() -> None:
    """Neither a missing file of another kind, nor a file or folder that is there, leads to a name with a `c` more."""
    paths = ("d/gone", "d/taken.py", "d/folder.py", "d/compiled.py")
    entries = [
        Entry("d/gonec", b"1"),
        Entry("d/taken.py", b"1"),
        Entry("d/taken.pyc", b"1"),
        Entry("d/folder.py/x", b"1"),
        Entry("d/folder.pyc", b"1"),
        Entry("d/compiled.pyc", b"1"),
    ]
    first = package("first", paths=("d/taken.py", "d/compiled.pyc"))
    assert owned(entries, first, package("second", paths=paths)) == {
        "d/gonec": "/d",
        "d/taken.py": "first",
        "d/taken.pyc": "/d",
        "d/folder.py/x": "/d/folder.py",
        "d/folder.pyc": "/d",
        "d/compiled.pyc": "first",
    }


@pytest.mark.parametrize(
    ("working_dir", "applications"),
    [
        ("", {}),
        ("/", {}),
        ("//", {}),
        ("/X", {"X/a": "/X", "X/b/c": "/X"}),
        ("X/", {"X/a": "/X", "X/b/c": "/X"}),
        ("/X/b", {"X/b/c": "/X/b"}),
        ("/X/a", {}),
    ],
)
def test_application(working_dir: str, applications: dict[str, str]) -> None:
    """What lies below the working directory is the application; a root as such says nothing of one."""
    view = filesystem.stack([layer_of([Entry(path, b"1") for path in ("X/a", "X/b/c", "XX/a", "Y/X/a", "a")])])
    known, places = find_owners(view, working_dir)
    found = {path: known[places[number]] for path, number in view.iterate_files()}
    assert {path: owner.name for path, owner in found.items() if owner.category == "application"} == applications
    assert {owner.category for path, owner in found.items() if path not in applications} == {"unowned"}


def test_packages_come_from_the_image_or_the_caller() -> None:
    """Unless the caller names the packages, they are those of the image's own databases."""
    view = filesystem.stack([layer_of(SYSTEM)])
    ours = Package(kind="npm", name="ours", version="", paths=("usr/share/zoneinfo/UTC",))
    for packages, expected in [
        (None, {Owner("debian", "libc6", "2.41"), Owner("debian", "tzdata", "2026f")}),
        ([ours], {Owner("npm", "ours", None)}),
        ([], set()),
    ]:
        known, _ = find_owners(view, "/", packages)
        assert {owner for owner in known if owner.category not in ("", "unowned")} == expected


def test_place_without_an_owner() -> None:
    """What no container sees has the first of the owners, which is none, and so has a link that no package lists."""
    layers = [[Entry("d/hidden", b"1"), Entry("d/seen", b"1"), symbolic_link("l", "d/seen")], [Entry("d/.wh.hidden")]]
    known, places = assign_owners(filesystem.stack([layer_of(each) for each in layers]), (), ())
    assert known == [Owner("", ""), Owner("unowned", "/d")]
    assert places.tolist() == [0, 1, 0, 0]


def test_documents_of_layers_that_were_never_stacked() -> None:
    """A view whose layers have no numbers is refused."""
    with pytest.raises(ValueError, match=r"zip\(\) argument 2 is shorter"):
        collect_documents(Filesystem((layer_of(SYSTEM),)))


def test_documents() -> None:
    """A database is collected where it is seen, and at no path where it would be none."""
    moved = [hard_link("x/status", "var/lib/dpkg/status"), Entry("var/lib/dpkg/.wh.status")]
    lists = {entry.name: entry.data for entry in SYSTEM if entry.name.startswith("var/lib/dpkg/info/")}
    for layers, expected in [
        ([SYSTEM], {"var/lib/dpkg/status": STATUS, **lists}),
        ([[Entry("a", b"1")], SYSTEM, moved], lists),
    ]:
        assert collect_documents(filesystem.stack([layer_of(entries) for entries in layers])) == expected


@pytest.mark.parametrize(
    ("path", "area"),
    [
        ("file", "/"),
        ("a/file", "/a"),
        ("a/b/file", "/a/b"),
        ("a/b/c/file", "/a/b"),
        ("usr/a/b/file", "/usr/a/b"),
        ("usr/a/b/c/file", "/usr/a/b"),
        ("var/a/b/c/file", "/var/a/b"),
        ("opt/a/b/c/file", "/opt/a/b"),
        ("home/a/b/c/file", "/home/a/b"),
        ("usr/lib/python3/dist-packages/file", "/usr/lib/python3"),
        ("usr/local/lib/python3.13/site-packages/file", "/usr/local/lib/python3.13"),
        ("opt/venv/lib/python3.13/site-packages/file", "/opt/venv/lib/python3.13"),
        ("srv/a/venv/lib/python3.13/site-packages/file", "/srv/a/venv/lib/python3.13"),
        ("srv/a/lib/python3/file", "/srv/a"),
        ("lib/python3.13", "/lib"),
    ],
)
def test_area(path: str, area: str) -> None:
    """What nobody owns counts to the library of its Python, or to the first two or three folders around it."""
    assert name_area(path) == area


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("d/__pycache__/x.cpython-313.pyc", "d/x.py"),
        ("__pycache__/x.cpython-313.opt-2.pyc", "x.py"),
        ("d/__pycache__/x.pyc", None),
        ("d/__pycache__/x.pypy310.pyc", "d/x.py"),
        ("d/__pycache__/x.cpython-314t.pyc", "d/x.py"),
        ("d/x.cpython-313.pyc", None),
        ("d/__pycache__/x.cpython-313.py", None),
        ("d/__pycache__/sub/x.cpython-313.pyc", None),
    ],
)
def test_bytecode_is_told_by_its_path(path: str, source: str | None) -> None:
    """In a `__pycache__`, a module's name with an interpreter's tag is the bytecode of the source beside the folder."""
    sources = [Entry(name, b"1") for name in ("d/x.py", "x.py")]
    view = filesystem.stack([layer_of([*sources, Entry(path, b"1")])])
    owner = {"d/x.py": "of d", "x.py": "of the root"}
    known, places = assign_owners(view, [package(name, paths=(listed,)) for listed, name in owner.items()], ())
    (found,) = [known[places[number]] for seen, number in view.iterate_files() if seen == path]
    assert found == (Owner("bytecode", owner[source]) if source else Owner("unowned", name_area(path)))


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
