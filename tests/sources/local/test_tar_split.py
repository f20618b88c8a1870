"""A layer's archive, taken apart as Docker does it and put together again, is the same to the byte."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import layerdb
from tests.support.images import Entry, tar_of
from weighbridge.sources.local.beneath import Beneath
from weighbridge.sources.local.tar_split import Reassembled
from weighbridge.sources.tar.headers import DamagedArchive

FORMS = (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
Lines = list[dict[str, Any]]
ARCHIVE = tar_of([Entry("a", b"1" * 300_000), Entry("d", type=tarfile.DIRTYPE), Entry("d/b", b"22")])


def put_together(split: bytes, folder: Path, sizes: Sequence[int] = (2**17,)) -> tuple[bytes, int]:
    """Return the archive of a tar-split file and an unpacked layer, and how many bytes were told."""
    found, told, turn = b"", list[int](), 0
    with (
        Beneath.open_root(str(folder)) as root,
        Reassembled(io.BytesIO(split), root.open, told.append) as archive,
    ):
        while block := archive.read(sizes[turn % len(sizes)]):
            found += block
            turn += 1
        return found, sum(told)


PARTS = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12).filter(
    lambda part: part not in {".", ".."} and not part.startswith(".wh.") and len(part.encode()) < 200
)
ODD = st.binary(min_size=1, max_size=9).map(
    lambda part: os.fsdecode(b"o" + part.replace(b"/", b"_").replace(b"\0", b"_"))
)


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    """Draw a small archive: files of any bytes below folders, links, whiteouts, long names, in any format."""
    names = draw(st.lists(PARTS | ODD, unique=True, max_size=6))
    entries = [Entry(f"folder{number % 2}/{name}", draw(st.binary(max_size=1500))) for number, name in enumerate(names)]
    more = [Entry(f"link{number}", type=tarfile.LNKTYPE, target=each.name) for number, each in enumerate(entries[:2])]
    more += [Entry("s", type=tarfile.SYMTYPE, target="/etc/passwd"), Entry("e"), Entry("folder0/.wh.gone")]
    long = [Entry("l" * draw(st.integers(90, 250)), draw(st.binary(max_size=600)))]
    kept = draw(st.lists(st.sampled_from([*more, *long]), unique=True))
    return tar_of([*entries, *kept], draw(st.sampled_from(FORMS))) + draw(st.sampled_from([b"", bytes(10240), b"junk"]))


@given(archive=archives(), sizes=st.lists(st.integers(1, 200_000), min_size=1, max_size=3))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_archive(archive: bytes, sizes: list[int]) -> None:
    """Whatever is in it, and in whatever pieces it is read."""
    with tempfile.TemporaryDirectory() as name:
        layerdb.unpack(archive, Path(name))
        split = layerdb.lines(layerdb.split(archive))
        if archive.endswith(b"junk"):  # nothing tells that no line is missing
            with pytest.raises(DamagedArchive, match=r"^the tar-split file is cut off"):
                put_together(split, Path(name), sizes)
            return
        found, told = put_together(split, Path(name), sizes)
    assert found == archive
    assert told == len(archive)


@pytest.mark.parametrize("form", ["ustar", "gnu", "pax", "v7"])
def test_archives_of_gnu_tar(tmp_path: Path, form: str) -> None:
    """Archives with hard links and long names, as GNU tar writes them, with its padding to 10 kB."""
    folder = tmp_path / "files"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep/er/file").write_bytes(b"x" * 3000)
    (folder / "linked").hardlink_to(folder / "deep/er/file")
    (folder / ("n" * (90 if form in {"v7", "ustar"} else 200))).write_bytes(b"y" * 511)
    (folder / "empty").touch()
    words = ["tar", "--create", f"--format={form}", "--directory", str(folder), "."]
    archive = subprocess.run(words, check=True, capture_output=True).stdout
    found, _ = put_together(layerdb.lines(layerdb.split(archive)), folder)
    assert found == archive


def test_folder_read_by_another_order(tmp_path: Path) -> None:
    """Only the files with bytes are opened: for a link, an empty file and a folder there need be nothing."""
    folder = tmp_path / "files"
    layerdb.unpack(ARCHIVE, folder)
    archive = tar_of([Entry("gone"), Entry("none", type=tarfile.DIRTYPE), Entry("a", b"1" * 300_000)])
    assert put_together(layerdb.lines(layerdb.split(archive)), folder)[0] == archive


def change(name: str, data: bytes | None) -> Callable[[Path, Lines], None]:
    """Return what changes a file of the layer, or removes it."""

    def spoil(folder: Path, _lines: Lines) -> None:
        if data is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(data)

    return spoil


def set_line(number: int, **fields: Any) -> Callable[[Path, Lines], None]:
    """Return what changes a line of the tar-split file."""

    def spoil(_folder: Path, lines: Lines) -> None:
        lines[number].update(fields)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (change("a", b"1" * 299_999), DamagedArchive, "^a file does not have the length"),
        (change("a", b"1" * 300_001), DamagedArchive, "^a file does not have the length"),
        (change("d/b", None), FileNotFoundError, "b"),
        (set_line(2, position=7), DamagedArchive, "^a line of the tar-split file is missing"),
        (set_line(2, type=3), DamagedArchive, "^the tar-split file has an entry of an unknown type"),
        (set_line(2, payload=5), DamagedArchive, "^the tar-split file is of an unknown form"),
        (set_line(2, payload="A"), DamagedArchive, "^the tar-split file is of an unknown form"),
        (set_line(1, size=-1), DamagedArchive, "^the tar-split file is of an unknown form"),
        (set_line(1, size="many"), DamagedArchive, "^the tar-split file is of an unknown form"),
        (set_line(1, name=None), DamagedArchive, "^the tar-split file is of an unknown form"),
        (set_line(1, payload=None), DamagedArchive, "^a file does not have the bytes"),
        (set_line(1, payload="AAAAAAAAAA=="), DamagedArchive, "^a file does not have the bytes"),
        (set_line(1, payload="AAAAAAAAAAA="), DamagedArchive, "^a file does not have the bytes"),
    ],
)
def test_what_does_not_fit(
    tmp_path: Path, spoil: Callable[[Path, Lines], None], error: type[Exception], message: str
) -> None:
    """A file that changed its length, is missing, or a line of another form ends the reading."""
    layerdb.unpack(ARCHIVE, tmp_path)
    entries = layerdb.split(ARCHIVE)
    spoil(tmp_path, entries)
    with pytest.raises(error, match=message):
        put_together(layerdb.lines(entries), tmp_path)


@pytest.mark.parametrize("text", [b"x", b"[]\n", b"{}\n", b"5\n", b"null\n", b"\xff\n", b"[" * 100_000 + b"\n"])
def test_what_is_no_tar_split_file(tmp_path: Path, text: bytes) -> None:
    """Any other text is of an unknown form."""
    with pytest.raises(DamagedArchive, match=r"^the tar-split file is of an unknown form"):
        put_together(text, tmp_path)


def test_line_without_end(tmp_path: Path) -> None:
    """A line that does not end is not collected for ever."""
    with pytest.raises(DamagedArchive, match=r"^a line of the tar-split file is too long"):
        put_together(b"x" * (2**24 + 2**18), tmp_path)


@given(data=st.binary(min_size=1, max_size=2000), place=st.integers(0), bit=st.integers(0, 7))
@settings(deadline=None)
def test_changed_bytes_are_found_out(data: bytes, place: int, bit: int) -> None:
    """A file of the same length with other bytes does not have the checksum, wherever and however little it changed."""
    archive = tar_of([Entry("a", data), Entry("b", b"b")])
    changed = bytearray(data)
    changed[place % len(data)] ^= 1 << bit
    with tempfile.TemporaryDirectory() as name:
        layerdb.unpack(archive, Path(name))
        (Path(name) / "a").write_bytes(changed)
        with pytest.raises(DamagedArchive, match=r"^a file does not have the bytes that it had in the archive$"):
            put_together(layerdb.lines(layerdb.split(archive)), Path(name))


def test_changed_bytes_of_a_large_file(tmp_path: Path) -> None:
    """Nor does one that is read in several pieces, whichever of them changed."""
    for place in (0, 150_000, 299_999):
        folder = tmp_path / str(place)
        layerdb.unpack(ARCHIVE, folder)
        changed = bytearray(b"1" * 300_000)
        changed[place] = 0
        (folder / "a").write_bytes(changed)
        with pytest.raises(DamagedArchive, match=r"^a file does not have the bytes that it had in the archive$"):
            put_together(layerdb.lines(layerdb.split(ARCHIVE)), folder)


def test_file_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    """A file that becomes shorter between two reads is told, and no zeros stand in for it."""
    layerdb.unpack(ARCHIVE, tmp_path)
    split = io.BytesIO(layerdb.lines(layerdb.split(ARCHIVE)))
    with Beneath.open_root(str(tmp_path)) as root, Reassembled(split, root.open) as archive:
        archive.read(2**17)
        os.truncate(tmp_path / "a", 1000)
        with pytest.raises(DamagedArchive, match=r"^a file was cut off"):
            archive.read(2**18)
