"""dpkg's databases: the real dpkg reads them alike."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.packages import NAMES, PATHS, VERSIONS, damaged, stays_inside
from weighbridge.image.packages import dpkg
from weighbridge.image.packages.databases import is_database
from weighbridge.image.packages.package import Package

DPKG = "var/lib/dpkg"
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="dpkg is not installed")

STATUS = b"""\
Package: bash
Status: install ok installed
Architecture: amd64
Multi-Arch: foreign
Version: 5.2-2
Maintainer: Somebody <somebody@example.com>
Description: a shell
 Version: of the description, which is none
 .
 Package: neither

Package: libc6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Version: 2.41-1
Maintainer: Somebody <somebody@example.com>
Description: the C library

Package: libc6
Status: hold ok installed
Architecture: i386
Multi-Arch: same
Version: 2.41-1
Maintainer: Somebody <somebody@example.com>
Description: the C library, for 32 bits

Package: left
Status: deinstall ok config-files
Architecture: amd64
Version: 1
Maintainer: Somebody <somebody@example.com>
Description: removed, its settings kept
"""
DIVERSIONS = b"""\
/bin/sh
/bin/sh.distrib
dash
/etc/issue
/etc/issue.old
:
/usr/bin/bash
/usr/bin/bash.real
bash
"""
MACHINE = {
    f"{DPKG}/status": STATUS,
    f"{DPKG}/diversions": DIVERSIONS,
    f"{DPKG}/info/bash.list": b"/.\n/usr\n/usr/bin\n/usr/bin/bash\n/bin/sh\n/etc/issue\n",
    f"{DPKG}/info/libc6:amd64.list": b"/.\n/lib/x86_64-linux-gnu\n/lib/x86_64-linux-gnu/libc.so.6\n/usr/bin/bash\n",
    f"{DPKG}/info/libc6:i386.list": b"/.\n/lib/i386-linux-gnu\n/lib/i386-linux-gnu/libc.so.6\n",
    f"{DPKG}/info/left.list": b"/.\n/etc/left.conf\n",
}


def package(name: str, version: str, *paths: str) -> Package:
    """Return an expected package."""
    return Package(kind="debian", name=name, version=version, paths=paths, has_metadata=bool(version))


def paths_of(content: bytes, diversions: bytes = b"") -> tuple[str, ...]:
    """Return what the package `x` owns by this list."""
    (found,) = dpkg.parse_packages({f"{DPKG}/info/x.list": content, f"{DPKG}/diversions": diversions})
    return found.paths


def test_installed_packages() -> None:
    """What is installed counts, each architecture with its own list; what was removed owns nothing."""
    assert list(dpkg.parse_packages(MACHINE)) == [
        package("bash", "5.2-2", "usr", "usr/bin", "usr/bin/bash", "bin/sh.distrib", "etc/issue.old"),
        package("libc6", "2.41-1", "lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu/libc.so.6", "usr/bin/bash.real"),
        package("libc6", "2.41-1", "lib/i386-linux-gnu", "lib/i386-linux-gnu/libc.so.6"),
    ]


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        ("install ok installed", True),
        ("hold  reinstreq installed", True),
        ("deinstall ok config-files", False),
        ("install ok not-installed", False),
        ("install ok", False),
        ("installed", False),
        ("", False),
    ],
)
def test_states(status: str, *, counts: bool) -> None:
    """The third word of the status decides."""
    stanza = f"Package: x\nStatus: {status}\nVersion: 1\n".encode()
    documents = {f"{DPKG}/status": stanza, f"{DPKG}/info/x.list": b"/a\n"}
    assert list(dpkg.parse_packages(documents)) == ([package("x", "1", "a")] if counts else [])


def test_stanza_without_a_list() -> None:
    """As for dpkg, such a package is installed and has no files."""
    stanza = b"Package: x\nStatus: install ok installed\nVersion: 1\n"
    assert list(dpkg.parse_packages({f"{DPKG}/status": stanza})) == [package("x", "1")]


def test_list_without_a_stanza() -> None:
    """An image may have lost its status; a list still tells whose the files are."""
    documents = {f"{DPKG}/info/x.list": b"/a\n", f"{DPKG}/info/y:amd64.list": b"/b\n"}
    assert list(dpkg.parse_packages(documents)) == [package("x", "", "a"), package("y", "", "b")]


@pytest.mark.parametrize("multi_arch", ["same", "foreign"])
@pytest.mark.parametrize("stem", ["x", "x:amd64"])
def test_either_name_of_a_list(multi_arch: str, stem: str) -> None:
    """Old versions of dpkg never named the architecture: what is there counts."""
    stanza = f"package: x\nSTATUS: install ok installed\nArchitecture: amd64\nMulti-Arch: {multi_arch}\nVersion: 1\n"
    documents = {f"{DPKG}/status": stanza.encode(), f"{DPKG}/info/{stem}.list": b"/a\n"}
    assert list(dpkg.parse_packages(documents)) == [package("x", "1", "a")]


def test_both_names_of_a_list() -> None:
    """Where both lists are there, a package that many architectures may have goes by that of its own."""
    lists = {f"{DPKG}/info/x.list": b"/plain\n", f"{DPKG}/info/x:amd64.list": b"/own\n"}
    stanza = b"Package: x\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"
    documents = lists | {f"{DPKG}/status": stanza + b"Multi-Arch: same\n"}
    assert list(dpkg.parse_packages(documents)) == [package("x", "1", "own"), package("x", "", "plain")]
    documents = lists | {f"{DPKG}/status": stanza}
    assert list(dpkg.parse_packages(documents)) == [package("x", "1", "plain"), package("x", "", "own")]


def test_removed_architecture_leaves_the_list() -> None:
    """The list stays with the architecture that is installed, wherever the removed one's stanza stands."""
    stanzas = [
        b"Package: x\nStatus: deinstall ok config-files\nArchitecture: i386\nVersion: 1\n",
        b"Package: x\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2\n",
    ]
    for order in (stanzas, stanzas[::-1]):
        documents = {f"{DPKG}/status": b"\n".join(order), f"{DPKG}/info/x.list": b"/a\n"}
        assert list(dpkg.parse_packages(documents)) == [package("x", "2", "a")]


def test_lines_of_a_list() -> None:
    """The root, what is no absolute path and what comes twice are passed over; names may be no text."""
    assert paths_of(b"/.\n\nrelative\n/a b \n/a b \n/\xff\n/no-newline") == ("a b ", "\udcff", "no-newline")


def test_damaged_stanzas() -> None:
    """A stanza without a name is passed over with its fields, and so is a line without a colon."""
    stanza = b"Status: install ok installed\nVersion: 1\n\n\nnonsense\nPackage: x\n\tVersion: 3\nVersion: 2\nStatus:"
    documents = {f"{DPKG}/status": stanza + b" install ok installed"}
    assert list(dpkg.parse_packages(documents)) == [package("x", "2")]


@pytest.mark.parametrize(
    ("diversions", "paths"),
    [
        (b"/a\n/a.old\ny\n", ("a.old", "b")),
        (b"/a\n/a.old\n:\n", ("a.old", "b")),
        (b"/a\n/a.old\nx\n", ("a", "b")),
        (b"/a\n/b\ny\n", ("b",)),
        (b"/a\n/b\ny\n/b\n/c\ny\n", ("b", "c")),
        (b"/a\n/a.old\n", ("a", "b")),
        (b"a\n/a.old\ny\n/b\n/c\ny\n", ("a", "c")),
        (b"/a\n/.\ny\n", ("a", "b")),
    ],
)
def test_diversions(diversions: bytes, paths: tuple[str, ...]) -> None:
    """A file lies where it was diverted to, in one step, unless its own package asked; damage diverts nothing."""
    assert paths_of(b"/a\n/b\n", diversions) == paths


def test_distroless() -> None:
    """A stanza of its own for each package, with checksums beside it, whatever the file is called."""
    documents = {
        f"{DPKG}/status.d/YmFzZS1maWxlcw==": b"Package: base-files\nVersion: 13\n",
        f"{DPKG}/status.d/YmFzZS1maWxlcw==.md5sums": b"0123  etc/os-release\n0123  ./usr/a b\n0123 *usr/c\n0123  /d\n",
        f"{DPKG}/status.d/tzdata": b"Package: tzdata\nVersion: 2025b\nStatus: install ok installed\n",
        f"{DPKG}/status.d/gone": b"Package: gone\nVersion: 1\nStatus: deinstall ok config-files\n",
        f"{DPKG}/status.d/gone.md5sums": b"0123  etc/gone\n",
        f"{DPKG}/status.d/lost.md5sums": b"0123  etc/lost\n",
    }
    assert list(dpkg.parse_packages(documents)) == [
        package("base-files", "13", "etc/os-release", "usr/a b", "usr/c", "d"),
        package("tzdata", "2025b"),
        package("lost", "", "etc/lost"),
    ]


def test_damaged_checksums() -> None:
    """A line of another form is passed over, and checksums are never taken for a stanza."""
    content = b"\n0123\n0123 a\n  b\n0123  \nPackage: none\n\n0123  ok\n"
    (found,) = dpkg.parse_packages({f"{DPKG}/status.d/x.md5sums": content})
    assert found.paths == ("ok",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One package of a made database."""

    name: str
    version: str
    state: str
    same: bool
    paths: list[str]

    @property
    def stanza(self) -> str:
        """What the status says of it."""
        return (
            f"Package: {self.name}\nStatus: install ok {self.state}\nArchitecture: amd64\n"
            f"Multi-Arch: {'same' if self.same else 'allowed'}\nVersion: {self.version}\n"
        )

    @property
    def list_name(self) -> str:
        """What its list is called."""
        return f"{DPKG}/info/{self.name}{':amd64' if self.same else ''}.list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A made database, as values."""

    entries: list[Entry]
    diversions: dict[str, tuple[str, str]]

    def documents(self) -> dict[str, bytes]:
        """Write it as dpkg does."""
        diverted = [f"/{old}\n/{new}\n{owner}" for old, (new, owner) in self.diversions.items()]
        texts = {
            f"{DPKG}/status": "\n".join(entry.stanza for entry in self.entries),
            f"{DPKG}/diversions": "\n".join(diverted),
        }
        texts |= {entry.list_name: "/.\n" + "".join(f"/{path}\n" for path in entry.paths) for entry in self.entries}
        return {path: text.encode("utf-8", "surrogateescape") for path, text in texts.items()}

    def packages(self) -> Iterator[Package]:
        """Yield what is installed, file by file."""
        for entry in self.entries:
            paths: list[str] = []
            for path in entry.paths:
                moved = path in self.diversions and self.diversions[path][1] != entry.name
                now = self.diversions[path][0] if moved else path
                paths += [] if now in paths else [now]
            if entry.state == "installed":
                yield package(entry.name, entry.version, *paths)


@st.composite
def databases(draw: st.DrawFn) -> Database:
    """Draw packages and diversions that share some paths and names."""
    paths = st.sampled_from(draw(st.lists(PATHS, min_size=1, max_size=6)))
    names = st.sampled_from(draw(st.lists(NAMES, min_size=1, max_size=4)))
    entries = st.builds(
        Entry,
        name=names,
        version=VERSIONS,
        state=st.sampled_from(["installed", "installed", "config-files", "not-installed"]),
        same=st.booleans(),
        paths=st.lists(paths, unique=True),
    )
    owners = st.one_of(names, st.just(":"))
    return Database(
        entries=draw(st.lists(entries, unique_by=lambda entry: entry.name)),
        diversions=draw(st.dictionaries(paths, st.tuples(paths, owners), max_size=3)),
    )


@given(databases())
def test_round_trip(database: Database) -> None:
    """What is written comes back, and diverted files where they are."""
    assert list(dpkg.parse_packages(database.documents())) == list(database.packages())


WORDS = (
    b"Package: x\n",
    b"Status: install ok installed\n",
    b"Version:",
    b"\n",
    b"\n\n",
    b"/",
    b"/..",
    b"ab  c",
    b"x\n",
)


@given(
    st.dictionaries(
        st.sampled_from(["status", "diversions", "info/x.list", "info/x:.list", "status.d/x", "status.d/x.md5sums"]),
        damaged(*WORDS),
    )
)
def test_anything(contents: dict[str, bytes]) -> None:
    """Nothing is raised, and no path leads outside."""
    packages = dpkg.parse_packages({f"{DPKG}/{name}": content for name, content in contents.items()})
    assert all(stays_inside(path) for found in packages for path in found.paths)


def asked(*words: str) -> str:
    """Return what the real dpkg answers, in English."""
    command = ["dpkg-query", *words]
    output = subprocess.run(command, check=True, capture_output=True, env=os.environ | {"LC_ALL": "C"}).stdout
    return output.decode("utf-8", "surrogateescape")


def dpkgs_versions(folder: str) -> dict[str, tuple[str, str]]:
    """Return name and version of what dpkg takes for installed, by the name that it goes by."""
    form = "${db:Status-Status}\t${binary:Package}\t${Package}\t${Version}\n"
    rows = [line.split("\t") for line in asked("--admindir", folder, "-W", "-f", form).splitlines()]
    return {binary: (name, version) for state, binary, name, version in rows if state == "installed"}


def dpkgs_paths(folder: str, packages: Iterable[str]) -> Iterator[set[str]]:
    """Yield the files of each package, from the root, as `dpkg -L` tells it: where a file is now stands in words."""
    for answer in asked("--admindir", folder, "-L", *packages).removesuffix("\n").split("\n\n"):
        paths: list[str] = []
        for line in answer.split("\n"):
            if diverted := re.fullmatch(r"(?:locally diverted|diverted by \S+) to: /(.+)", line):
                paths[-1] = diverted[1]
            elif line.startswith("/"):
                paths.append(line[1:])
        yield {path for path in paths if path != "."}


def check_against_dpkg(documents: dict[str, bytes], folder: str) -> None:
    """Compare all packages of a database with what dpkg says of it. Two architectures of one name count as one."""
    theirs = dpkgs_versions(folder)
    packages = list(dpkg.parse_packages(documents))
    assert sorted((found.name, found.version) for found in packages) == sorted(theirs.values())
    expected: dict[str, set[str]] = defaultdict(set)
    for (name, _), paths in zip(theirs.values(), dpkgs_paths(folder, theirs), strict=True):
        expected[name] |= paths
    got: dict[str, set[str]] = defaultdict(set)
    for found in packages:
        got[found.name] |= set(found.paths)
    assert got == expected


@needs_dpkg
def test_dpkg_reads_the_example_alike(tmp_path: Path) -> None:
    """The example's architectures, states and diversions mean to dpkg what they mean here."""
    (tmp_path / "info").mkdir()
    (tmp_path / "info/format").write_text("1\n")
    for path, content in MACHINE.items():
        (tmp_path / path.removeprefix(f"{DPKG}/")).write_bytes(content)
    check_against_dpkg(MACHINE, str(tmp_path))


@needs_dpkg
def test_dpkg_reads_this_machine_alike() -> None:
    """Every package of this machine has the version and the files that dpkg gives it."""
    paths = (str(path).removeprefix("/") for path in Path(f"/{DPKG}").glob("**/*"))
    check_against_dpkg({path: Path("/", path).read_bytes() for path in paths if is_database(path)}, f"/{DPKG}")


NEEDY = b"""\
Package: postgresql
Status: install ok installed
Pre-Depends: init-system-helpers (>= 1.54~)
Depends: libpq5 (= 17), python3:any, default-mta | mail-transport-agent, perl:any (>= 5) <!nocheck>

Package: libpq5
Status: install ok installed
Multi-Arch: same
Architecture: amd64
Provides: libpq (= 17), pq-virtual

Package: dash
Status: install ok installed
Essential: yes

Package: libc-bin
Status: install ok installed
Priority: required
"""


def test_what_packages_need_and_provide() -> None:
    """Names alone: of those of which one would do, all; without versions and architectures."""
    found = {each.name: each for each in dpkg.parse_packages({f"{DPKG}/status": NEEDY})}
    assert found["postgresql"].requires == (
        "init-system-helpers",
        "libpq5",
        "python3",
        "default-mta",
        "mail-transport-agent",
        "perl",
    )
    assert found["libpq5"].provides == ("libpq", "pq-virtual")
    assert {each.requested for each in found.values()} == {None}


def test_what_somebody_asked_for() -> None:
    """What apt installed by itself it writes down; what the system cannot run without counts as asked for."""
    states = "".join(
        f"Package: {name}\nArchitecture: amd64\nAuto-Installed: {number}\n\n"
        for name, number in [("libpq5", 1), ("dash", 1), ("libc-bin", 1), ("postgresql", 0)]
    )
    documents = {f"{DPKG}/status": NEEDY, dpkg.EXTENDED_STATES: states.encode()}
    assert {each.name: each.requested for each in dpkg.parse_packages(documents)} == {
        "postgresql": True,
        "libpq5": False,
        "dash": True,
        "libc-bin": True,
    }


@needs_dpkg
def test_what_apt_says_of_this_machine() -> None:
    """What apt-mark shows as automatic is what nobody asked for, the system's own packages aside."""
    places = (f"{DPKG}/status", dpkg.EXTENDED_STATES)
    documents = {place: path.read_bytes() for place in places if (path := Path("/", place)).exists()}
    if dpkg.EXTENDED_STATES not in documents or shutil.which("apt-mark") is None:
        pytest.skip("apt has written down nothing here")
    shown = subprocess.run(["apt-mark", "showauto"], check=True, capture_output=True, text=True).stdout
    automatic = {line.partition(":")[0] for line in shown.split()}
    found = {each.name for each in dpkg.parse_packages(documents) if each.requested is False}
    format_ = "${Package} ${Essential} ${Protected} ${Priority}\n"
    listed = subprocess.run(["dpkg-query", "-Wf", format_], check=True, capture_output=True, text=True).stdout
    vital = {line.split()[0] for line in listed.splitlines() if {"yes", "required"} & set(line.split()[1:])}
    assert found == automatic - vital
