"""Headers of RPM packages: what is in them comes back, and a broken rule gives up the header."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.packages import NAMES, VERSIONS
from tests.support.rpm_databases import NUMBERS, STATES, STRING, STRINGS, Value, header, package
from weighbridge.image.packages.rpm_header import DamagedHeader, parse_header

TEXTS = st.binary(max_size=6).map(lambda data: data.replace(b"\0", b"").decode("utf-8", "surrogateescape"))
FILES = st.lists(st.tuples(TEXTS.map("/{}/".format), TEXTS), max_size=6)
BROKEN = {
    "a folder that is not there": [(1116, NUMBERS, [1]), (1117, STRINGS, ["a"]), (1118, STRINGS, ["/"])],
    "a folder with a high number": [(1116, STATES, [-100]), (1117, STRINGS, ["a"]), (1118, STRINGS, ["/"])],
    "more files than places": [(1116, NUMBERS, [0]), (1117, STRINGS, ["a", "b"]), (1118, STRINGS, ["/"])],
    "more files than states": [(1027, STRINGS, ["/a", "/b"]), (1029, STATES, [0])],
    "more files than flags": [(1027, STRINGS, ["/a", "/b"]), (1037, NUMBERS, [0])],
    "more requirements than flags": [(1049, STRINGS, ["a", "b"]), (1048, NUMBERS, [0])],
    "a number where a text should be": [(1049, NUMBERS, [1])],
    "a text where a number should be": [(1003, STRING, "1")],
}


@given(
    name=NAMES,
    version=VERSIONS,
    epoch=st.one_of(st.none(), st.integers(0, 2**32 - 1)),
    files=FILES,
    provides=st.lists(TEXTS, max_size=3),
)
def test_round_trip(
    name: str, version: str, epoch: int | None, files: list[tuple[str, str]], provides: list[str]
) -> None:
    """Name, version, files and capabilities come back as they were written, in their order."""
    more: list[tuple[int, int, Value]] = [] if epoch is None else [(1003, NUMBERS, [epoch])]
    more += [(1047, STRINGS, provides)] if provides else []
    found = parse_header(package(name, version, "2", files, *more))
    assert found.name == name
    assert found.version == f"{'' if epoch is None else f'{epoch}:'}{version}-2"
    assert found.paths == [folder + file for folder, file in files]
    assert (found.requires, found.provides) == ([], provides)


@pytest.mark.parametrize("entries", BROKEN.values(), ids=BROKEN.keys())
def test_broken_rules(entries: list[tuple[int, int, Value]]) -> None:
    """What contradicts itself is not believed in any part."""
    with pytest.raises(DamagedHeader):
        parse_header(package("x", "1", "1", (), *entries))


def test_header_without_a_name() -> None:
    """A header without a name describes no package."""
    with pytest.raises(DamagedHeader):
        parse_header(header([(1001, STRING, "1"), (1027, STRINGS, ["/a"])]))


@given(st.integers(min_value=0), st.integers(min_value=1))
def test_another_length(cut: int, more: int) -> None:
    """A header is exactly as long as it states."""
    whole = package(files=[("/", "a")])
    for wrong in (whole[: cut % len(whole)], whole + bytes(more % 64 + 1)):
        with pytest.raises(DamagedHeader):
            parse_header(wrong)


@given(st.lists(st.tuples(st.sampled_from([1000, 1003, 1027, 1117, 1118]), *[st.integers(0, 2**32 - 1)] * 3)))
def test_any_index(entries: list[tuple[int, int, int, int]]) -> None:
    """Types, offsets and counts of any size are refused or read, and raise nothing else."""
    index = b"".join(b"".join(number.to_bytes(4, "big") for number in entry) for entry in entries)
    store = b"name\0" * 4
    try:
        parse_header(len(entries).to_bytes(4, "big") + len(store).to_bytes(4, "big") + index + store)
    except DamagedHeader:
        return


def test_added_after_the_build() -> None:
    """What rpm adds to a header when it installs it replaces the same tag before it."""
    assert parse_header(package("x", "1", "1", (), (1001, STRING, "2"))).version == "2-1"


def test_whole_paths() -> None:
    """Before rpm 4 files stood there as whole paths; where both forms are there, today's counts."""
    old = (1027, STRINGS, ["/old"])
    assert parse_header(package("x", "1", "1", (), old)).paths == ["/old"]
    assert parse_header(package("x", "1", "1", [("/", "new")], old)).paths == ["/new"]


def test_what_is_not_the_packages() -> None:
    """Ghosts, and files that were replaced or never unpacked, are left out; those on a shared file system are not."""
    files = [("/", name) for name in "abcdef"]
    states = (1029, STATES, [0, 1, 2, 3, 4, 0])
    flags = (1037, NUMBERS, [1, 0, 2, 0, 0, 64])
    assert parse_header(package("x", "1", "1", files, states, flags)).paths == ["/a", "/d"]


def test_requirements_of_the_installer() -> None:
    """What rpm itself has to know is no requirement of the package, by its flag or by its name."""
    names = (1049, STRINGS, ["libc", "rpmlib(PayloadIsZstd)", "feature", "/bin/sh"])
    assert parse_header(package("x", "1", "1", (), names, (1048, NUMBERS, [0, 0, 1 << 24, 1 << 10]))).requires == [
        "libc",
        "/bin/sh",
    ]


def test_a_long_folder_for_many_files() -> None:
    """A small header that stands for gigabytes of paths is refused before they are made."""
    folder = "/" + "a" * 4000
    blob = header(
        [
            (1000, STRING, "x"),
            (1116, NUMBERS, [0] * 100_000),
            (1117, STRINGS, ["b"] * 100_000),
            (1118, STRINGS, [folder]),
        ]
    )
    tracemalloc.start()
    try:
        with pytest.raises(DamagedHeader):
            parse_header(blob)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
