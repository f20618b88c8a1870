"""Go programs as packages: the main module owns what was built from it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.go_programs import restored
from tests.support.images import Entry
from tests.support.layers import hard_link
from tests.support.owned import rows, told
from tests.support.packages import damaged, stays_inside
from weighbridge.image.packages import go
from weighbridge.image.packages.go import MARK
from weighbridge.image.packages.package import Package


def info(*lines: str) -> bytes:
    """Return a document of lines."""
    return MARK + "".join(f"{line}\n" for line in lines).encode()


@pytest.mark.parametrize(
    ("lines", "name", "version"),
    [
        (
            ["path\texample.org/a/b", "mod\texample.org/a\tv1.2.3\th1:x=", "dep\tother.org/c\tv9"],
            "example.org/a",
            "v1.2.3",
        ),
        (["path\texample.org/a/cmd/b", "mod\texample.org/a\t(devel)\t"], "example.org/a", ""),
        (["path\texample.org/a/cmd/b", "build\t-compiler=gc"], "example.org/a/cmd/b", ""),
        (["path\texample.org/a", "dep\tother.org/c\tv9", "mod\tother.org/c\tv9"], "example.org/a", ""),
        (["mod\texample.org/a\tv1"], "example.org/a", "v1"),
    ],
)
def test_name_and_version(lines: list[str], name: str, version: str) -> None:
    """They are those of the main module; without one the name is the command's path, and a checkout has no version."""
    assert list(go.parse_packages({"usr/bin/b": info(*lines)})) == [
        Package(kind="go", name=name, version=version, paths=("usr/bin/b",), has_metadata=False)
    ]


def test_programs_of_one_module() -> None:
    """Programs of the same module in the same version are one package; those of another version are another."""
    first, second = info("mod\tk8s.io/k\tv1\t"), info("mod\tk8s.io/k\tv2\t")
    packages = list(go.parse_packages({"bin/c": second, "bin/b": first, "bin/a": first}))
    assert [(package.version, package.paths) for package in packages] == [
        ("v1", ("bin/a", "bin/b")),
        ("v2", ("bin/c",)),
    ]


def test_other_documents() -> None:
    """A file of the image, and a program that says nothing of itself, are no packages."""
    assert list(go.parse_packages({"a": b"path\tx\n", "b": MARK, "c": info("build\tx=y"), "d": info("path\t")})) == []


@given(st.dictionaries(st.text(), damaged(b"path\t", b"mod\t", b"dep\t", b"\t", b"\n", b"v1").map(MARK.__add__)))
def test_anything(documents: dict[str, bytes]) -> None:
    """Nothing is raised, and every package has a name and paths inside."""
    for package in go.parse_packages(documents):
        assert package.name
        assert all(stays_inside(path) for path in package.paths)


def test_bytes_of_programs() -> None:
    """In the ledger a module has the bytes of its programs, hard links once; what dpkg installed stays Debian's."""
    (new, _), (old, _), (dive, _) = restored("new-plain"), restored("old-plain"), restored("dive")
    layer = [
        Entry("usr/local/bin/greet", new),
        hard_link("usr/local/bin/hello", "usr/local/bin/greet"),
        Entry("app/old", old),
        Entry("usr/bin/dive", dive),
        Entry("var/lib/dpkg/info/dive.list", b"/usr/bin/dive\n"),
        Entry("opt/dive", dive),
    ]
    found = told(rows([layer]))
    assert {key: size for key, size in found.items() if key[0] in {"debian", "go", "application"}} == {
        ("go", "example.org/greeting/v3"): len(new) + len(old),
        ("go", "github.com/wagoodman/dive"): len(dive),
        ("debian", "dive"): len(dive),
    }


def test_replaced_program() -> None:
    """A program that a later layer replaced or deleted is no package of the image."""
    program, _ = restored("new-plain")
    layers = [[Entry("a", program), Entry("b", program)], [Entry("a", b"script"), Entry(".wh.b")]]
    assert not [key for key in told(rows(layers)) if key[0] == "go"]
