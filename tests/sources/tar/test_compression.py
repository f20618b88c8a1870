"""The first bytes say which compression it is; it is undone as the stream is read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import subprocess
import tarfile

import pytest
from backports import zstd

from weighbridge.sources.tar.compression import DAMAGE, decompress, is_compressed

DATA = bytes(range(256)) * 300
FORMS = {
    "none": DATA,
    "gzip": gzip.compress(DATA),
    "gzip of two members": gzip.compress(DATA[:999]) + gzip.compress(DATA[999:]),
    "zstd": zstd.compress(DATA),
    "zstd of two frames": zstd.compress(DATA[:999]) + zstd.compress(DATA[999:]),
    "xz": lzma.compress(DATA),
    "xz of two streams": lzma.compress(DATA[:999]) + lzma.compress(DATA[999:]),
    "xz with padding": lzma.compress(DATA[:999]) + bytes(8) + lzma.compress(DATA[999:]) + bytes(4),
    "bzip2": bz2.compress(DATA),
    "bzip2 of two streams": bz2.compress(DATA[:999]) + bz2.compress(DATA[999:]),
}


def whole(source: bytes) -> bytes:
    """Return all that comes out of a stream."""
    stream, found = decompress(io.BytesIO(source), source[:4]), b""
    while block := stream.read(1000):
        found += block
    return found


@pytest.mark.parametrize("form", FORMS)
def test_undone(form: str) -> None:
    """Whatever the compression and however many parts it has, the bytes come out."""
    assert is_compressed(FORMS[form][:4]) is (form != "none")
    assert whole(FORMS[form]) == DATA


@pytest.mark.parametrize("form", [form for form in FORMS if form != "none"])
def test_damage(form: str) -> None:
    """A stream that is cut off does not end as if it were whole."""
    with pytest.raises(DAMAGE):
        whole(FORMS[form][:-13])


@pytest.mark.parametrize("form", [form for form in FORMS if form != "none"])
def test_damage_is_told_to_another_process(form: str) -> None:
    """Wherever the damage is, its error can be sent: layers are read in processes of their own."""
    data, errors = FORMS[form], list[Exception]()
    for begin in range(4, min(len(data), 400), 9):
        try:
            whole(data[:begin] + b"\xff" * 9 + data[begin + 9 :])
        except DAMAGE as error:
            errors.append(error)
    assert errors
    sent = [pickle.loads(pickle.dumps(each)) for each in errors]  # noqa: S301 - our own bytes
    assert list(map(str, sent)) == list(map(str, errors))


@pytest.mark.parametrize("tool", ["xz", "bzip2", "gzip"])
def test_what_the_tools_write(tool: str) -> None:
    """What the machine's own tool packs comes out again, at its strongest setting, too."""
    for level in ("-1", "-9"):
        packed = subprocess.run([tool, level, "--stdout"], input=DATA, check=True, capture_output=True).stdout
        assert is_compressed(packed[:512])
        assert whole(packed) == DATA


def test_xz_that_wants_too_much_memory() -> None:
    """A stream whose dictionary would take gigabytes is refused, and takes none of them."""
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**30}]
    packed = lzma.compress(b"x", format=lzma.FORMAT_XZ, filters=filters)
    with pytest.raises(DAMAGE):
        whole(packed)


def test_damage_between_streams() -> None:
    """Zeros between two xz streams come in fours; whatever else stands there is damage."""
    for between in (bytes(3), b"junk"):
        with pytest.raises(DAMAGE):
            whole(lzma.compress(DATA) + between + lzma.compress(DATA))


@pytest.mark.parametrize("name", ["BZh", "BZh9", "BZh91AY", "BZh9.txt"])
def test_tar_whose_first_file_is_called_like_a_compression(name: str) -> None:
    """A file's name at the beginning of a tar is not taken for the mark of bzip2."""
    block = tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT)
    assert not is_compressed(block)
