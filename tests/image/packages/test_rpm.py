"""rpm's databases: the real rpm lists the same packages."""

from __future__ import annotations

import os
import shutil
import tracemalloc
from pathlib import Path
from stat import S_ISREG
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import rpm_databases
from tests.support.layers import entries_below
from tests.support.owned import rows, told
from tests.support.packages import stays_inside
from tests.support.rpms import (
    DATABASE,
    Told,
    ask_rpm,
    at,
    build_packages,
    import_key,
    install_packages,
    kept_answers,
    kept_documents,
    read_database,
    run,
)
from weighbridge.image.packages import rpm
from weighbridge.image.packages.package import Package

needs_rpm = pytest.mark.skipif(
    None in map(shutil.which, ("rpmbuild", "gpg")) or os.geteuid() != 0,
    reason="rpm or gpg is not installed, or may not change its root",
)
KEPT = ("sqlite", "ndb", "log")


def described(packages: list[Package]) -> list[Told]:
    """Return packages as rpm describes them, without what rpm does not say: files that others require."""
    return sorted(
        (
            Told(
                name=package.name,
                version=package.version,
                paths=list(package.paths),
                requires=list(package.requires),
                provides=[name for name in package.provides if not name.startswith("/")],
            )
            for package in packages
        ),
        key=lambda package: package.name,
    )


def without_rich(answers: list[Told]) -> list[Told]:
    """Return what rpm says with its two rich requirements taken apart by hand."""
    parts = {
        "(library >= 1 if plugin)": ["library", "plugin"],
        "(shell or other(shell) > 3)": ["shell", "other(shell)"],
    }
    for package in answers:
        names = [part for name in package.requires for part in parts.get(name, [name])]
        package.requires[:] = dict.fromkeys(names)
    return answers


@pytest.mark.parametrize("path", ["var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/Packages.db"])
def test_databases(path: str) -> None:
    """Both formats are read, wherever a distribution keeps them."""
    assert rpm.is_database(path)


@pytest.mark.parametrize(
    "path", ["var/lib/rpm/Packages", "var/lib/rpm/rpmdb.sqlite-shm", "srv/var/lib/rpm/rpmdb.sqlite", "rpmdb.sqlite"]
)
def test_other_files(path: str) -> None:
    """Berkeley DB, indexes and databases of another root are no databases of this image."""
    assert not rpm.is_database(path)


@pytest.mark.parametrize("name", KEPT)
def test_kept_databases(name: str) -> None:
    """Packages, versions, files and needs are those that rpm printed when the database was made."""
    assert described(list(rpm.parse_packages(kept_documents(name)))) == without_rich(kept_answers(name))


def test_files_that_others_require() -> None:
    """A package provides those of its files that another requires, as that one writes them."""
    packages = {package.name: package for package in rpm.parse_packages(kept_documents("sqlite"))}
    assert packages["shell"].provides == ("shell(posix)", "/bin/shell", "/usr/bin/linker")
    assert not [name for name in packages["library"].provides if name.startswith("/")]


def test_an_empty_log_changes_nothing() -> None:
    """When rpm ends, it leaves a log of no bytes beside its database."""
    documents = kept_documents("sqlite")
    log = {f"{DATABASE}/rpmdb.sqlite-wal": b""}
    assert list(rpm.parse_packages(documents | log)) == list(rpm.parse_packages(documents))


def test_database_in_two_places_counts_once() -> None:
    """An image that keeps an old database beside the new one has each package once, from where rpm now looks."""
    old, new = kept_documents("sqlite"), kept_documents("ndb")
    moved = {path.replace(DATABASE, "usr/lib/sysimage/rpm"): content for path, content in new.items()}
    assert list(rpm.parse_packages(old | moved)) == list(rpm.parse_packages(moved))
    empty = dict.fromkeys(moved, b"")
    assert list(rpm.parse_packages(old | empty)) == list(rpm.parse_packages(old))


@given(st.dictionaries(st.sampled_from(["rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages.db"]), st.binary()))
def test_anything(contents: dict[str, bytes]) -> None:
    """Any bytes are passed over."""
    assert list(rpm.parse_packages({f"{DATABASE}/{name}": content for name, content in contents.items()})) == []


CHANGES = st.lists(st.tuples(st.integers(min_value=0), st.binary(min_size=1, max_size=8)), min_size=1, max_size=12)


@given(st.sampled_from(KEPT), CHANGES, st.one_of(st.none(), st.integers(min_value=0)))
def test_damage(name: str, changes: list[tuple[int, bytes]], cut: int | None) -> None:
    """A database with bytes changed or cut off raises nothing and yields nothing but packages with paths inside."""
    documents = kept_documents(name)
    for path, content in documents.items():
        changed = bytearray(content)
        for place, replacement in changes:
            begin = place % len(changed)
            changed[begin : begin + len(replacement)] = replacement
        documents[path] = bytes(changed[: None if cut is None else cut % len(changed)])
    for package in rpm.parse_packages(documents):
        assert package.kind == "rpm"
        assert package.name
        assert all(isinstance(word, str) for word in (*package.requires, *package.provides, package.version))
        assert all(stays_inside(path) for path in package.paths)


@pytest.mark.slow
@needs_rpm
def test_rpm_reads_a_real_root_alike(tmp_path: Path) -> None:
    """What rpm installs here now, it lists as it is read here; an imported key is no package."""
    install_packages(tmp_path / "root", build_packages(tmp_path / "build"))
    import_key(tmp_path / "root", tmp_path / "key")
    answers = without_rich(ask_rpm(tmp_path / "root"))
    assert described(list(rpm.parse_packages(read_database(tmp_path / "root")))) == answers
    run("rpm", *at(tmp_path / "root"), "--rebuilddb")
    assert described(list(rpm.parse_packages(read_database(tmp_path / "root")))) == answers


@pytest.mark.slow
@needs_rpm
def test_bytes_are_those_that_rpm_lists(tmp_path: Path) -> None:
    """In the ledger of what rpm installed, a package has the bytes of the files that rpm lists, hard links once."""
    root = tmp_path / "root"
    install_packages(root, build_packages(tmp_path / "build"))
    expected = dict[tuple[str, str], int]()
    for package in ask_rpm(root):
        files = {path.lstat().st_ino: path.lstat() for path in (root / name for name in package.paths)}
        size = sum(status.st_size for status in files.values() if S_ISREG(status.st_mode))
        expected |= {("rpm", package.name): size} if size else {}
    found = told(rows([entries_below(root)]))
    assert len(expected) == 4
    assert {key: size for key, size in found.items() if key[0] == "rpm"} == expected


@pytest.mark.parametrize(
    ("required", "names"),
    [
        ("((a or b) if (c(d) >= 2))", ("a", "b", "c(d)")),
        ("(perl(A::B)(64bit) and x)", ("perl(A::B)(64bit)", "x")),
        ("(a" + ")" * 300_000, ("a",)),
    ],
)
def test_parentheses(required: str, names: tuple[str, ...]) -> None:
    """A capability keeps its own parentheses; those around it go, in a time that grows with their number alone."""
    blob = rpm_databases.package("x", "1", "1", (), (1049, rpm_databases.STRINGS, [required]))
    start = process_time()
    (found,) = rpm.parse_packages({f"{DATABASE}/Packages.db": rpm_databases.ndb([blob])})
    assert process_time() - start < 3
    assert found.requires == names


@pytest.mark.slow
def test_bounds() -> None:
    """A database that is one large lie takes no more than a few times its size, and few seconds."""
    documents = {
        f"{DATABASE}/Packages.db": b"RpmP" + bytes(8) + b"\xff" * 20 + b"Slot\1\0\0\0\1\0\0\0\2\0\0\0" * 500_000
    }
    start = process_time()
    tracemalloc.start()
    try:
        assert list(rpm.parse_packages(documents)) == []
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
    assert process_time() - start < 10
