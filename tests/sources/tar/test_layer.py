"""What one layer's archive holds, by the rules of the OCI image layer specification."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import pytest
import xxhash

from tests.support.go_programs import restored
from tests.support.images import Entry, tar_of
from weighbridge.image.layer import LayerContent
from weighbridge.image.packages.go import MARK
from weighbridge.sources.tar.headers import DamagedArchive, Header, is_tar
from weighbridge.sources.tar.layer import read_layer
from weighbridge.sources.tar.reader import MAX_HEADER_BYTES, Part, Tape


def read(data: bytes) -> LayerContent:
    """Read a layer and hold its digest against the bytes."""
    part = Part(Tape(io.BytesIO(data)), len(data))
    layer = read_layer(part, part.head)
    assert layer.diff_id == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert layer.blob is None
    return layer.content


def figures(content: LayerContent) -> tuple[int, int]:
    """Return what a layer ships, and how many files."""
    return content.shipped_bytes, content.file_count


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_files_count_and_nothing_else(form: int) -> None:
    """Directories, links and whiteouts add nothing; a hard link's bytes are those of its target."""
    entries = [
        Entry("d/", type=tarfile.DIRTYPE),
        Entry("d/a", b"12345"),
        Entry("d/b", type=tarfile.LNKTYPE, target="d/a"),
        Entry("d/c", type=tarfile.SYMTYPE, target="a"),
        Entry("d/.wh.gone"),
        Entry("d/.wh..wh..opq"),
        Entry("d/x.wh.y", b"67"),
        Entry("d/empty"),
        Entry("p/" * 60 + "long", b"8" * 513),
    ]
    assert figures(read(tar_of(entries, form))) == (5 + 2 + 513, 4)


def test_layer_without_members() -> None:
    """The two blocks of zeros that engines write for an empty layer weigh nothing."""
    assert figures(read(bytes(1024))) == (0, 0)


def test_padding_belongs_to_the_digest() -> None:
    """What follows the end mark is hashed too, or the diff ID would be another."""
    data = tar_of([Entry("a", b"1")])
    assert figures(read(data + bytes(10240))) == figures(read(data))


def test_last_block_may_be_short() -> None:
    """Umoci ends an archive with the last file's last byte; one byte less is damage, whether it is read or not."""
    whole = tar_of([Entry("a", b"1" * 513), Entry("b", b"2" * 700)], tarfile.GNU_FORMAT)
    end = 512 + 1024 + 512 + 700
    for cut in (end, end + 1, end + 323, end + 324):
        assert figures(read(whole[:cut])) == (1213, 2)
    with pytest.raises(EOFError):
        read(whole[: end - 1])
    with pytest.raises(EOFError):
        list(Tape(io.BytesIO(whole[: end - 1])).iterate_members())


@pytest.mark.parametrize(
    "options", ["--format=gnu", "--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0"]
)
def test_sparse_file_has_its_real_size(options: str, tmp_path: Path) -> None:
    """All four ways in which GNU tar writes holes give the size that the file has when unpacked."""
    with (tmp_path / "holes").open("wb") as file:
        for at in range(0, 40 * 65536, 65536):
            file.seek(at)
            file.write(b"x" * 4096)
        file.truncate(10_000_000)
    (tmp_path / "after").write_bytes(b"123")
    command = ["tar", "--create", "--sparse", options, "--directory", str(tmp_path), "holes", "after"]
    if "version" in options:
        command.insert(1, "--format=posix")
    data = subprocess.run(command, check=True, capture_output=True).stdout
    assert len(data) < 1_000_000
    assert figures(read(data)) == (10_000_003, 2)


def test_name_that_is_no_text() -> None:
    """File names are bytes; those outside UTF-8 count like others."""
    data = bytearray(tar_of([Entry("abc", b"1")], tarfile.GNU_FORMAT))
    data[0:3], data[148:156] = b"\xff\xfe\x80", b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    assert figures(read(bytes(data))) == (1, 1)


def test_damaged_header_in_the_middle_is_no_end() -> None:
    """`tarfile` takes a damaged header for the end of the archive, which would make the layer look lighter."""
    data = bytearray(tar_of([Entry("a"), Entry("b", b"1")]))
    data[512] ^= 1
    with pytest.raises(DamagedArchive, match="a header is damaged"):
        read(bytes(data))


def header(**fields: int | bytes) -> bytes:
    """Return a header with these fields, which need not make sense."""
    info = tarfile.TarInfo("x")
    for name, value in fields.items():
        setattr(info, name, value)
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (header(size=-1) + bytes(1024), "a size is negative"),
        (header(size=-4096) + bytes(1024), "negative|backwards"),
        (header(size=2**62) + bytes(1024), "unexpected end of data"),
        (header(type=tarfile.XHDTYPE, size=2**40) + bytes(1024), "a header is too long"),
        (header(type=tarfile.GNUTYPE_LONGNAME, size=MAX_HEADER_BYTES) + bytes(1024), "a header is too long"),
    ],
)
def test_hostile_header(data: bytes, message: str) -> None:
    """A size that is negative, beyond the end, or meant to fill the memory is an error at once."""
    with pytest.raises((DamagedArchive, EOFError), match=message):
        read(data)


def test_headers_upon_headers() -> None:
    """Extended headers without end count as one header that is too long."""
    with pytest.raises(DamagedArchive, match="a header is too long"):
        read(header(type=tarfile.XHDTYPE, size=0) * 5000)


def test_is_tar() -> None:
    """A tar archive is known by its checksum, with or without members, and nothing else is one."""
    assert is_tar(tar_of([Entry("{", b"1")])[:512])
    assert is_tar(bytes(512))
    assert not is_tar(bytes(511))
    assert not is_tar(b"{" + bytes(511))


class Heads:
    """A watch that wants to see the first bytes of every file."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.seen = wanted, list[bytes]()

    def see(self, _index: int, _path: str, _header: Header, /) -> int:
        """Want so many bytes."""
        return self.wanted

    def look(self, data: bytes, /) -> None:
        """Remember them."""
        self.seen.append(data)


def test_go_programs() -> None:
    """A layer keeps a Go program's module information, and nothing of other large files or small ones."""
    program, told = restored("new-plain")
    content = read(
        tar_of(
            [
                Entry("usr/bin/other", b"\x7fELF" + bytes(2**18)),
                Entry("usr/bin/greet", program),
                Entry("usr/bin/again", type=tarfile.LNKTYPE, target="usr/bin/greet"),
                Entry("usr/share/greet", program[:4096]),
            ]
        )
    )
    assert content.documents.keys() == {1}
    assert content.documents[1].startswith(MARK)
    assert told[0].encode() in content.documents[1]
    assert content.digests[1] == xxhash.xxh3_64_intdigest(program)


@pytest.mark.parametrize("wanted", [20, 4096, 2**18, 2**24])
def test_watched_go_programs(wanted: int) -> None:
    """A watch sees as much of a program as it wants, and the layer is the same as without it."""
    program, _ = restored("old-plain")
    data = tar_of([Entry("usr/bin/greet", program), Entry("small", b"12345")])
    watch = Heads(wanted)
    layer = read_layer(io.BytesIO(data), data[:512], watch=watch)
    assert layer.content == read(data)
    assert layer.content.documents
    assert watch.seen == [program[:wanted], b"12345"[:wanted]]
