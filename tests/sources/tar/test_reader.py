"""Tapes, the members on them, and what is read of one member."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable

import pytest

from weighbridge.image.layer import DIRECTORY, FILE
from weighbridge.sources.tar import reader
from weighbridge.sources.tar.headers import DamagedArchive, Header
from weighbridge.sources.tar.reader import CHUNK_BYTES, Meter, Part, Tape

CUT_OFF = "^unexpected end of data$"
NO_HEADER = "^a header is damaged$"
TOO_LONG = "^a header is too long$"
LONG_NAME, LONG_LINK, PAX, PAX_OF_SOLARIS, GLOBAL = b"L", b"K", b"x", b"X", b"g"


class Source:
    """A stream that returns a few bytes at once and remembers what it was asked for."""

    def __init__(self, data: bytes, most: int = 2**30) -> None:
        self._stream, self._most, self.asked = io.BytesIO(data), most, list[int]()

    def read(self, size: int, /) -> bytes:
        """Return no more than the most at once."""
        self.asked.append(size)
        return self._stream.read(min(size, self._most))


def member(type_: bytes, name: str = "a", data: bytes = b"", size: int | None = None) -> bytes:
    """Return a member with its data, padded to whole blocks; its header may state another size."""
    info = tarfile.TarInfo(name)
    info.type, info.size = type_, len(data) if size is None else size
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


def record(key: str, value: str) -> bytes:
    """Return a record of an extended header that has fewer than 100 bytes."""
    rest = f" {key}={value}\n".encode()
    return b"%d" % (len(rest) + 2) + rest if len(rest) > 7 else b"%d" % (len(rest) + 1) + rest


def members(*parts: bytes) -> list[Header]:
    """Return the members of an archive that has these parts and the zeros at its end."""
    return list(Tape(io.BytesIO(b"".join(parts) + bytes(1024))).iterate_members())


def test_meter_fills_what_was_asked_for() -> None:
    """A source that returns a few bytes at once is asked for what is missing, and for nothing once all is there."""
    source, totals = Source(bytes(range(256)) * 4, most=200), list[int]()
    meter = Meter(source, totals.append)
    assert meter.head == bytes(range(256)) * 2
    assert source.asked == [512, 312, 112]
    assert meter.read(500) == meter.head[:500]
    assert meter.read(14) == meter.head[500:] + b"\0\1"
    assert meter.read(400) == (bytes(range(256)) * 4)[514:914]
    assert meter.read(400) == (bytes(range(256)) * 4)[914:]
    assert meter.read(400) == b""
    assert totals == [512, 512, 514, 914, 1024, 1024]


def test_meter_without_a_listener() -> None:
    """Nobody needs to hear of the progress; a source may be shorter than a block."""
    meter = Meter(io.BytesIO(b"abc"), None)
    assert meter.head == b"abc"
    assert meter.read(2) == b"ab"
    assert meter.read(2) == b"c"
    assert meter.read(2) == b""


LONG = bytes(range(251)) * 1600
"""More than three chunks."""


def test_tape_across_chunks() -> None:
    """What is taken and skipped lies one behind the other, wherever the chunks end; the tape knows where it stands."""
    tape, at = Tape(io.BytesIO(LONG)), 0
    assert tape.position == 0
    for take, skip in ((1, 2), (CHUNK_BYTES - 3, 0), (0, 1), (CHUNK_BYTES, 3), (7, CHUNK_BYTES - 12), (2, 3), (4, 5)):
        assert tape.take(take) == LONG[at : at + take]
        assert tape.position == at + take
        tape.skip(skip)
        at += take + skip
        assert tape.position == at
    assert at == 3 * CHUNK_BYTES + 13


def test_halves_of_a_chunk() -> None:
    """Who takes half of all bytes stands at the other half."""
    tape = Tape(io.BytesIO(b"abcdef"))
    assert (tape.take(3), tape.position, tape.take(3), tape.position) == (b"abc", 3, b"def", 6)


@pytest.mark.parametrize("size", [CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_skip_to_the_edge_of_a_chunk(size: int) -> None:
    """A skip ends where it should beside the edge of a chunk, too."""
    tape = Tape(io.BytesIO(LONG))
    tape.skip(size)
    assert tape.position == size
    assert tape.take(5) == LONG[size : size + 5]


def test_pieces_are_those_of_the_chunks() -> None:
    """Pieces end where chunks do, and are not copied."""
    tape = Tape(io.BytesIO(LONG))
    tape.skip(10)
    pieces = list(tape.iterate_pieces(2 * CHUNK_BYTES))
    assert [len(piece) for piece in pieces] == [CHUNK_BYTES - 10, CHUNK_BYTES, 10]
    assert b"".join(pieces) == LONG[10 : 10 + 2 * CHUNK_BYTES]
    assert tape.position == 2 * CHUNK_BYTES + 10
    assert list(tape.iterate_pieces(0)) == []


@pytest.mark.parametrize(
    "pass_over",
    [Tape.take, Tape.skip, lambda tape, size: list(tape.iterate_pieces(size))],
    ids=["take", "skip", "pieces"],
)
@pytest.mark.parametrize("size", [0, 3, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_end_of_a_tape(pass_over: Callable[[Tape, int], object], size: int) -> None:
    """All bytes can be passed, and not one more."""
    tape = Tape(io.BytesIO(bytes(size)))
    pass_over(tape, size)
    with pytest.raises(EOFError, match=CUT_OFF):
        pass_over(tape, 1)
    with pytest.raises(EOFError, match=CUT_OFF):
        pass_over(Tape(io.BytesIO(bytes(size))), size + 1)


def test_taps() -> None:
    """Every tap gets all bytes in whole chunks, those that nobody takes included."""
    first, second = list[bytes](), list[bytes]()
    source = Source(LONG)
    tape = Tape(source, [first.append, second.append])
    tape.take(9)
    tape.drain()
    assert first == second
    assert [len(chunk) for chunk in first] == [CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES, len(LONG) - 3 * CHUNK_BYTES, 0]
    assert b"".join(first) == LONG
    assert set(source.asked) == {CHUNK_BYTES}


@pytest.mark.parametrize("taken", [0, 1, 512, 513, 600])
def test_data_between_members(taken: int) -> None:
    """Whatever the caller takes of a member's data, the next header is behind its last block."""
    tape = Tape(
        io.BytesIO(member(b"0", "a", b"d" * 600) + member(b"0", "b", b"e" * 512) + member(b"0", "c") + bytes(1024))
    )
    names = []
    for header in tape.iterate_members():
        names.append(header.name)
        tape.take(min(taken, header.stored))
    assert names == ["a", "b", "c"]


@pytest.mark.parametrize("kept", [600, 601, 1023, 1024])
def test_last_block_need_not_be_full(kept: int) -> None:
    """Where an archive ends within a member's last block, all of the member's data is there."""
    tape = Tape(io.BytesIO(member(b"0", "a", b"d" * 600)[: 512 + kept]))
    assert [header.name for header in tape.iterate_members()] == ["a"]


@pytest.mark.parametrize("kept", [0, 599])
def test_data_that_is_cut_off(kept: int) -> None:
    """An archive that ends within a member's data is cut off."""
    tape = Tape(io.BytesIO(member(b"0", "a", b"d" * 600)[: 512 + kept]))
    with pytest.raises(EOFError, match=CUT_OFF):
        list(tape.iterate_members())


@pytest.mark.parametrize("end", [b"", bytes(512), bytes(1024) + b"x" * 512])
def test_end_of_an_archive(end: bytes) -> None:
    """A block of zeros ends an archive, whatever follows, and so does the end of the stream."""
    tape = Tape(io.BytesIO(member(b"0", "a", b"d") + end))
    assert [header.name for header in tape.iterate_members()] == ["a"]


def test_end_of_an_archive_at_the_edge_of_a_chunk() -> None:
    """An archive may end without a block of zeros where a chunk does, and go on where the next one begins."""
    whole = b"".join(member(b"0", f"{index}") for index in range(CHUNK_BYTES // 512))
    for more in (b"", member(b"0", "last")):
        names = [header.name for header in Tape(io.BytesIO(whole + more)).iterate_members()]
        assert len(names) == 256 + bool(more)


def test_block_that_is_no_header() -> None:
    """A block of anything but zeros in a header's place is damage, not the end."""
    with pytest.raises(DamagedArchive, match=NO_HEADER):
        members(member(b"0"), b"X" * 512)


@pytest.mark.parametrize("keep", [1, 511, 513, 1023])
def test_archive_that_is_cut_off(keep: int) -> None:
    """An archive that ends within a header, or within a member's data, is cut off."""
    with pytest.raises(EOFError, match=CUT_OFF):
        list(Tape(io.BytesIO(member(b"0", "a", b"d" * 512)[:keep])).iterate_members())


@pytest.mark.parametrize("padding", [b"", b"\0", b"\0rest\0"])
def test_long_names_of_gnu(padding: bytes) -> None:
    """A long name and a long target end at a zero byte or with the data; bytes outside UTF-8 are kept as surrogates."""
    name, target = b"n" * 600 + b"\xff", b"t" * 511 + b"\xfe"
    found = members(
        member(LONG_NAME, data=name + padding),
        member(LONG_LINK, data=target + padding),
        member(b"2"),
        member(b"0", "b"),
    )
    assert [(header.name, header.target) for header in found] == [
        ("n" * 600 + "\udcff", "t" * 511 + "\udcfe"),
        ("b", ""),
    ]


@pytest.mark.parametrize("type_", [PAX, PAX_OF_SOLARIS])
def test_extended_headers(type_: bytes) -> None:
    """Several extended headers add up, the later ones count, and they hold for one member alone."""
    found = members(
        member(type_, data=record("path", "first") + record("uid", "7")),
        member(type_, data=record("path", "second")),
        member(b"0", "a"),
        member(b"0", "b"),
    )
    assert [(header.name, header.uid) for header in found] == [("second", 7), ("b", 0)]


def test_global_headers() -> None:
    """They hold for all members behind them, add up, and yield to what a member's own header says, before or behind."""
    found = members(
        member(b"0", "a"),
        member(GLOBAL, data=record("uid", "11") + record("gid", "12")),
        member(b"0", "b"),
        member(PAX, data=record("uid", "21")),
        member(GLOBAL, data=record("uid", "31") + record("mtime", "32")),
        member(b"0", "c"),
        member(b"0", "d"),
    )
    assert [(header.name, header.uid, header.gid, header.mtime) for header in found] == [
        ("a", 0, 0, 0),
        ("b", 11, 12, 0),
        ("c", 21, 12, 32),
        ("d", 31, 12, 32),
    ]


def test_name_of_old() -> None:
    """The slash that marked a directory before ustar counts at the end of a long name, too."""
    found = members(member(LONG_NAME, data=b"n" * 200 + b"/\0"), member(b"\0", "n"), member(b"\0", "f"))
    assert [header.kind for header in found] == [DIRECTORY, FILE]


@pytest.mark.parametrize(
    ("most", "parts"),
    [
        (512, [member(b"0", "a", b"d" * 2000)]),
        (2 * 512 + 10, [member(PAX, data=record("uid", "77")), member(b"0")]),
        (2 * 512 + 10, [member(PAX_OF_SOLARIS, data=record("uid", "77")), member(b"0")]),
        (2 * 512 + 10, [member(GLOBAL, data=record("uid", "77")), member(b"0")]),
        (2 * 512 + 200, [member(LONG_NAME, data=b"n" * 200), member(b"0")]),
        (3 * 512 + 500, [member(LONG_LINK, data=b"n" * 200), member(LONG_NAME, data=b"n" * 300), member(b"2")]),
    ],
)
def test_length_of_headers(monkeypatch: pytest.MonkeyPatch, most: int, parts: list[bytes]) -> None:
    """A member's headers, with their data, may be as long as the limit and no longer; its own data do not count."""
    monkeypatch.setattr(reader, "MAX_HEADER_BYTES", most)
    assert len(members(*parts, *parts)) == 2
    monkeypatch.setattr(reader, "MAX_HEADER_BYTES", most - 1)
    with pytest.raises(DamagedArchive, match=TOO_LONG):
        members(*parts)


def test_long_header_is_not_read() -> None:
    """A header that states more data than the limit is refused before they are read."""
    with pytest.raises(DamagedArchive, match=TOO_LONG):
        members(member(LONG_NAME, size=2**20))


@pytest.mark.parametrize(
    ("records", "type_", "segments", "size"),
    [
        ([("GNU.sparse.map", "5,4"), ("GNU.sparse.size", "30")], b"0", ((5, 4),), 30),
        ([("GNU.sparse.map", "0,4")], b"0", ((0, 4),), 4),
        ([("GNU.sparse.offset", "5"), ("GNU.sparse.numbytes", "4")], b"0", ((5, 4),), 4),
        ([("GNU.sparse.major", "1"), ("GNU.sparse.realsize", "40")], b"0", None, 40),
        ([("GNU.sparse.major", "1")], b"0", None, 4),
        ([("GNU.sparse.realsize", "40")], b"0", None, 40),
        ([("GNU.sparse.size", "40")], b"0", None, 40),
        ([("GNU.sparse.map", "0,4")], b"Z", ((0, 4),), 0),
        ([("GNU.sparse.major", "1")], b"Z", None, 0),
    ],
)
def test_sparse_file_of_pax(
    records: list[tuple[str, str]],
    type_: bytes,
    segments: tuple[tuple[int, int], ...] | None,
    size: int,
) -> None:
    """Its header has the map, or says that the map is in front of the data; nothing but a file is sparse."""
    data = b"".join(record(*each) for each in records)
    (header,) = members(member(PAX, data=data), member(type_, data=b"data"))
    assert (header.segments, header.size, header.stored) == (segments, size, 4)
    assert header.is_sparse == (type_ == b"0")


def test_sparse_file_of_gnu() -> None:
    """Its map begins in its header and goes on in blocks before the data."""
    block = bytearray(member(b"S", "disk", size=4))
    block[386:410] = b"%011o\0%011o\0" % (100, 1)
    block[482:483] = b"\1"
    block[483:495] = b"%011o\0" % 1000
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    further = (b"%011o\0%011o\0" % (996, 3)).ljust(512, b"\0")
    tape = Tape(io.BytesIO(bytes(block) + further + b"abcd".ljust(512, b"\0") + member(b"0", "next") + bytes(1024)))
    disk, after = tape.iterate_members()
    assert (disk.name, disk.size, disk.stored) == ("disk", 1000, 4)
    assert (disk.segments, disk.is_sparse) == (((100, 1), (996, 3)), True)
    assert (after.name, after.segments, after.is_sparse) == ("next", None, False)


def test_part() -> None:
    """A part shows its first block before it is read, and ends where the member does."""
    tape = Tape(io.BytesIO(LONG))
    part = Part(tape, 700)
    assert part.head == LONG[:512]
    assert tape.position == 512
    assert [part.read(count) for count in (500, 100, 90, 100, 1)] == [
        LONG[:500],
        LONG[500:600],
        LONG[600:690],
        LONG[690:700],
        b"",
    ]
    assert tape.position == 700


def test_small_part() -> None:
    """A part of less than a block leaves the tape behind its last byte."""
    tape = Tape(io.BytesIO(LONG))
    part = Part(tape, 3)
    assert (part.head, part.read(9), part.read(9), tape.position) == (LONG[:3], LONG[:3], b"", 3)
