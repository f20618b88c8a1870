"""Module information in Go programs: what `go version -m` prints is found while the bytes pass."""

from __future__ import annotations

import shutil
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.go_programs import NEW, ask_go, build_program, kept_names, restored, write_sources
from weighbridge.image.packages.go import MARK
from weighbridge.sources.tar.go_program import HEAD_BYTES, search_program

needs_go = pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")
KEPT = {name: restored(name) for name in kept_names()}


def found_in(program: bytes, sizes: list[int]) -> bytes:
    """Return what is kept of a program whose bytes come in pieces of these sizes, over and over."""
    search = search_program(program[:HEAD_BYTES])
    if search is None:
        return b""
    at = turn = 0
    while at < len(program):
        size = sizes[turn % len(sizes)]
        search.feed(memoryview(program)[at : at + size])
        at, turn = at + size, turn + 1
    return search.build_document()


def lines_of(document: bytes) -> list[str]:
    """Return the lines of a document as `go version -m` prints them, without blanks at their ends."""
    assert document.startswith(MARK)
    return [line.strip() for line in document[len(MARK) :].decode().strip("\n").split("\n")]


@pytest.mark.parametrize("name", KEPT)
def test_kept_programs(name: str) -> None:
    """The information is what Go prints, in both forms, for several machines, however the program was linked."""
    program, told = KEPT[name]
    assert lines_of(found_in(program, [HEAD_BYTES, 2**17])) == told


@given(st.sampled_from(sorted(KEPT)), st.lists(st.integers(900, 70_000), min_size=1, max_size=5))
def test_pieces_of_any_size(name: str, sizes: list[int]) -> None:
    """Where one piece ends and the next begins makes no difference."""
    program, told = KEPT[name]
    assert lines_of(found_in(program, sizes)) == told


@pytest.mark.parametrize("name", ["new-plain", "old-plain"])
def test_cut_within_a_mark(name: str) -> None:
    """A mark that lies in two pieces is found wherever it is cut."""
    program, told = KEPT[name]
    for mark in (MARK, bytes.fromhex("3077af0c9274080241e1c107e6d618e6")):
        at = program.find(mark)
        for cut in range(at - 1, at + 40):
            assert lines_of(found_in(program, [cut, len(program)])) == told


@given(st.sampled_from(sorted(KEPT)), st.integers(0, HEAD_BYTES - 1), st.binary(min_size=1, max_size=8))
def test_damaged_heads(name: str, place: int, replacement: bytes) -> None:
    """A head that lies about its segments raises nothing, and what is found is the program's or nothing."""
    program, told = KEPT[name]
    damaged = bytearray(program)
    damaged[place : place + len(replacement)] = replacement
    document = found_in(bytes(damaged), [2**17])
    assert not document or lines_of(document) == told


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_anything(head: bytes, more: bytes) -> None:
    """Any bytes after the sign of an ELF file raise nothing and are no program."""
    assert found_in(b"\x7fELF" + head + more, [50]) == b""


@pytest.mark.parametrize("length", [0, 2**20, 2**40])
def test_lengths_that_lie(length: int) -> None:
    """Information that is said to be longer than the file, or than is kept, is not there."""
    program, _ = KEPT["new-plain"]
    begin = program.find(MARK) + 32
    end = begin + 1 + program[begin]
    groups = [length >> shift & 0x7F | 0x80 for shift in range(0, 63, 7)]
    lying = bytearray(program)
    lying[end : end + 10] = bytes([*groups, 0])
    assert found_in(bytes(lying), [2**17]) == b""


def test_first_mark_on_its_boundary_counts() -> None:
    """A mark that a program holds as text is not taken for its own, which lies at a multiple of sixteen bytes."""
    program, told = KEPT["new-plain"]
    at = program.find(MARK)
    both = program[:at] + b"x" * 8 + MARK + b"x" * 10 + program[at:]
    assert (len(both) - len(program)) % 16 == 0
    assert lines_of(found_in(both, [2**17])) == told


def test_memory() -> None:
    """However large a program, a search keeps about a megabyte of it."""
    program, told = KEPT["old-plain"]
    search = search_program(program[:HEAD_BYTES])
    assert search
    more = bytes(2**17)
    tracemalloc.start()
    try:
        search.feed(program)
        for _ in range(400):
            search.feed(more)
        assert tracemalloc.get_traced_memory()[1] < 6_000_000
    finally:
        tracemalloc.stop()
    assert lines_of(search.build_document()) == told


@pytest.mark.slow
@needs_go
def test_programs_built_here(tmp_path: Path) -> None:
    """Whole programs for this machine, linked in every way that its Go can, give what it prints."""
    write_sources(tmp_path)
    for name, how in NEW.items():
        if "GOARCH" in how[0]:
            continue  # that would compile Go's library for another machine
        build_program(tmp_path, tmp_path / name, how)
        told = ask_go(tmp_path / name)
        assert any(line.startswith("mod\texample.org/greeting/v3") for line in told)
        assert lines_of(found_in((tmp_path / name).read_bytes(), [HEAD_BYTES, 2**17])) == told
