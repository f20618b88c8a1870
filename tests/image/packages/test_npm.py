"""Packages in `node_modules`: which folders are packages, what they are called, and who asked for them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ecosystems import node_tree, recorded
from tests.support.packages import damaged, stays_inside
from weighbridge.image.packages import npm
from weighbridge.image.packages.package import LONGEST_PATH, Package


def described(**fields: object) -> bytes:
    """Return a package.json."""
    return json.dumps(fields).encode()


def folders(*paths: str) -> list[str]:
    """Return the folders that are packages where each of these has a package.json."""
    documents = {f"{path}/package.json".lstrip("/"): b"{}" for path in paths}
    return [folder for package in npm.parse_packages(documents) for folder in package.folders]


def requested(documents: dict[str, bytes]) -> dict[str, bool | None]:
    """Return by folder whether somebody asked for the package."""
    return {package.folders[0]: package.requested for package in npm.parse_packages(documents)}


def test_a_package() -> None:
    """Name, version and what it needs come from its package.json; it has the folder and lists no file."""
    content = described(
        name="@scope/tool",
        version="1.0.0",
        dependencies={"left": "^1"},
        optionalDependencies={"fsevents": "*"},
        peerDependencies={"left": "*", "react": ">=18"},
        devDependencies={"linter": "*"},
    )
    assert list(npm.parse_packages({"app/node_modules/@scope/tool/package.json": content})) == [
        Package(
            kind="npm",
            name="@scope/tool",
            version="1.0.0",
            paths=(),
            folders=("app/node_modules/@scope/tool",),
            requires=("left", "fsevents", "react"),
        )
    ]


@pytest.mark.parametrize(
    "folder",
    [
        "node_modules/a",
        "app/node_modules/a",
        "app/node_modules/@s/a",
        "usr/local/lib/node_modules/npm/node_modules/a",
        "app/node_modules/.pnpm/a@1.0.0/node_modules/a",
    ],
)
def test_folders_of_packages(folder: str) -> None:
    """A package lies directly in a `node_modules`, or in a scope's folder there, wherever that is."""
    assert folders(folder) == [folder]


@pytest.mark.parametrize(
    "folder",
    [
        "",
        "app",
        "app/node_modules",
        "app/node_modules/@s",
        "app/node_modules/.bin",
        "app/node_modules/@s/.cache",
        "app/node_modules/a/esm",
        "app/node_modules/@s/a/dist/cjs",
        "app/my_node_modules/a",
        "usr/share/nodejs/a",
    ],
)
def test_folders_of_no_package(folder: str) -> None:
    """A package.json elsewhere describes a project, or a part of a package."""
    assert folders(folder) == []


def test_packages_in_packages() -> None:
    """What lies in a package's own `node_modules` is a package; what lies in one of its tests is not."""
    top, inner = "app/node_modules/a", "app/node_modules/a/node_modules/b"
    assert folders(top, inner, f"{top}/test/node_modules/c", f"{inner}/x/y/node_modules/.pnpm/d@1/node_modules/d") == [
        top,
        inner,
    ]
    assert folders(f"{top}/test/node_modules/c") == [f"{top}/test/node_modules/c"]  # then nothing is known of `a`


def test_description_that_cannot_be_read() -> None:
    """The package is then called by its folder."""
    (package,) = npm.parse_packages({"app/node_modules/@s/a/package.json": b"{"})
    assert (package.name, package.version, package.requires) == ("@s/a", "", ())


def test_alias() -> None:
    """A package under another name has its own, and provides the one that others find it by."""
    (package,) = npm.parse_packages({"app/node_modules/nick/package.json": described(name="left", version="1")})
    assert (package.name, package.provides) == ("left", ("nick",))


def test_what_the_project_asks_for() -> None:
    """The package.json beside the outermost `node_modules` asks for what lies directly in there, and for no more."""
    documents = {f"app/node_modules/{path}/package.json": b"{}" for path in ("a", "b", "c", "a/node_modules/b")}
    assert set(requested(documents).values()) == {None}
    documents["app/package.json"] = described(dependencies={"a": "1"}, devDependencies={"b": "1"})
    assert requested(documents) == {
        "app/node_modules/a": True,
        "app/node_modules/b": True,
        "app/node_modules/c": False,
        "app/node_modules/a/node_modules/b": False,
    }
    assert set(requested(documents | {"app/package.json": b"broken"}).values()) == {None}


def test_what_is_asked_for_in_a_store() -> None:
    """Pnpm keeps all packages in one place, and nothing there tells which of two versions was asked for."""
    store = "app/node_modules/.pnpm"
    documents = {
        f"{store}/{name}@{n}/node_modules/{name}/package.json": b"{}" for name, n in (("a", 1), ("b", 1), ("b", 2))
    }
    documents["app/package.json"] = described(dependencies={"a": "1", "b": "2"})
    assert list(requested(documents).values()) == [True, None, None]


@pytest.mark.parametrize("name", ["npm", "pnpm"])
def test_recorded(name: str) -> None:
    """The ledger closes, and each package has the bytes of the folder that the manager lists for it."""
    tree = recorded(name)
    assert tree.weighed("npm") == tree.expected("npm")
    assert len(tree.expected("npm")) == 5


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_what_npm_installs_here(tmp_path: Path) -> None:
    """The same of what this machine's npm installs and lists, and it says of each package whether it was asked for."""
    tree = node_tree(tmp_path)
    assert tree.weighed("npm") == tree.expected("npm")
    assert {package.folders[0] for package in tree.installed() if package.requested} == {
        "app/node_modules/tool",
        "app/node_modules/left",
        "app/node_modules/nick",
        "app/node_modules/linter",
    }


def test_folder_beyond_the_systems_limit() -> None:
    """A package.json that no system could open says nothing."""
    assert list(npm.parse_packages({"a/" * LONGEST_PATH + "node_modules/a/package.json": b"{}"})) == []


PIECES = st.sampled_from(["node_modules", "a", "@s", ".pnpm", "package.json", "\n"])


@given(
    st.dictionaries(
        st.lists(PIECES, min_size=1, max_size=9).map("/".join),
        damaged(b'{"name":', b'"dependencies":', b'"version":', b'"a"', b"{", b"}", b",", b"[", b"null", b"\\ud800"),
    )
)
def test_anything(documents: dict[str, bytes]) -> None:
    """Nothing is raised, a package's folder holds its description, and the order of the documents does not matter."""
    packages = list(npm.parse_packages(documents))
    assert packages == list(npm.parse_packages(dict(reversed(documents.items()))))
    for package in packages:
        assert f"{package.folders[0]}/package.json" in documents
        assert npm.is_database(f"{package.folders[0]}/package.json")
        assert stays_inside(package.folders[0])
