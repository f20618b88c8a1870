"""Tar headers, held against `tarfile` and GNU tar, which wrote them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.image.layer import DIRECTORY, FILE, HARD_LINK, OTHER, SYMBOLIC_LINK
from weighbridge.sources.tar.headers import (
    DamagedArchive,
    Header,
    apply_records,
    decode,
    is_header,
    is_tar,
    iterate_pax_records,
    parse_number,
    parse_pax_records,
    settle_kind,
)
from weighbridge.sources.tar.reader import Tape

KINDS = {
    tarfile.REGTYPE: FILE,
    tarfile.AREGTYPE: FILE,
    tarfile.CONTTYPE: FILE,
    tarfile.LNKTYPE: HARD_LINK,
    tarfile.SYMTYPE: SYMBOLIC_LINK,
    tarfile.DIRTYPE: DIRECTORY,
    tarfile.FIFOTYPE: OTHER,
    tarfile.CHRTYPE: OTHER,
    b"Z": OTHER,
}
FORMS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
PLACES = {
    "name": 0,
    "mode": 100,
    "uid": 108,
    "gid": 116,
    "size": 124,
    "mtime": 136,
    "checksum": 148,
    "type": 156,
    "target": 157,
    "magic": 257,
    "prefix": 345,
    "whole_size": 483,
    "behind": 500,
}
"""Where the fields of a header begin, in bytes: POSIX has all but the whole size of a sparse file, which is GNU's."""
HEADER_DAMAGED = "^a header is damaged$"
RECORDS_DAMAGED = "^an extended header is damaged$"
NEGATIVE = "^a size is negative$"
TOO_LARGE = "^a size is impossibly large$"
NEGATIVE_OR_TOO_LARGE = "^a size is negative or impossibly large$"
NO_TIME = "^a time is not a number$"
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=300)
NAMES = TEXT.map(lambda text: text.strip("/")).filter(bool)


def block_of(**fields: bytes) -> bytes:
    """Return a header whose fields have these bytes, with the sum of all its bytes unless it has another checksum."""
    block = bytearray(512)
    for name, value in fields.items():
        block[PLACES[name] : PLACES[name] + len(value)] = value
    if "checksum" not in fields:
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def large(number: int) -> bytes:
    """Return a number in twelve bytes to the base of 256, the highest bit set as a mark."""
    return (number % 2**95 | 2**95).to_bytes(12, "big")


def test_fields_without_an_end() -> None:
    """Every field may fill its place, and ends where the next one begins."""
    block = block_of(
        name=b"m" + b"n" * 99,
        mode=b"12345670",
        uid=b"23456701",
        gid=b"34567012",
        size=b"456701234567",
        mtime=b"567012345670",
        type=b"2",
        target=b"s" + b"t" * 99,
        magic=b"ustar\x0000",
        prefix=b"o" + b"p" * 154,
        behind=b"q" * 12,
    )
    assert decode(block) == Header(
        name="o" + "p" * 154 + "/m" + "n" * 99,
        type=b"2",
        kind=SYMBOLIC_LINK,
        size=0,
        stored=0,
        target="s" + "t" * 99,
        mode=0o12345670,
        uid=0o23456701,
        gid=0o34567012,
        mtime=0o567012345670,
    )


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"magic": b"ustar\x0000", "prefix": b"p"}, "p/n"),
        ({"magic": b"ustar\x0000", "prefix": b"\0p"}, "n"),
        ({"magic": b"ustar  \0", "prefix": b"p"}, "n"),
        ({"magic": b"USTAR\x0000", "prefix": b"p"}, "n"),
        ({"prefix": b"p"}, "n"),
        ({"magic": b"ustar\x0000", "prefix": b"p\xff\0q"}, "p\udcff/n"),
    ],
)
def test_prefix_of_a_name(fields: dict[str, bytes], name: str) -> None:
    """Only ustar has a prefix; GNU has times in its place, and old tar nothing."""
    assert decode(block_of(name=b"n\0rest\0", type=b"0", **fields)).name == name


@pytest.mark.parametrize(
    ("flag", "kind", "size", "stored"),
    [
        (b"0", FILE, 5, 5),
        (b"\0", FILE, 5, 5),
        (b"7", FILE, 5, 5),
        (b"S", FILE, 9, 5),
        (b"1", HARD_LINK, 0, 0),
        (b"2", SYMBOLIC_LINK, 0, 0),
        (b"3", OTHER, 0, 0),
        (b"4", OTHER, 0, 0),
        (b"5", DIRECTORY, 0, 0),
        (b"6", OTHER, 0, 0),
        (b"x", OTHER, 0, 5),
        (b"Z", OTHER, 0, 5),
    ],
)
def test_size_of_each_kind(flag: bytes, kind: int, size: int, stored: int) -> None:
    """Only files have a size, and a sparse one has two; links, devices and folders have no data; links have targets."""
    header = decode(block_of(size=b"5", type=flag, target=b"t", whole_size=b"000000000011" + b"7"))
    assert (header.type, header.kind, header.size, header.stored) == (flag, kind, size, stored)
    assert header.target == ("t" if kind in (HARD_LINK, SYMBOLIC_LINK) else "")


@pytest.mark.parametrize(
    ("size", "whole", "words"),
    [
        (0, 0, ""),
        (2**63 - 1, 2**63 - 1, ""),
        (2**63, 0, TOO_LARGE),
        (0, 2**63, TOO_LARGE),
        (-1, 2**63, NEGATIVE),
        (2**63, -1, NEGATIVE),
    ],
)
def test_sizes_at_their_limits(size: int, whole: int, words: str) -> None:
    """A file has as many bytes as Linux can count, or none; both sizes of a sparse file are checked."""
    block = block_of(size=large(size), whole_size=large(whole), type=b"S")
    if not words:
        assert (decode(block).stored, decode(block).size) == (size, whole)
        return
    with pytest.raises(DamagedArchive, match=words):
        decode(block)


@pytest.mark.parametrize("name", ["mode", "uid", "gid", "size", "mtime", "whole_size", "checksum"])
def test_fields_that_are_no_number(name: str) -> None:
    """A text in place of any number is damage."""
    with pytest.raises(DamagedArchive, match=HEADER_DAMAGED):
        decode(block_of(type=b"S", **{name: b"x"}))


def test_name_that_is_no_text() -> None:
    """Bytes outside UTF-8 become surrogates, from which the bytes come back."""
    header = decode(block_of(name=b"a\xff\0b\0", type=b"1", target=b"c\xfe\0d\0"))
    assert (header.name, header.target) == ("a\udcff", "c\udcfe")


@pytest.mark.parametrize(
    ("checksum", "is_one"),
    [
        (2 * 0xFF + ord("a") + 256, True),
        (2 * 0xFF + ord("a"), False),
        (2 * 0xFF + ord("a") + 256 + 1, False),
        (ord("a") + 256 - 2, True),
        (ord("a") + 256 - 1, False),
        (ord("a") + 256 - 2 - 256, False),
    ],
)
@pytest.mark.parametrize(
    "write", [lambda number: b"%06o\0 " % number, lambda number: large(number)[:1] + large(number)[5:]]
)
def test_checksum(checksum: int, is_one: bool, write: Callable[[int], bytes]) -> None:  # noqa: FBT001
    """The sum counts bytes from 0 to 255, or in old programs from -128 to 127, and its own place as eight blanks."""
    block = block_of(name=b"a\xff\xff", checksum=write(checksum))
    assert is_header(block) == is_one
    assert is_tar(block) == is_one


@pytest.mark.parametrize("letter", [b"a", b"\x7f", b"\x80", b"\xff"])
@pytest.mark.parametrize("off", [0, 1, -1, 256, 65521, -65521])
def test_checksum_of_a_full_block(letter: bytes, off: int) -> None:
    """The sum is compared as a whole, however large it is."""
    block = block_of(name=letter * 148, type=letter * 356)
    total = 504 * letter[0] + 8 * ord(" ")
    assert is_header(block)
    if total + off >= 0:
        assert is_header(block[:148] + b"%06o\0 " % (total + off) + block[156:]) == (off == 0)


def test_checksum_that_is_no_number() -> None:
    """A block without a number in the checksum's place is no header."""
    assert not is_header(block_of(checksum=b"x"))


@st.composite
def members(draw: st.DrawFn) -> tuple[tarfile.TarInfo, bytes]:
    """Return a member of any kind, with its data."""
    info = tarfile.TarInfo(draw(NAMES))
    info.type = draw(st.sampled_from(sorted(KINDS)))
    data = draw(st.binary(max_size=700)) if KINDS[info.type] in (FILE, OTHER) and info.type not in b"36" else b""
    info.size = len(data)
    info.linkname = draw(NAMES) if KINDS[info.type] in (HARD_LINK, SYMBOLIC_LINK) else ""
    info.mode = draw(st.integers(0, 0o7777))
    info.uid, info.gid = draw(st.integers(0, 2**40)), draw(st.integers(0, 2**40))
    info.mtime = draw(st.integers(-(2**30), 2**40))
    return info, data


def written(form: int, entries: list[tuple[tarfile.TarInfo, bytes]]) -> tuple[bytes, list[tarfile.TarInfo]]:
    """Return an archive, and those of the members that its form can hold."""
    buffer, held = io.BytesIO(), []
    with tarfile.open(fileobj=buffer, mode="w", format=form, encoding="utf-8") as archive:
        for info, data in entries:
            try:
                archive.addfile(info, io.BytesIO(data))
            except ValueError:  # ustar has no room for it
                continue
            held.append(info)
    return buffer.getvalue(), held


def told(header: Header) -> dict[str, Any]:
    """Return a header's fields by `tarfile`'s names."""
    return {
        "name": header.name.rstrip("/"),
        "kind": header.kind,
        "size": header.stored,
        "linkname": header.target,
        "mode": header.mode,
        "uid": header.uid,
        "gid": header.gid,
        "mtime": int(header.mtime),
    }


@pytest.mark.parametrize(
    ("data", "records"),
    [
        (b"", []),
        (b"6 a=b\n", [("a", "b")]),
        (b"5 a=\n", [("a", "")]),
        (b"4 =\n", [("", "")]),
        (b"8 a=b=c\n", [("a", "b=c")]),
        (b"8 a=b\nc\n", [("a", "b\nc")]),
        (b"8 a=b c\n", [("a", "b c")]),
        (b"6 a=b\n9 uid=77\n6 a=c\n", [("a", "b"), ("uid", "77"), ("a", "c")]),
        (b"6 a=b\n\0\x006 a=c\n", [("a", "b")]),
        (b"\x006 a=b\n", []),
        (b"0000000000000000024 a=b\n", [("a", "b")]),
        (b"8 a\xff=b\xfe\n", [("a\udcff", "b\udcfe")]),
    ],
)
def test_records(data: bytes, records: list[tuple[str, str]]) -> None:
    """Records go on to the end or a zero byte; the length of each counts all its bytes and has up to 19 digits."""
    assert list(iterate_pax_records(data)) == records
    assert parse_pax_records(data) == dict(records)


@pytest.mark.parametrize(
    "data",
    [
        b"5 a=b\n",
        b"7 a=b\n",
        b"7 a=b\n\0",
        b"6 a=b",
        b"6 a=bc",
        b"6 a-b\n",
        b"5 ab\n",
        b"1 a=b\n",
        b"2 a=b\n",
        b"3 a=b\n",
        b"0 a=b\n",
        b"-1 a=b\n",
        b"-2 a=b\n\n\n",
        b" a=b\n",
        b"x a=b\n",
        b"6",
        b"6a=b\n",
        b"6 a=b\n2\n\n",
        b"00000000000000000025 a=b\n",
    ],
)
def test_damaged_records(data: bytes) -> None:
    """A record whose length is another, or that has no equals sign or no end, is damage."""
    with pytest.raises(DamagedArchive, match=RECORDS_DAMAGED):
        parse_pax_records(data)


FILE_HEADER = Header("n", b"0", FILE, 5, 5, "", 0o644, 1, 2, 3)
SPARSE_HEADER = FILE_HEADER._replace(type=b"S", size=9)
LINK_HEADER = Header("n", b"2", SYMBOLIC_LINK, 0, 0, "t", 0o777, 1, 2, 3)
UNKNOWN_HEADER = Header("n", b"Z", OTHER, 0, 5, "", 0o644, 1, 2, 3)


@pytest.mark.parametrize(
    ("header", "records", "expected"),
    [
        (FILE_HEADER, {}, FILE_HEADER),
        (FILE_HEADER, {"path": "p"}, FILE_HEADER._replace(name="p")),
        (FILE_HEADER, {"path": "p", "GNU.sparse.name": "q"}, FILE_HEADER._replace(name="q")),
        (FILE_HEADER, {"path": "", "GNU.sparse.name": ""}, FILE_HEADER),
        (FILE_HEADER, {"linkpath": "u"}, FILE_HEADER),
        (LINK_HEADER, {"linkpath": "u"}, LINK_HEADER._replace(target="u")),
        (
            LINK_HEADER._replace(type=b"1", kind=HARD_LINK),
            {"linkpath": ""},
            LINK_HEADER._replace(type=b"1", kind=HARD_LINK),
        ),
        (FILE_HEADER, {"uid": "7", "gid": "8"}, FILE_HEADER._replace(uid=7, gid=8)),
        (FILE_HEADER, {"uid": "", "gid": "", "mtime": ""}, FILE_HEADER),
        (FILE_HEADER, {"mtime": "-1.5"}, FILE_HEADER._replace(mtime=-1.5)),
        (FILE_HEADER, {"size": "6"}, FILE_HEADER._replace(size=6, stored=6)),
        (FILE_HEADER._replace(size=0, stored=0), {"size": "6"}, FILE_HEADER._replace(size=6, stored=6)),
        (FILE_HEADER, {"size": "0"}, FILE_HEADER._replace(size=0, stored=0)),
        (FILE_HEADER, {"size": f"{2**63 - 1}"}, FILE_HEADER._replace(size=2**63 - 1, stored=2**63 - 1)),
        (LINK_HEADER, {"size": "6"}, LINK_HEADER),
        (UNKNOWN_HEADER, {"size": "6"}, UNKNOWN_HEADER._replace(stored=6)),
        (SPARSE_HEADER, {"size": "6"}, SPARSE_HEADER._replace(stored=6)),
        (FILE_HEADER, {"GNU.sparse.realsize": "40"}, FILE_HEADER._replace(size=40)),
        (FILE_HEADER, {"GNU.sparse.size": "40", "size": "6"}, FILE_HEADER._replace(size=40, stored=6)),
        (FILE_HEADER, {"GNU.sparse.size": "41", "GNU.sparse.realsize": "40"}, FILE_HEADER._replace(size=40)),
        (FILE_HEADER, {"GNU.sparse.size": "", "GNU.sparse.realsize": ""}, FILE_HEADER),
        (FILE_HEADER, {"GNU.sparse.size": f"{2**63 - 1}"}, FILE_HEADER._replace(size=2**63 - 1)),
        (FILE_HEADER, {"GNU.sparse.size": "0"}, FILE_HEADER._replace(size=0)),
        (UNKNOWN_HEADER, {"GNU.sparse.size": "40"}, UNKNOWN_HEADER),
    ],
)
def test_values_of_records(header: Header, records: dict[str, str], expected: Header) -> None:
    """A record's value replaces the header's own where the member's kind has such a value; an empty one does not."""
    assert apply_records(header, records) == expected


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ({"size": ""}, RECORDS_DAMAGED),
        ({"size": "x"}, RECORDS_DAMAGED),
        ({"uid": "x"}, RECORDS_DAMAGED),
        ({"gid": "1.5"}, RECORDS_DAMAGED),
        ({"mtime": "x"}, RECORDS_DAMAGED),
        ({"GNU.sparse.size": "x"}, RECORDS_DAMAGED),
        ({"mtime": "inf"}, NO_TIME),
        ({"mtime": "nan"}, NO_TIME),
        ({"mtime": "1e999"}, NO_TIME),
        ({"size": "-1"}, NEGATIVE_OR_TOO_LARGE),
        ({"size": f"{2**63}"}, NEGATIVE_OR_TOO_LARGE),
        ({"GNU.sparse.size": "-1"}, NEGATIVE_OR_TOO_LARGE),
        ({"GNU.sparse.size": f"{2**63}"}, NEGATIVE_OR_TOO_LARGE),
        ({"size": "-1", "GNU.sparse.size": "5"}, NEGATIVE_OR_TOO_LARGE),
    ],
)
def test_values_that_no_member_has(records: dict[str, str], words: str) -> None:
    """A text in place of a number, a time without an end or an impossible size is damage."""
    with pytest.raises(DamagedArchive, match=words):
        apply_records(FILE_HEADER, records)


@pytest.mark.parametrize(
    ("header", "kind", "size"),
    [
        (FILE_HEADER._replace(type=b"\0", name="d/"), DIRECTORY, 0),
        (FILE_HEADER._replace(type=b"\0", name="d"), FILE, 5),
        (FILE_HEADER._replace(type=b"0", name="d/"), FILE, 5),
    ],
)
def test_slash_that_marks_a_directory(header: Header, kind: int, size: int) -> None:
    """A slash at the end makes a directory of a member of old, and of no other."""
    assert settle_kind(header) == header._replace(kind=kind, size=size)


@pytest.mark.parametrize(
    ("head", "is_one"),
    [
        (block_of(name=b"{"), True),
        (block_of(name=b"{") + b"x", True),
        (block_of(name=b"{")[:511], False),
        (bytes(512), True),
        (bytes(512) + b"x", True),
        (bytes(511), False),
        (b"", False),
        (b" " * 512, False),
        (b"X" * 512, False),
    ],
)
def test_is_tar(head: bytes, is_one: bool) -> None:  # noqa: FBT001
    """A whole first block tells: a header by its checksum, or zeros, which end an archive without members."""
    assert is_tar(head) == is_one


@given(st.sampled_from(FORMS), st.lists(members(), max_size=4))
def test_headers_are_those_that_tarfile_wrote(form: int, entries: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    """Names of any length and alphabet, numbers beyond octal and times before 1970 come back as they were."""
    data, held = written(form, entries)
    found = [told(header) for header in Tape(io.BytesIO(data)).iterate_members()]
    assert found == [
        {
            "name": info.name.rstrip("/"),
            "kind": KINDS[info.type],
            "size": info.size,
            "linkname": info.linkname,
            "mode": info.mode,
            "uid": info.uid,
            "gid": info.gid,
            "mtime": info.mtime,
        }
        for info in held
    ]


@given(st.binary(min_size=512, max_size=512))
def test_any_block_is_a_header_or_damaged(block: bytes) -> None:
    """No block of bytes raises anything else."""
    try:
        header = decode(block)
    except DamagedArchive:
        return
    assert header.stored >= 0


@given(st.binary(max_size=200))
def test_any_extended_header_is_one_or_damaged(data: bytes) -> None:
    """No bytes raise anything else, and what is read has a name."""
    try:
        records = parse_pax_records(data)
    except DamagedArchive:
        return
    assert all(isinstance(value, str) for value in records.values())


@given(st.dictionaries(TEXT.filter(lambda text: "=" not in text), st.text(max_size=50), max_size=4))
def test_extended_header_comes_back(records: dict[str, str]) -> None:
    """What POSIX says how to write is read as it was."""
    data = b""
    for key, value in records.items():
        rest = f" {key}={value}\n".encode()
        length = len(rest)
        while length != len(str(length)) + len(rest):
            length = len(str(length)) + len(rest)
        data += str(length).encode() + rest
    assert parse_pax_records(data) == records


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"0000644\0", 0o644),
        (b"  644 \0\0", 0o644),
        (b"\0" * 8, 0),
        (b"        ", 0),
        (b"\x80" + b"\0" * 6 + b"\x07", 7),
        (b"\xff" * 8, -1),
        (b"\xc0" + b"\0" * 7, -(2**62)),
        (b"\x81" + b"\0" * 7, 2**56),
        (b"\xbf" + b"\xff" * 7, 2**62 - 1),
        (b"12345670", 0o12345670),
        (b"644\0007\0\0\0", 0o644),
        (b" \0x\0    ", 0),
    ],
)
def test_numbers(field: bytes, value: int) -> None:
    """Octal with any padding, and base-256 of either sign, its second highest bit being the sign."""
    assert parse_number(field) == value


@pytest.mark.parametrize(
    "field", [b"9999999\0", b"x\0\0\0\0\0\0\0", b"6 4\0\0\0\0\0", b"\x01\0\0\0\0\0\0\0", b"XX\0XX   "]
)
def test_what_is_no_number(field: bytes) -> None:
    """Other text is damage."""
    with pytest.raises(DamagedArchive, match=HEADER_DAMAGED):
        parse_number(field)


def test_signed_checksum() -> None:
    """Some old programs summed signed bytes; both sums are taken."""
    block = bytearray(tarfile.TarInfo("é" * 3).tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")[:512])
    signed = sum(byte - 256 if byte > 127 else byte for byte in [*block[:148], *b" " * 8, *block[156:]])
    block[148:156] = b"%06o\0 " % signed
    assert decode(bytes(block)).name == "ééé"


def test_directory_of_old() -> None:
    """Before ustar a slash at a name's end was all that told a directory, also at the end of a long one."""
    infos = []
    for name in ("d/", "l" * 98 + "/x"):
        info = tarfile.TarInfo(name)
        info.type = tarfile.AREGTYPE
        infos.append((info, b""))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for info, _ in infos:
            archive.fileobj.write(info.tobuf(tarfile.GNU_FORMAT))
    kinds = [header.kind for header in Tape(io.BytesIO(buffer.getvalue())).iterate_members()]
    assert kinds == [DIRECTORY, FILE]


def test_global_header_holds_for_all_that_follow() -> None:
    """What it says counts until a member's own header says otherwise."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"uid": "7"}) as archive:
        for name, own in (("a", {}), ("b", {"uid": "9"})):
            info = tarfile.TarInfo(name)
            info.pax_headers = own
            archive.addfile(info)
    assert [header.uid for header in Tape(io.BytesIO(buffer.getvalue())).iterate_members()] == [7, 9]
