"""Tar headers, held against `tarfile` and GNU tar, which wrote them."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.image.layer import DIRECTORY, FILE, HARD_LINK, OTHER, SYMBOLIC_LINK
from weighbridge.sources.tar.headers import DamagedArchive, Header, decode, parse_number, parse_pax_records
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
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=300)
NAMES = TEXT.map(lambda text: text.strip("/")).filter(bool)


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
    ],
)
def test_numbers(field: bytes, value: int) -> None:
    """Octal with any padding, and base-256 of either sign, its second highest bit being the sign."""
    assert parse_number(field) == value


@pytest.mark.parametrize("field", [b"9999999\0", b"x\0\0\0\0\0\0\0", b"6 4\0\0\0\0\0"])
def test_what_is_no_number(field: bytes) -> None:
    """Other text is damage."""
    with pytest.raises(DamagedArchive):
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


@pytest.mark.parametrize(
    "records", [{"mtime": "inf"}, {"mtime": "nan"}, {"mtime": "1e999"}, {"size": "-1"}, {"uid": "x"}]
)
def test_values_that_no_member_has(records: dict[str, str]) -> None:
    """A time without an end is damage, as is any other impossible value of an extended header."""
    info = tarfile.TarInfo("a")
    info.pax_headers = records
    data = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    with pytest.raises(DamagedArchive):
        list(Tape(io.BytesIO(data)).iterate_members())


@pytest.mark.parametrize("whole", [-1, 2**63, 2**90])
def test_sparse_file_of_an_impossible_size(whole: int) -> None:
    """The whole size of a sparse file, like any other, is neither negative nor larger than a file can be."""
    info = tarfile.TarInfo("a")
    info.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
    block[483:495] = (whole % 2**95).to_bytes(12, "big") if whole >= 0 else b"\xff" * 12
    block[483] |= 0x80
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    with pytest.raises(DamagedArchive):
        decode(bytes(block))
