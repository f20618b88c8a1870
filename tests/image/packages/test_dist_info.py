"""RECORD files: what a distribution installed, wherever it was installed to."""

from __future__ import annotations

import csv
import importlib.metadata
import io
import os.path
import posixpath
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.packages import NAMES, PATHS, VERSIONS, damaged, stays_inside
from tests.support.wheels import wheel
from weighbridge.image.packages import dist_info
from weighbridge.image.packages.package import LONGEST_PATH, Package

SITE = "opt/venv/lib/python3.13/site-packages"
RECORD = f"{SITE}/demo-1.0.dist-info/RECORD"


def read(content: bytes, path: str = RECORD) -> Package:
    """Return the one package of an image with this RECORD."""
    (package,) = dist_info.parse_packages({path: content})
    return package


def owned(content: bytes) -> tuple[str, ...]:
    """Return what a RECORD lists, without itself, which comes last."""
    *paths, last = read(content).paths
    assert last == RECORD
    return tuple(paths)


def test_a_distribution() -> None:
    """Paths are relative to the folder of the `.dist-info`; hash and size do not matter; the RECORD counts itself."""
    content = (
        b"../../../bin/demo,sha256=abc,210\r\n"
        b"demo/__init__.py,sha256=def,0\r\n"
        b"demo/__pycache__/__init__.cpython-313.pyc,,\r\n"
        b"demo-1.0.dist-info/INSTALLER,sha256=ghi,4\r\n"
        b"demo-1.0.dist-info/RECORD,,\r\n"
    )
    assert read(content) == Package(
        kind="python",
        name="demo",
        version="1.0",
        paths=(
            "opt/venv/bin/demo",
            f"{SITE}/demo/__init__.py",
            f"{SITE}/demo/__pycache__/__init__.cpython-313.pyc",
            f"{SITE}/demo-1.0.dist-info/INSTALLER",
            RECORD,
        ),
        has_metadata=False,
    )


@pytest.mark.parametrize(
    ("content", "paths"),
    [
        (b"/usr/share/demo.conf,,\n", ("usr/share/demo.conf",)),
        (b"../../../../../../../../etc/demo,,\n", ("etc/demo",)),
        (b'"a,b ""c"".py",,\n', (f'{SITE}/a,b "c".py',)),
        (b'"two\nlines.py",,\n', (f"{SITE}/two\nlines.py",)),
        (b"only-a-path\n", (f"{SITE}/only-a-path",)),
        (b"no-newline-at-the-end,,", (f"{SITE}/no-newline-at-the-end",)),
        (b"\xff\xfe.py,,\n", (f"{SITE}/\udcff\udcfe.py",)),
        (b"\n\n,,\nkept,,\n", (f"{SITE}/kept",)),
        (b"nul\0.py,,\nkept,,\n", (f"{SITE}/kept",)),
        (b"half\rway,,\nkept,,\n", (f"{SITE}/kept",)),
        (b'"carriage\r\nreturn",,\r\n', (f"{SITE}/carriage\r\nreturn",)),
        (b"", ()),
    ],
)
def test_lines(content: bytes, paths: tuple[str, ...]) -> None:
    """Each way to write a path; a line without one is passed over."""
    assert owned(content) == paths


@pytest.mark.parametrize("huge", [b"x" * 200_000, b'"' + b"x" * 200_000 + b'"', b"a" * (LONGEST_PATH + 1)])
def test_huge_fields(huge: bytes) -> None:
    """A field beyond the limit of Python's csv, or of the system, costs its own line only."""
    assert owned(b"before,,\n" + huge + b",,\nafter,,\n") == (f"{SITE}/before", f"{SITE}/after")


def test_quote_that_never_ends() -> None:
    """It swallows the lines up to csv's limit, which is where reading goes on."""
    content = b'"' + b"swallowed,,\n" * 20_000 + b"kept,,\n"
    assert owned(content) == (f"{SITE}/swallowed", f"{SITE}/kept")


@pytest.mark.parametrize(
    ("stem", "name", "version"),
    [
        ("PyYAML-6.0.3", "pyyaml", "6.0.3"),
        ("zope.interface-7.2", "zope-interface", "7.2"),
        ("a_._-b-1!2.0rc1+local.1", "a-b", "1!2.0rc1+local.1"),
        ("types_docker-7.2.0.20261006", "types-docker", "7.2.0.20261006"),
        ("old-style-name-1.0", "old-style-name", "1.0"),
        ("demo-1.0-1", "demo", "1.0-1"),
        ("demo", "demo", ""),
        ("-1.0", "", "1.0"),
    ],
)
def test_name_and_version(stem: str, name: str, version: str) -> None:
    """They come from the folder's name; the name is spelt as on the index."""
    package = read(b"", f"a/{stem}.dist-info/RECORD")
    assert (package.name, package.version) == (name, version)


def test_anywhere() -> None:
    """A distribution counts in whatever folder it lies, the root included; what only looks like one does not."""
    folders = ["", "usr/lib/python3/dist-packages/", "srv/vendored/", "a.dist-info/"]
    documents = {f"{folder}demo-1.dist-info/RECORD": b"demo.py,,\n" for folder in folders}
    others = ["RECORD", ".dist-info/RECORD", "a/.dist-info/RECORD", "a/demo-1.egg-info/RECORD", "a/b.dist-info/RECORDS"]
    packages = list(dist_info.parse_packages(documents | dict.fromkeys(others, b"x,,\n")))
    assert [package.paths[0] for package in packages] == [f"{folder}demo.py" for folder in sorted(folders)]


def test_folder_beyond_the_systems_limit() -> None:
    """A RECORD that no system could open says nothing."""
    assert list(dist_info.parse_packages({"a/" * LONGEST_PATH + "demo-1.dist-info/RECORD": b"x,,\n"})) == []


@given(NAMES, VERSIONS, PATHS, st.lists(PATHS))
def test_round_trip(name: str, version: str, site: str, files: list[str]) -> None:
    """What Python's csv wrote comes back, from files beside the distribution and from anywhere else."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows((posixpath.relpath(file, site), "sha256=a", "1") for file in files)
    record = f"{site}/{name}-{version}.dist-info/RECORD"
    package = read(text.getvalue().encode("utf-8", "surrogateescape"), record)
    assert package.paths == tuple(dict.fromkeys([*files, record]))
    assert (package.name, package.version) == (re.sub(r"\.+", "-", name), version)


@given(damaged(b"demo.py", b",", b'"', b"\n", b"\r", b"../", b"/", b"\0"))
def test_anything(content: bytes) -> None:
    """Nothing is raised, and no path leads outside."""
    assert all(map(stays_inside, read(content).paths))


def test_what_the_standard_library_says_of_this_environment() -> None:
    """Each distribution that runs here has the name, version and files that `importlib.metadata` gives it."""
    seen = 0
    for distribution in importlib.metadata.distributions():
        files = distribution.files or []
        for record in (file for file in files if file.match("*.dist-info/RECORD")):
            content = Path(record.locate()).read_bytes()
            package = read(content, os.path.normpath(record.locate()).lstrip("/"))
            theirs = {os.path.normpath(file.locate()) for file in files}
            ours = {f"/{path}" for path in package.paths}
            assert theirs <= ours
            # Later versions of Python leave out what is recorded and not there.
            assert not any(map(os.path.lexists, ours - theirs))
            assert package.version == distribution.version
            assert package.name == re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
            seen += 1
    assert seen > 20


FOLDER = RECORD.removesuffix("RECORD")


def described(**files: bytes) -> Package:
    """Return the distribution whose folder has these files besides its RECORD, which lists REQUESTED."""
    documents = {f"{FOLDER}{name}": content for name, content in files.items()}
    (package,) = dist_info.parse_packages({RECORD: b"demo-1.0.dist-info/REQUESTED,,\n"} | documents)
    return package


def test_requirements() -> None:
    """Each `Requires-Dist` of the header counts as it is written, however it is spelt; the description says nothing."""
    header = b"Metadata-Version: 2.4\r\nName: demo\r\nRequires-Dist: a>=1\r\nrequires-dist:b[c]; extra == 'd'\r\n"
    package = described(METADATA=header + b"\r\nRequires-Dist: none\r\n")
    assert package.requires == ("a>=1", "b[c]; extra == 'd'")
    assert package.has_metadata
    assert not described().has_metadata


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\n", b""])
def test_metadata_is_kept_as_far_as_its_header(end: bytes) -> None:
    """What follows the first blank line is dropped, and what is kept says the same."""
    header = b"Name: demo\nRequires-Dist: a"
    kept = dist_info.shorten(f"{FOLDER}METADATA", header + end + (b"\nx" * 100_000 if len(end) > 1 else b""))
    assert kept.rstrip() == header
    assert described(METADATA=kept).requires == ("a",)


def test_metadata_without_end() -> None:
    """Of a header longer than anybody's a part is kept, and then nobody relies on it."""
    kept = dist_info.shorten(f"{FOLDER}METADATA", b"X: y\n" * 10**6)
    assert len(kept) == dist_info.METADATA_BYTES
    assert not described(METADATA=kept).has_metadata
    assert dist_info.shorten(RECORD, b"a\n\nb") == b"a\n\nb"


@pytest.mark.parametrize(
    ("record", "installer", "requested"),
    [
        (b"demo-1.0.dist-info/REQUESTED,,\n", b"pip\n", True),
        (b"demo-1.0.dist-info/REQUESTED,,\n", b"uv", True),
        (b"demo.py,,\n", b"pip\n", False),
        (b"demo.py,,\n", b"Poetry 2.1", None),
        (b"demo.py,,\n", b"", None),
    ],
)
def test_who_asked(record: bytes, installer: bytes, requested: bool | None) -> None:  # noqa: FBT001 - a case
    """REQUESTED is there where somebody asked; that it is missing says something of pip alone."""
    (package,) = dist_info.parse_packages({RECORD: record, f"{FOLDER}INSTALLER": installer})
    assert package.requested is requested


@pytest.mark.parametrize(
    ("origin", "is_application"),
    [
        (b'{"url": "file:///app", "dir_info": {"editable": true}}', True),
        (b'{"url": "file:///tmp/x.whl", "archive_info": {}}', True),
        (b'{"url": "https://example.com/x.git", "vcs_info": {"vcs": "git"}}', False),
        (b'{"url": 5}', False),
        (b"[]", False),
        (b"[" * 100_000, False),
        (b"\xff", False),
        (b"", False),
    ],
)
def test_application(origin: bytes, *, is_application: bool) -> None:
    """What came from a folder or an archive on the machine that built is the user's own."""
    assert described(**{"direct_url.json": origin}).is_application is is_application


@pytest.mark.slow
def test_what_pip_writes(tmp_path: Path) -> None:
    """Of what pip installs, the result says if somebody asked for it, something pulled it in, or it is a local file."""
    for name, requires in (("asked", "pulled"), ("pulled", "")):
        wheel(tmp_path, name, requires=[requires] if requires else [])
    folder = tmp_path / "own"
    folder.mkdir()
    wheel(folder, "own")
    site = tmp_path / "lib" / "python3.13" / "site-packages"
    options = ["--no-index", "--no-cache-dir", "--no-compile", "--find-links", str(tmp_path), "--target", str(site)]
    words = ["asked", str(next(folder.iterdir()))]
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", *options, *words], check=True)
    documents = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    found = {package.name: package for package in dist_info.parse_packages(documents)}
    assert {name: package.requested for name, package in found.items()} == {"asked": True, "pulled": False, "own": True}
    assert {name: package.is_application for name, package in found.items()} == {
        "asked": False,
        "pulled": False,
        "own": True,
    }
    assert found["asked"].requires == ("pulled",)
    assert all(package.has_metadata for package in found.values())
