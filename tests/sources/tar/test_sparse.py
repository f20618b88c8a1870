"""Files without their holes: the maps of all four ways to write them, and the files as they were."""

from __future__ import annotations

import io

import pytest

from weighbridge.image.layer import FILE
from weighbridge.sources.tar import sparse
from weighbridge.sources.tar.headers import DamagedArchive, Header
from weighbridge.sources.tar.reader import Tape
from weighbridge.sources.tar.sparse import SparsePart, merge_parts, open_member, parse_map, read_map

NO_FIT = "^the map of a sparse file does not fit it$"
OTHER_SUM = "^the map of a sparse file does not fit what is stored of it$"
NO_NUMBER = "^a header is damaged$"
HOLES = "^a sparse file has holes of more than 10 bytes$"
TOO_LONG = "^the map of a sparse file is too long$"
DAMAGED = "^the map of a sparse file is damaged$"
TEN_PAIRS = ",".join(["0"] * 20)


def header_of(size: int, stored: int, segments: tuple[tuple[int, int], ...] | None = None) -> Header:
    """Return the header of a file of so many bytes, of which the archive has so many."""
    return Header("disk", b"0", FILE, size, stored, "", 0o644, 0, 0, 0, segments, is_sparse=True)


def part_of(data: bytes, size: int, segments: list[tuple[int, int]]) -> SparsePart:
    """Return a file of so many bytes that has these data, and nothing else, at these places."""
    return SparsePart(Tape(io.BytesIO(data)), header_of(size, len(data)), segments, len(data))


def test_holes_are_zeros() -> None:
    """Whoever reads a file piece by piece gets data and holes as they lie, and nothing behind the end."""
    part = part_of(b"abcdefgh", 14, [(2, 3), (7, 5)])
    assert part.head == b"\0\0abc\0\0defgh\0\0"
    assert [part.read(count) for count in (3, 3, 4, 3, 9, 9)] == [b"\0\0a", b"bc\0", b"\0def", b"gh\0", b"\0", b""]


def test_head_has_one_block() -> None:
    """The first block can be seen before it is read; what follows comes from the tape when it is asked for."""
    data = bytes(range(1, 256)) * 4
    tape = Tape(io.BytesIO(data))
    part = SparsePart(tape, header_of(2020, 1020), [(500, 520), (1520, 500)], 1020)
    assert part.head == bytes(500) + data[:12]
    assert tape.position == 12
    assert part.read(510) == part.head[:510]
    assert tape.position == 12
    assert part.read(1010) == data[10:520] + bytes(500)
    assert part.read(1000) == data[520:]


def test_size_of_a_read() -> None:
    """A read that ends between two pieces takes nothing of the later one."""
    part = part_of(b"a" * 600 + b"b" * 600, 1200, [(0, 600), (600, 600)])
    assert part.read(600) == b"a" * 600
    assert part.read(0) == b""
    assert part.read(601) == b"b" * 600


@pytest.mark.parametrize(
    ("size", "segments", "expected"),
    [
        (4, [(0, 4)], b"abcd"),
        (4, [(0, 1), (1, 3)], b"abcd"),
        (5, [(1, 4)], b"\0abcd"),
        (6, [(0, 4), (6, 0)], b"abcd\0\0"),
    ],
)
def test_map_that_fits(size: int, segments: list[tuple[int, int]], expected: bytes) -> None:
    """Parts may touch each other and either end of the file; tar marks the end by a part without bytes."""
    assert part_of(b"abcd", size, segments).head == expected


@pytest.mark.parametrize(
    ("size", "segments", "words"),
    [
        (5, [(0, 2), (1, 2)], NO_FIT),
        (5, [(2, 2), (0, 2)], NO_FIT),
        (5, [(-1, 4)], NO_FIT),
        (5, [(0, 5), (5, -1)], NO_FIT),
        (5, [(2, 4)], NO_FIT),
        (5, [(0, 3)], OTHER_SUM),
        (5, [(0, 5)], OTHER_SUM),
        (5, [], OTHER_SUM),
    ],
)
def test_map_that_does_not_fit(size: int, segments: list[tuple[int, int]], words: str) -> None:
    """Parts lie one behind the other, within the file, and have as many bytes together as are stored."""
    with pytest.raises(DamagedArchive, match=words):
        part_of(b"abcd", size, segments)


def test_bytes_in_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many bytes in holes as the limit allows are made; one more is refused, whatever the data have."""
    monkeypatch.setattr(sparse, "MAX_HOLES_BYTES", 10)
    assert part_of(b"abcd", 14, [(0, 4)]).head == b"abcd" + bytes(10)
    with pytest.raises(DamagedArchive, match=HOLES):
        part_of(b"abcd", 15, [(0, 4)])


def entry(offset: int, count: int) -> bytes:
    """Return an entry of an old map: two numbers of twelve bytes, in octal."""
    return b"%011o\0%011o\0" % (offset, count)


def header_block(entries: bytes, goes_on: bytes = b"\0") -> bytes:
    """Return a header of old whose map has these entries, among other bytes that are not zeros."""
    return b"7" * 386 + entries.ljust(96, b"\0") + goes_on + b"7" * 29


def block_of(entries: bytes, goes_on: bytes = b"\0") -> bytes:
    """Return a block that continues such a map."""
    return entries.ljust(504, b"\0") + goes_on + b"7" * 7


def test_old_map() -> None:
    """The header has up to four entries, each further block up to 21; empty ones are passed over."""
    tape = Tape(io.BytesIO(block_of(entry(9, 10) * 21, b"\1") + block_of(entry(11, 12)) + b"data"))
    found = read_map(tape, header_block(entry(1, 2) + entry(3, 4) + entry(5, 6) + entry(7, 8), b"\1"))
    assert found == ((1, 2), (3, 4), (5, 6), (7, 8), *[(9, 10)] * 21, (11, 12))
    assert tape.take(4) == b"data"


def test_old_map_within_the_header() -> None:
    """A map that does not go on leaves the tape where it is."""
    tape = Tape(io.BytesIO(b"data"))
    assert read_map(tape, header_block(entry(1, 2))) == ((1, 2),)
    assert tape.position == 0


def test_old_map_of_large_numbers() -> None:
    """Offsets beyond octal are in base 256, and a number may fill its twelve bytes."""
    large = b"\x80" + (2**40).to_bytes(11, "big") + b"100000000007"
    assert read_map(Tape(io.BytesIO()), header_block(large)) == ((2**40, 8**11 + 7),)


def test_old_map_of_a_text() -> None:
    """A text in place of a number is damage."""
    with pytest.raises(DamagedArchive, match=NO_NUMBER):
        read_map(Tape(io.BytesIO()), header_block(b"X" * 24))


def test_length_of_an_old_map(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many entries as the limit allows are read; one more is refused."""
    monkeypatch.setattr(sparse, "MAX_SEGMENTS", 6)
    for count in (2, 3):
        tape = Tape(io.BytesIO(block_of(entry(9, 9) * count)))
        block = header_block(entry(9, 9) * 4, b"\1")
        if count == 2:
            assert read_map(tape, block) == ((9, 9),) * 6
        else:
            with pytest.raises(DamagedArchive, match=TOO_LONG):
                read_map(tape, block)


@pytest.mark.parametrize(
    ("records", "merged"),
    [
        ([("path", "a"), ("path", "b")], {"path": "b"}),
        (
            [
                ("GNU.sparse.offset", "0"),
                ("GNU.sparse.numbytes", "5"),
                ("path", "a"),
                ("GNU.sparse.offset", "9"),
                ("GNU.sparse.numbytes", "7"),
            ],
            {"path": "a", "GNU.sparse.map": "0,5,9,7"},
        ),
    ],
)
def test_records_that_repeat(records: list[tuple[str, str]], merged: dict[str, str]) -> None:
    """Offsets and sizes of version 0.0 become the map of version 0.1; of other records the last one counts."""
    assert merge_parts(records) == merged


@pytest.mark.parametrize(
    ("records", "segments"),
    [
        ({"path": "a"}, None),
        ({"GNU.sparse.map": ""}, ()),
        ({"GNU.sparse.map": "1,2"}, ((1, 2),)),
        ({"GNU.sparse.map": "1,2,3,4,5,6"}, ((1, 2), (3, 4), (5, 6))),
        ({"GNU.sparse.map": "0," + "7" * 31}, ((0, int("7" * 31)),)),
    ],
)
def test_map_in_records(records: dict[str, str], segments: tuple[tuple[int, int], ...] | None) -> None:
    """The map has offset and size in turn; without one there are no segments, and one may be empty."""
    assert parse_map(records) == segments


@pytest.mark.parametrize("text", ["1", "1,2,3", "1,", "1,x", "1,-2", "1,\u00b2", "1,\u0663", "0," + "7" * 32])
def test_damaged_map_in_records(text: str) -> None:
    """An odd one, a text, a digit of another script or one digit too many is damage."""
    with pytest.raises(DamagedArchive, match=DAMAGED):
        parse_map({"GNU.sparse.map": text})


def test_length_of_a_map_in_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many pairs as the limit allows are parsed; one more is refused."""
    monkeypatch.setattr(sparse, "MAX_SEGMENTS", 10)
    assert parse_map({"GNU.sparse.map": TEN_PAIRS}) == ((0, 0),) * 10
    with pytest.raises(DamagedArchive, match=DAMAGED):
        parse_map({"GNU.sparse.map": f"{TEN_PAIRS},0,0"})


def opened(data: bytes, size: int) -> SparsePart:
    """Open a file of so many bytes that has its map in the archive; 100 other bytes were read before it."""
    tape = Tape(io.BytesIO(b"-" * 100 + data))
    tape.skip(100)
    return open_member(tape, header_of(size, len(data)))


def test_map_before_the_data() -> None:
    """Version 1.0 has the map in front of the data, line by line, and fills its last block."""
    assert opened(b"2\n1\n3\n14\n2\n".ljust(512, b"\0") + b"abcde", 17).head == b"\0abc" + bytes(10) + b"de\0"


def test_map_of_one_whole_block() -> None:
    """A map that fills its block is followed by the data, not by another block; its numbers have up to 31 digits."""
    lines = b"".join(b"%031d\n" % each for each in [8, *[0] * 14]) + b"%015d\n%015d\n" % (1, 3)
    assert len(lines) == 512
    assert opened(lines + b"abc", 4).head == b"\0abc"


@pytest.mark.parametrize("line", [b"%032d" % 0, b"x", b"", b"\xff", b"-1", "\u0663".encode(), b"0" * 2**16])
def test_damaged_line(line: bytes) -> None:
    """A text, an empty line, another script's digit or a line without end is damage, wherever it stands."""
    for data in (line + b"\n0\n0\n", b"1\n" + line + b"\n0\n", b"1\n0\n" + line + b"\n"):
        with pytest.raises(DamagedArchive, match=DAMAGED):
            opened(data.ljust(512, b"\0"), 9)


def test_length_of_a_map_before_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many lines as the limit allows are read; one more pair is refused."""
    monkeypatch.setattr(sparse, "MAX_SEGMENTS", 3)
    assert opened((b"3\n" + b"0\n0\n" * 3).ljust(512, b"\0"), 5).head == bytes(5)
    with pytest.raises(DamagedArchive, match=TOO_LONG):
        opened((b"4\n" + b"0\n0\n" * 4).ljust(512, b"\0"), 5)


def test_map_in_header_comes_first() -> None:
    """Where a header has told the map, all that is stored are data."""
    tape = Tape(io.BytesIO(b"1\n2\n"))
    assert open_member(tape, header_of(6, 4, ((1, 4),))).head == b"\x001\n2\n\0"
