"""apk's one text file: packages, their folders and the files in them."""

from __future__ import annotations

import posixpath
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.packages import NAMES, PATHS, VERSIONS, damaged, stays_inside
from weighbridge.image.packages import apk
from weighbridge.image.packages.package import LONGEST_PATH, Package

DATABASE = "lib/apk/db/installed"

TWO_PACKAGES = b"""\
C:Q1pYw9hm6Dn7MLwJCBAYGhDBTqJ4A=
P:musl
V:1.2.5-r9
A:x86_64
T:the musl c library (libc) implementation
p:so:libc.musl-x86_64.so.1=1
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
Z:Q1pYw9hm6Dn7MLwJCBAYGhDBTqJ4B=
R:libc.musl-x86_64.so.1

P:alpine-baselayout
V:3.6.8-r1
r:removed
F:
R:motd
F:var
F:var/spool/cron
M:0:0:700
R:crontabs
"""


def read(content: bytes) -> list[Package]:
    """Return the packages of an image whose database this is."""
    return list(apk.parse_packages({DATABASE: content}))


def paths(*lines: str) -> tuple[str, ...]:
    """Return the files of one package, from its lines after the name."""
    (package,) = read("\n".join(["P:x", *lines]).encode())
    return package.paths


def test_packages_with_their_files() -> None:
    """A file lies in the folder that was named last; fields of other letters say nothing of files."""
    assert read(TWO_PACKAGES) == [
        Package(
            kind="alpine",
            name="musl",
            version="1.2.5-r9",
            paths=("lib/ld-musl-x86_64.so.1", "lib/libc.musl-x86_64.so.1"),
            provides=("so:libc.musl-x86_64.so.1",),
        ),
        Package(kind="alpine", name="alpine-baselayout", version="3.6.8-r1", paths=("motd", "var/spool/cron/crontabs")),
    ]


@pytest.mark.parametrize("path", ["lib/apk/db/installed", "usr/lib/apk/db/installed"])
def test_both_places(path: str) -> None:
    """The database is found where apk 2 keeps it and where an image with a merged `/usr` does."""
    assert [package.name for package in apk.parse_packages({path: b"P:a\n", "etc/apk/world": b"P:b\n"})] == ["a"]


def test_blank_lines_divide() -> None:
    """Several blank lines divide as one does, and the last record needs none. No folder reaches over them."""
    first, second = read(b"\n\nP:a\nF:bin\nR:a\n\n\n\nP:b\nR:b\n")
    assert (first.paths, second.paths) == (("bin/a",), ())


def test_what_is_missing() -> None:
    """Without a version a package still owns its files; without a name nobody does."""
    (package,) = read(b"V:1\nF:bin\nR:a\n\nP:b\nF:bin\nR:b\n\nP:\nF:bin\nR:c\n")
    assert (package.name, package.version, package.paths) == ("b", "", ("bin/b",))


def test_damaged_lines() -> None:
    """A file without folder or name and a line that is no field are passed over, and what follows counts."""
    assert paths("R:lost", "F:bin", "R:", "", "nonsense") == ()
    assert paths("R:lost", "F:bin", "R:", "nonsense", ":", "R:kept") == ("bin/kept",)


def test_folder_beyond_the_systems_limit() -> None:
    """Nothing lies in a folder that no system could open; the next folder counts again."""
    assert paths("F:" + "a" * (LONGEST_PATH + 1), *(f"R:{n}" for n in range(1000)), "F:b", "R:c") == ("b/c",)


def test_hostile_steps() -> None:
    """A file cannot claim a place above the root."""
    assert paths("F:../..", "R:../etc/passwd") == ("etc/passwd",)


def test_undecodable_names() -> None:
    """A name that is no UTF-8 comes out as Python names such files."""
    assert read(b"P:x\nF:\xff\nR:\xfe\n")[0].paths == ("\udcff/\udcfe",)


PACKAGES = st.builds(
    Package,
    kind=st.just("alpine"),
    name=NAMES,
    version=VERSIONS,
    paths=st.lists(PATHS, unique=True, max_size=6).map(tuple),
)


def written(package: Package) -> str:
    """Return a package's record: each file after its folder."""
    fields = [f"P:{package.name}", f"V:{package.version}"]
    for path in package.paths:
        folder, name = posixpath.split(path)
        fields += [f"F:{folder}", f"R:{name}", "Z:Q1"]
    return "".join(f"{field}\n" for field in fields)


@given(st.lists(PACKAGES, max_size=4))
def test_round_trip(packages: list[Package]) -> None:
    """What is written comes back, in order."""
    assert read("\n".join(map(written, packages)).encode("utf-8", "surrogateescape")) == packages


@given(damaged(b"P:", b"V:", b"F:", b"R:", b"\n", b"\n\n", b"../", b"/"))
def test_anything(content: bytes) -> None:
    """Nothing is raised, and no path leads outside."""
    assert all(stays_inside(path) for package in read(content) for path in package.paths)


DEPENDENT = b"""\
P:curl
D:/bin/sh ca-certificates-bundle so:libc.musl-x86_64.so.1 zlib>=1.3 !libressl openssl~3@edge
p:cmd:curl=8.1-r0

P:curl-doc
i:curl docs

P:ncurses
p:ncurses-libs=6.5 cmd:tset=6.5
"""


def test_what_packages_need_and_provide() -> None:
    """Names alone, without versions and repositories; what must not be there is needed by nobody."""
    curl, _, ncurses = read(DEPENDENT)
    assert curl.requires == ("/bin/sh", "ca-certificates-bundle", "so:libc.musl-x86_64.so.1", "zlib", "openssl")
    assert curl.provides == ("cmd:curl",)
    assert ncurses.provides == ("ncurses-libs", "cmd:tset")


@pytest.mark.parametrize(
    ("world", "requested"),
    [
        (None, (None, None, None)),
        (b"", (False, None, False)),
        (b"curl=8.1-r0\nbash", (True, None, False)),
        (b"curl@edge ncurses-libs>6\n", (True, None, True)),
        (b"!curl curl-doc", (False, True, False)),
    ],
)
def test_what_somebody_asked_for(world: bytes | None, requested: tuple[bool | None, ...]) -> None:
    """The world lists it, by a name or by what provides that; of what `install_if` brings, apk does not say it."""
    documents = {DATABASE: DEPENDENT} | ({} if world is None else {apk.WORLD: world})
    assert tuple(package.requested for package in apk.parse_packages(documents)) == requested


def test_long_world() -> None:
    """Many packages and a long list of what was asked for do not cost time with the product of their numbers."""
    names = [f"a{number}" for number in range(30_000)]
    documents = {apk.WORLD: " ".join(names[::2]).encode(), DATABASE: "".join(f"P:{x}\n\n" for x in names).encode()}
    begin = time.process_time()
    found = [package.requested for package in apk.parse_packages(documents)]
    assert time.process_time() - begin < 3
    assert found == [True, False] * 15_000
