"""Distributions without a `.dist-info`: eggs, and an `.egg-info` with a list of files, without one, or as one file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ecosystems import recorded
from tests.support.images import Entry
from tests.support.owned import rows, told
from tests.support.packages import damaged, stays_inside
from weighbridge.image.packages import egg_info
from weighbridge.image.packages.package import LONGEST_PATH, Package

SITE = "venv/lib/python3.9/site-packages"
METADATA = b"Metadata-Version: 2.1\nName: Demo.Pkg\nVersion: 1.5\n\nName: of the description\n"


def read(documents: dict[str, bytes]) -> Package:
    """Return the one package of an image with these files."""
    (package,) = egg_info.parse_packages(documents)
    return package


def test_a_list_of_files() -> None:
    """Paths are relative to the `.egg-info`; what is required by extras alone is left out."""
    place = f"{SITE}/Demo.Pkg-1.5-py3.9.egg-info"
    documents = {
        f"{place}/PKG-INFO": METADATA,
        f"{place}/installed-files.txt": b"../demo/__init__.py\n../../../../bin/demo\nPKG-INFO\n\n/etc/demo\n",
        f"{place}/requires.txt": b'Other_Dep>=1\n\n[:python_version < "3"]\nback.port\n\n[fast]\nspeedy\n',
    }
    assert read(documents) == Package(
        kind="python",
        name="demo-pkg",
        version="1.5",
        paths=(f"{SITE}/demo/__init__.py", "venv/bin/demo", f"{place}/PKG-INFO", "etc/demo"),
        folders=(place,),
        requires=("other-dep", "back-port"),
    )


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        (f"{SITE}/demo-1.5-py3.9.egg/EGG-INFO/PKG-INFO", f"{SITE}/demo-1.5-py3.9.egg"),
        (f"{SITE}/demo.egg-info/PKG-INFO", f"{SITE}/demo.egg-info"),
        (f"{SITE}/demo-1.5.egg-info", f"{SITE}/demo-1.5.egg-info"),
    ],
)
def test_no_list_of_files(path: str, folder: str) -> None:
    """An egg has its folder; other metadata has what lies in its own, or itself where it is one file."""
    package = read({path: METADATA})
    assert (package.paths, package.folders) == ((), (folder,))


@pytest.mark.parametrize(
    ("metadata", "name", "version"),
    [
        (METADATA, "demo-pkg", "1.5"),
        (b"name: x\r\nVERSION:  2 \r\n", "x", "2"),
        (b"", "stem-name", "0.1"),
        (b"Name:\nVersion: 3\n", "stem-name", "3"),
        (b"\nName: late\n", "stem-name", "0.1"),
        (b"Name: " + b"x" * 1000, "stem-name", "0.1"),
    ],
)
def test_name_and_version(metadata: bytes, name: str, version: str) -> None:
    """They come from the head of the metadata; what it lacks comes from the name of the folder."""
    package = read({f"{SITE}/Stem_Name-0.1-py3.9.egg-info/PKG-INFO": metadata})
    assert (package.name, package.version) == (name, version)


def test_what_another_manager_lists_is_its_own() -> None:
    """Debian's packages of Python bring an `.egg-info` along, which they list: it is Debian's, and counts once."""
    dist = "usr/lib/python3/dist-packages"
    listed = [f"{dist}/six.py", f"{dist}/six-1.16.0.egg-info/PKG-INFO", f"{dist}/lone-1.egg-info"]
    layer = [
        Entry("var/lib/dpkg/status", b"Package: python3-six\nStatus: install ok installed\nVersion: 1\n"),
        Entry("var/lib/dpkg/info/python3-six.list", "".join(f"/{path}\n" for path in listed).encode()),
        *(Entry(path, b"Name: six\nVersion: 1.16.0\n") for path in listed),
    ]
    found = told(rows([layer]))
    assert found["debian", "python3-six"] == sum(len(entry.data) for entry in layer[2:])
    assert not [name for category, name in found if category == "python"]


def test_recorded() -> None:
    """The ledger closes, and each distribution has the bytes of what `pip show -f` lists, or of its own folder."""
    tree = recorded("egg_info")
    assert tree.weighed("python") == tree.expected("python")
    assert len(tree.expected("python")) == 3
    assert tree.weighed("bytecode").keys() >= {("bytecode", "demo-listed", ""), ("bytecode", "demo-egg", "")}


def test_place_beyond_the_systems_limit() -> None:
    """Metadata that no system could open says nothing."""
    assert list(egg_info.parse_packages({"a/" * LONGEST_PATH + "a.egg-info/PKG-INFO": METADATA})) == []


PATHS = st.sampled_from(
    [
        f"{SITE}/{place}"
        for place in ("a.egg-info", "a.egg-info/PKG-INFO", "a.egg-info/installed-files.txt", "a.egg-info/requires.txt")
    ]
    + ["b-1.egg/EGG-INFO/PKG-INFO", "b-1.egg/EGG-INFO/requires.txt", "c.egg-info/top_level.txt", ".egg-info/PKG-INFO"]
)
WORDS = damaged(b"Name: ", b"Version: ", b"\n", b"../", b"/", b"\0", b"[", b"[:", b"]", b"a", b"-", b".")


@given(st.dictionaries(PATHS, WORDS))
def test_anything(documents: dict[str, bytes]) -> None:
    """Nothing is raised, no path leads outside, and files that are no database change nothing."""
    packages = list(egg_info.parse_packages(documents))
    assert all(stays_inside(path) for package in packages for path in (*package.paths, *package.folders))
    assert packages == list(
        egg_info.parse_packages({p: text for p, text in documents.items() if egg_info.is_database(p)})
    )
