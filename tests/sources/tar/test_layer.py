"""What one layer's archive holds, by the rules of the OCI image layer specification."""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import xxhash

from tests.support.go_programs import restored
from tests.support.images import Entry, tar_of
from weighbridge.errors import LimitExceeded, UnreadableImage
from weighbridge.image.content import Blob
from weighbridge.image.layer import DIRECTORY, FILE, HARD_LINK, OTHER, SYMBOLIC_LINK, Fingerprint, LayerContent
from weighbridge.image.packages.go import MARK
from weighbridge.model.limits import DEFAULT, Limits
from weighbridge.sources.budget import Budget
from weighbridge.sources.tar import layer
from weighbridge.sources.tar.headers import DamagedArchive, Header
from weighbridge.sources.tar.layer import normalise_path, read_layer, watch_layer
from weighbridge.sources.tar.reader import MAX_HEADER_BYTES, Part, Tape


class Sum:
    """Stands in for the estimate of packed bytes: returns the sum of all bytes."""

    def __init__(self, _get_packer: object) -> None:
        self._sum = 0

    def update(self, chunk: bytes) -> None:
        """Add a chunk's length."""
        self._sum += len(chunk)

    def estimate_bytes(self) -> int:
        """Return the sum."""
        return self._sum


@pytest.fixture(autouse=True)
def _no_packer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pack no samples: the process that does it would be shared by all that `invoke mutate` forks, and block them."""
    monkeypatch.setattr(layer, "Deflation", Sum)


class Heads:
    """A watch that wants to see the first bytes of every file."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.members, self.heads = list[tuple[int, str, str]](), list[bytes]()

    def see(self, index: int, path: str, header: Header, /) -> int:
        """Remember the member and want so many bytes if it is a file."""
        self.members.append((index, path, header.name))
        return self.wanted if header.size else 0

    def look(self, data: bytes, /) -> None:
        """Remember them."""
        self.heads.append(data)


class Recorded(Budget):
    """A budget that remembers what was spent chunk by chunk."""

    def __init__(self) -> None:
        super().__init__(DEFAULT, "It")
        self.chunks = list[tuple[int, int, int]]()

    def spend_chunk(self, size: int, entries: int = 0, document_bytes: int = 0) -> None:
        """Remember a chunk, and what was in memory."""
        self.chunks.append((size, entries, document_bytes))


def info(name: str, type_: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    """Return what `tarfile` knows of a member."""
    made = tarfile.TarInfo(name)
    made.type = type_
    for key, value in fields.items():
        setattr(made, key, value)
    return made


def packed(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Return an archive of members and their data."""
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for made, data in members:
            made.size = len(data)
            archive.addfile(made, io.BytesIO(data))
    return buffer.getvalue()


def read_watched(data: bytes) -> LayerContent:
    """Read a layer with a watch that wants to see little."""
    return read_layer(io.BytesIO(data), data[:512], watch=Heads(9)).content


def read(data: bytes) -> LayerContent:
    """Read a layer and hold its digest against the bytes."""
    part = Part(Tape(io.BytesIO(data)), len(data))
    found = read_layer(part, part.head)
    assert found.diff_id == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert found.blob is None
    return found.content


def figures(content: LayerContent) -> tuple[int, int]:
    """Return what a layer ships, and how many files."""
    return content.shipped_bytes, content.file_count


HASH_OF_5 = xxhash.xxh3_64_intdigest(b"12345")
ROWS: list[tuple[tarfile.TarInfo, bytes, tuple[bytes, int, int, int, bytes]]] = [
    (info("./", b"5", mode=0o755, uid=1, gid=2, mtime=3), b"", (b"", DIRECTORY, 0, 0, b"")),
    (info("./d/", b"5", mode=0o700, uid=4, gid=5, mtime=6), b"", (b"d", DIRECTORY, 0, 0, b"")),
    (info("d/a", mode=0o644, uid=2**19, gid=2**20 - 1, mtime=2**31), b"12345", (b"d/a", FILE, 5, HASH_OF_5, b"")),
    (info("d/empty", mode=0o4755), b"", (b"d/empty", FILE, 0, 0, b"")),
    (info("d/b", b"1", linkname="d/a", mode=0, mtime=9), b"", (b"d/b", HARD_LINK, 0, 0, b"d/a")),
    (info("\udcff", b"2", linkname="\udcfe"), b"", (b"\xff", SYMBOLIC_LINK, 0, 0, b"\xfe")),
    (info("e/f/pipe", b"6"), b"", (b"e/f/pipe", OTHER, 0, 0, b"")),
    (info("e/f/unknown", b"Z"), b"12345", (b"e/f/unknown", OTHER, 0, 0, b"")),
    (info("d/.wh.gone"), b"12345", (b"d/.wh.gone", FILE, 5, HASH_OF_5, b"")),
    (info("/"), b"12345", (b"", OTHER, 0, HASH_OF_5, b"")),
]
"""Members, their data, and what a layer keeps of each: path, kind, size, digest and target."""


def test_columns() -> None:
    """Each member is a row; paths and targets are kept as bytes, whatever they are."""
    content = read(packed(*((made, data) for made, data, _ in ROWS)))
    rows = [row for _, _, row in ROWS]
    assert content.paths == b"".join(row[0] + b"\0" for row in rows)
    assert list(content.kinds) == [row[1] for row in rows]
    assert list(content.sizes) == [row[2] for row in rows]
    assert list(content.digests) == [row[3] for row in rows]
    assert (content.sizes.typecode, content.digests.typecode) == ("q", "Q")
    assert content.targets == {4: "d/a", 5: "\udcfe"}
    assert content.documents == {}
    assert content.implied_folders == 2
    assert figures(content) == (5, 2)


def test_fingerprint() -> None:
    """Each sum is over the members' hashes, times what it is the sum of, in 64 bits."""
    content = owners = times = 0
    for made, _, row in ROWS:
        key = xxhash.xxh3_64_intdigest(b"%b\0%d %d %d %b" % row)
        content += key
        owners += key * (made.mode + made.uid * 2**20 + made.gid * 2**44)
        times += key * int(made.mtime)
    found = read(packed(*((made, data) for made, data, _ in ROWS))).fingerprint
    assert min(content, owners, times) > 2**64
    assert found == Fingerprint(content=content % 2**64, ownership=owners % 2**64, times=times % 2**64)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a", "a"),
        ("./a", "a"),
        ("a./", "a."),
        ("/a/b/", "a/b"),
        (".//a", "a"),
        ("././a", "a"),
        ("../a", "a"),
        ("a/../../b", "b"),
        ("a/./b", "a/b"),
        ("a//b", "a/b"),
        ("X//X", "X/X"),
        ("XX./XXa/X", "XX./XXa/X"),
        ("a/.b", "a/.b"),
        (".a", ".a"),
        ("a/..b/", "a/..b"),
        (".", ""),
        ("./", ""),
        ("/", ""),
        ("..", ""),
        ("", ""),
    ],
)
def test_path(name: str, path: str) -> None:
    """A path is that from the root, whatever a builder writes, and never leads above the root."""
    assert normalise_path(name) == path


def test_longest_path() -> None:
    """A path may have as many bytes as Linux accepts, and no more; letters outside ASCII have several."""
    longest = "é" + "p/" * 2047
    assert read(packed((info(longest + "/"), b""))).paths == longest[:-1].encode() + b"\0"
    assert len((longest[:-1] + "x").encode()) == 4096
    assert read(packed((info(longest[:-1] + "x"), b""))).entry_count == 1
    with pytest.raises(UnreadableImage) as caught:
        read(packed((info(longest[:-1] + "xy"), b"")))
    assert caught.value.message == "a path has more than 4096 bytes, which Linux does not accept"
    assert caught.value.advice == "Save the image again and compare the files' checksums."


@pytest.mark.parametrize("digests", [True, False])
@pytest.mark.parametrize("tail", [b"", bytes(300_000)])
def test_digests(digests: bool, tail: bytes) -> None:  # noqa: FBT001
    """The diff ID is that of the archive, the blob's digest that of all bytes; who wants none gets none."""
    plain = packed((info("a"), b"1" * 200_000))
    blob = gzip.compress(plain, mtime=0) + tail
    ids = [f"sha256:{hashlib.sha256(data).hexdigest()}" if digests else "" for data in (plain, blob, plain + tail)]
    found = read_layer(io.BytesIO(blob), blob[:512], digests=digests)
    assert (found.diff_id, found.blob) == (ids[0], Blob(digest=ids[1], size_bytes=len(blob)))
    found = read_layer(io.BytesIO(plain + tail), plain[:512], digests=digests)
    assert (found.diff_id, found.blob) == (ids[2], None)


def test_digests_are_computed_unless_told() -> None:
    """Who says nothing gets them; all bytes of the archive, and nothing else, count for the estimate."""
    plain = packed((info("a"), b"1" * 200_000))
    blob = gzip.compress(plain, mtime=0)
    found = read_layer(io.BytesIO(blob), blob[:512])
    assert found.diff_id == f"sha256:{hashlib.sha256(plain).hexdigest()}"
    assert found.blob == Blob(digest=f"sha256:{hashlib.sha256(blob).hexdigest()}", size_bytes=len(blob))
    assert found.content.deflated_bytes == len(plain)


def test_budget_counts_what_is_in_memory() -> None:
    """Each chunk is counted with all entries, folders, paths, targets and documents so far, and so is each document."""
    first, second = b"Package: a\n", b"P:b\n\n"
    data = packed(
        (info("l", b"2", linkname="t" * 5), b""),
        (info("m", b"2", linkname="u" * 7), b""),
        (info("var/lib/dpkg/status"), first),
        (info("lib/apk/db/installed"), second),
        (info("big"), b"3" * 200_000),
    )
    budget = Recorded()
    read_layer(io.BytesIO(data), data[:512], budget=budget)
    paths = len("l m var/lib/dpkg/status ")
    assert budget.chunks == [
        (2**17, 0, 0),
        (0, 2, 4 + 12 + 11),
        (0, 3 + 3, paths + 12 + 11 + 5),
        (len(data) - 2**17, 4 + 6, paths + len("lib/apk/db/installed ") + 12 + 11 + 5),
        (0, 5 + 6, paths + len("lib/apk/db/installed big ") + 12 + 11 + 5),
    ]


@pytest.mark.parametrize("read_with", [read, read_watched])
def test_largest_database(read_with: Callable[[bytes], LayerContent], monkeypatch: pytest.MonkeyPatch) -> None:
    """A package database as long as the limit is kept, a longer one is a file like any other."""
    status = b"Package: a\nVersion: 1\n"
    data = packed((info("var/lib/dpkg/status"), status), (info("var/lib/dpkg/status.d/b"), b"9" * 23))
    monkeypatch.setattr(layer, "MAX_DATABASE_BYTES", 22)
    assert read_with(data).documents == {0: status}
    monkeypatch.setattr(layer, "MAX_DATABASE_BYTES", 21)
    content = read_with(data)
    assert content.documents == {}
    assert content.digests[0] == xxhash.xxh3_64_intdigest(status)


@pytest.mark.parametrize("wanted", [0, 5, 100])
@pytest.mark.parametrize("path", ["var/lib/dpkg/status", "app/requirements.txt"])
def test_watched_database(path: str, wanted: int) -> None:
    """A database that a watch looks into is kept all the same."""
    data = packed((info(path), b"flask==3\n"))
    watch = Heads(wanted)
    found = read_layer(io.BytesIO(data), data[:512], watch=watch)
    assert found.content == read(data)
    assert found.content.documents == {0: b"flask==3\n"}
    assert watch.heads == ([b"flask==3\n"[:wanted]] if wanted else [])


def test_watched_members() -> None:
    """A watch sees each member with its index, path and header, and then the data that it wants."""
    data = packed((info("./d/", b"5"), b""), (info("./d/a"), b"12345"), (info("u", b"Z"), b"6"), (info("b"), b"78"))
    members = [(0, "d", "./d/"), (1, "d/a", "./d/a"), (2, "u", "u"), (3, "b", "b")]
    read_watch, lone_watch = Heads(3), Heads(3)
    read_layer(io.BytesIO(data), data[:512], watch=read_watch)
    assert (read_watch.members, read_watch.heads) == (members, [b"123", b"78"])
    watch_layer(io.BytesIO(data), data[:512], lone_watch)
    assert (lone_watch.members, lone_watch.heads) == (members, [b"123", b"78"])


def test_watch_alone() -> None:
    """What a watch does not want is passed over; each chunk of the decompressed layer counts."""
    data = packed((info("big"), b"3" * 200_000), (info("last"), b"4"))
    blob = gzip.compress(data)
    watch, budget = Heads(0), Recorded()
    watch_layer(io.BytesIO(blob), blob[:512], watch, budget)
    assert (watch.members, watch.heads) == ([(0, "big", "big"), (1, "last", "last")], [])
    assert budget.chunks == [(2**17, 0, 0), (len(data) - 2**17, 0, 0)]


@pytest.mark.parametrize(
    "read_with",
    [
        lambda data: read_layer(io.BytesIO(data), data[:512]),
        lambda data: watch_layer(io.BytesIO(data), data[:512], Heads(0)),
    ],
)
def test_default_budget(read_with: Callable[[bytes], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who gives no budget gets the default limits, and errors of the layer."""
    data = packed((info("a"), b"1"))
    read_with(data)
    monkeypatch.setattr(layer, "DEFAULT", Limits(unpacked_bytes=10239))
    with pytest.raises(LimitExceeded) as caught:
        read_with(data)
    assert caught.value.message == "The layer has more than 10,239 bytes of unpacked layers, the limit for an image"


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


@pytest.mark.parametrize("wanted", [0, 20, 4096, 2**18, 2**24])
def test_watched_go_programs(wanted: int) -> None:
    """A watch sees as much of a program as it wants, and the layer is the same as without it."""
    program, _ = restored("old-plain")
    data = tar_of([Entry("usr/bin/greet", program), Entry("small", b"12345")])
    watch = Heads(wanted)
    found = read_layer(io.BytesIO(data), data[:512], watch=watch)
    assert found.content == read(data)
    assert found.content.documents
    assert watch.heads == ([program[:wanted], b"12345"[:wanted]] if wanted else [])


@pytest.mark.parametrize("read_with", [lambda data: read_layer(io.BytesIO(data), data[:512]).content, read_watched])
def test_smallest_go_program(read_with: Callable[[bytes], LayerContent], monkeypatch: pytest.MonkeyPatch) -> None:
    """A program as large as a chunk is searched, a smaller one is not."""
    program, _ = restored("new-plain")
    data = tar_of([Entry("usr/bin/greet", program)])
    monkeypatch.setattr(layer, "CHUNK_BYTES", len(program))
    assert read_with(data).documents.keys() == {0}
    monkeypatch.setattr(layer, "CHUNK_BYTES", len(program) + 1)
    assert read_with(data).documents == {}
