"""conda's records: what a package has, wherever its prefix lies, and who asked for it."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ecosystems import recorded
from tests.support.packages import damaged, stays_inside
from weighbridge.image.packages import conda
from weighbridge.image.packages.package import LONGEST_PATH, Package

META = "opt/conda/conda-meta"


def record(**fields: object) -> bytes:
    """Return a package's record."""
    return json.dumps({"name": "demo", "version": "1.0", "build": "h0_0", **fields}).encode()


def read(content: bytes, path: str = f"{META}/demo-1.0-h0_0.json") -> Package:
    """Return the one package of an image with this record."""
    (package,) = conda.parse_packages({path: content})
    return package


def test_a_package() -> None:
    """Files are relative to the prefix; the version has its build; what is of the machine is no package."""
    depends = ["python >=3.11,<3.12.0a0", "__glibc >=2.17", "conda-forge::zlib", "python_abi 3.11.* *_cp311", "zlib"]
    assert read(record(files=["bin/demo", "../outside", "/etc/demo"], depends=depends)) == Package(
        kind="conda",
        name="demo",
        version="1.0=h0_0",
        paths=("opt/conda/bin/demo", "opt/outside", "etc/demo", f"{META}/demo-1.0-h0_0.json"),
        requires=("python", "zlib", "python_abi"),
    )


@pytest.mark.parametrize("prefix", ["", "opt/conda/", "home/me/.conda/envs/demo/", "srv/conda-meta/"])
def test_anywhere(prefix: str) -> None:
    """A prefix may be any folder, the root included."""
    path = f"{prefix}conda-meta/demo-1.0-h0_0.json"
    assert read(record(files=["bin/demo"]), path).paths == (f"{prefix}bin/demo", path)


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        ({}, "1.0=h0_0"),
        ({"build": None}, "1.0"),
        ({"version": 1}, ""),
        ({"build": ["x"], "version": "2"}, "2"),
    ],
)
def test_version(fields: dict[str, object], version: str) -> None:
    """A build without a version says nothing."""
    assert read(record(**fields)).version == version


def test_record_that_cannot_be_read() -> None:
    """The package is then called by the record's name, and has the record alone."""
    package = read(b"{", f"{META}/ca-certificates-2026.1-h0_0.json")
    assert (package.name, package.version, package.paths) == (
        "ca-certificates",
        "",
        (f"{META}/ca-certificates-2026.1-h0_0.json",),
    )


HISTORY = b"""\
==> 2026-11-01 10:00:00 <==
# cmd: /opt/conda/bin/conda create -n demo python=3.11 numpy
# conda version: 24.1.0
+conda-forge/linux-64::numpy-1.26.4-py311h0_0
# update specs: ['python=3.11', "conda-forge::numpy[version='>=1']"]
==> 2026-11-02 10:00:00 <==
# remove specs: ['numpy']
# update specs: ['scipy']
"""


@pytest.mark.parametrize(
    ("fields", "history", "requested"),
    [
        ({"requested_spec": "demo >=1"}, b"", (True, False)),
        ({"requested_spec": "None"}, b"", (None, None)),
        ({"requested_specs": ["demo"]}, b"", (True, False)),
        ({"requested_specs": []}, b"", (None, None)),
        ({}, b"# update specs: ['demo=1']\n", (True, False)),
        ({}, b"# update specs: ['other']\n", (False, True)),
        ({}, b"# update specs: ['demo']\n# remove specs: ['demo']\n# update specs: ['third']\n", (False, False)),
        ({}, b"# remove specs: ['demo']\n", (None, None)),
        ({}, HISTORY, (False, False)),
        ({}, b"nothing\n", (None, None)),
    ],
)
def test_requested(fields: dict[str, object], history: bytes, requested: tuple[bool | None, bool | None]) -> None:
    """Records or the history tell what was asked for; where neither names anything, that is not known."""
    documents = {
        f"{META}/demo-1.0-h0_0.json": record(**fields),
        f"{META}/other-1.0-h0_0.json": record(name="other"),
        f"{META}/history": history,
    }
    assert tuple(package.requested for package in conda.parse_packages(documents)) == requested


def test_prefixes_are_apart() -> None:
    """What was asked for in one prefix says nothing of another."""
    documents = {
        "a/conda-meta/demo-1.0-h0_0.json": record(requested_spec="demo"),
        "b/conda-meta/demo-1.0-h0_0.json": record(),
    }
    assert [package.requested for package in conda.parse_packages(documents)] == [True, None]


def test_recorded() -> None:
    """The ledger closes, and each package has the bytes of what its archive lists, and of its record.

    The prefix was made by py-rattler from two packages of ours, without an index: conda itself was not at hand.
    """
    tree = recorded("conda")
    assert tree.weighed("conda") == tree.expected("conda")
    assert len(tree.expected("conda")) == 2
    assert tree.weighed("python") == {}  # a distribution that conda installed is conda's
    asked = {package.name: package.requested for package in tree.installed() if package.kind == "conda"}
    assert asked == {"demo-py": True, "libdemo": False}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("conda-meta/a.json", True),
        ("opt/conda-meta/history", True),
        ("opt/conda-meta/.json", False),
        ("opt/conda-meta/a.txt", False),
        ("opt/conda-meta/a/b.json", False),
        ("opt/my-conda-meta/b.json", False),
        ("opt/conda/pkgs/a/info/index.json", False),
    ],
)
def test_databases(path: str, expected: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Records and the history are asked for, and nothing else of a prefix or of a cache of packages."""
    assert conda.is_database(path) is expected


def test_record_beyond_the_systems_limit() -> None:
    """A record that no system could open says nothing."""
    assert list(conda.parse_packages({"a/" * LONGEST_PATH + "conda-meta/a.json": b"{}"})) == []


@given(
    st.dictionaries(
        st.sampled_from(["conda-meta/a.json", "b/conda-meta/c-1-2.json", "b/conda-meta/history", "conda-meta/history"]),
        damaged(
            b'{"name":', b'"files":', b'"depends":', b'"a"', b"{", b"}", b",", b"[", b"]", b"# update specs: ['", b"'"
        ),
    )
)
def test_anything(documents: dict[str, bytes]) -> None:
    """Nothing is raised, and no path leads outside."""
    packages = list(conda.parse_packages(documents))
    assert packages == list(conda.parse_packages(dict(reversed(documents.items()))))
    assert len(packages) == sum(path.endswith(".json") for path in documents)
    assert all(stays_inside(path) for package in packages for path in package.paths)


FIELDS = st.sampled_from(["name", "version", "build", "files", "depends", "requested_spec", "requested_specs"])
VALUES = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.one_of(st.none(), st.text(max_size=9))))


@given(st.dictionaries(FIELDS, VALUES))
def test_fields_of_any_type(fields: dict[str, object]) -> None:
    """A field of another type is as if it were not there."""
    package = read(json.dumps(fields).encode())
    assert all(stays_inside(path) for path in package.paths)
    assert package.paths[-1] == f"{META}/demo-1.0-h0_0.json" or f"{META}/demo-1.0-h0_0.json" in package.paths


def test_long_history() -> None:
    """A history of many changes takes a time that grows with their number, not with the square of it."""
    lines = [f"# {deed} specs: ['a{number}']" for number in range(50_000) for deed in ("install", "update")]
    documents = {f"{META}/a1-1-0.json": record(name="a1"), f"{META}/history": "\n".join(lines).encode()}
    begin = time.process_time()
    assert [package.requested for package in conda.parse_packages(documents)] == [True]
    assert time.process_time() - begin < 3
