"""Archives made to do harm: an error or the right answer, within stated bounds of memory and time, and no file."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path

import pytest

from tests.support.images import Entry, ImageSpec, Member, docker_20, docker_25, hexdigest, tar_of
from weighbridge.errors import UnreadableImage
from weighbridge.sources import archive_members
from weighbridge.sources.archive import Archive
from weighbridge.sources.tar.headers import DamagedArchive
from weighbridge.sources.tar.layer import read_layer

ROOT = Path(__file__).parents[2]
SPEC = ImageSpec(tags=("x:1",), layers=((Entry("a", b"1"),),))
BASE_MEMORY = 60 * 2**20
"""What the interpreter and our modules take."""
ENTRY_MEMORY = 500
"""Bytes for each file of an image."""
_MEASURED = """
import re, sys
from pathlib import Path
from weighbridge.image import filesystem
from weighbridge.errors import SourceError
from weighbridge.sources import archive_members as archive
from weighbridge.sources.archive import Archive
try:
    image = Archive(archive.read(Path(sys.argv[1]).open("rb"))).assemble_image("x:1")
    told = sum(filesystem.stack(image.layers).sum_live_bytes())
except SourceError as error:
    told = error.message
status = Path("/proc/self/status").read_text()
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024, told)
"""


def peak(path: Path) -> tuple[int, str]:
    """Read an image in a process of its own; return the bytes of memory that it took, and what it told."""
    command = [sys.executable, "-c", _MEASURED, str(path)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120)
    memory, _, told = done.stdout.strip().partition(" ")
    return int(memory), told


def saved(layer: bytes, diff_id: str) -> bytes:
    """Return an archive with one image of one layer, in whatever compression."""
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"diff_ids": [diff_id]}}
    manifest = [{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["l.tar"]}]
    documents = [Member("c.json", json.dumps(config).encode()), Member("manifest.json", json.dumps(manifest).encode())]
    return tar_of([Member("l.tar", layer), *documents])


def header(name: str, size: int) -> bytes:
    """Return the header of a file that claims a size."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def test_layer_that_claims_eight_exabytes(tmp_path: Path) -> None:
    """It is cut off, and takes no memory for what it claims."""
    path = tmp_path / "x.tar"
    path.write_bytes(saved(header("a", 2**63 - 1) + bytes(4096), "sha256:" + "0" * 64))
    memory, told = peak(path)
    assert told == "Layer 0 of x:1, l.tar, cannot be read: unexpected end of data"
    assert memory < BASE_MEMORY


@pytest.mark.slow
def test_run_of_zeros_in_little_gzip(tmp_path: Path) -> None:
    """What packs a thousandfold is read as what it is, in the memory of any other layer."""
    size = 2**28
    packer, digest, packed = zlib.compressobj(9, zlib.DEFLATED, 31), hashlib.sha256(), io.BytesIO()
    for part in (header("zeros", size), *(bytes(2**20) for _ in range(size // 2**20)), bytes(1024)):
        digest.update(part)
        packed.write(packer.compress(part))
    packed.write(packer.flush())
    path = tmp_path / "x.tar"
    path.write_bytes(saved(packed.getvalue(), f"sha256:{digest.hexdigest()}"))
    memory, told = peak(path)
    assert int(told) == size
    assert memory < BASE_MEMORY + 20 * 2**20
    assert path.stat().st_size < size / 900


@pytest.mark.slow
def test_many_empty_entries(tmp_path: Path) -> None:
    """Each takes what any file takes."""
    count = 60_000
    layer = b"".join(header(f"d{number % 999}/{number}", 0) for number in range(count)) + bytes(1024)
    path = tmp_path / "x.tar"
    path.write_bytes(saved(layer, f"sha256:{hexdigest(layer)}"))
    memory, told = peak(path)
    assert told == "0"
    assert memory < BASE_MEMORY + count * ENTRY_MEMORY


def test_path_that_linux_does_not_accept() -> None:
    """A path of 4096 bytes is read, a longer one is refused."""
    for name, fits in (("a/" * 2047 + "bb", True), ("a/" * 2047 + "bbb", False)):
        data = tar_of([Entry(name)])
        if fits:
            assert len(read_layer(io.BytesIO(data), data[:512]).content.paths) == 4096 + 1
            continue
        with pytest.raises(UnreadableImage, match="a path has more than 4096 bytes"):
            read_layer(io.BytesIO(data), data[:512])


def test_too_many_members(monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive of images has some hundred members."""
    monkeypatch.setattr(archive_members, "MAX_MEMBERS", 2)
    with pytest.raises(UnreadableImage, match="more than 2 members"):
        archive_members.read(io.BytesIO(tar_of([Member(name, b"{}") for name in "abc"])))


def test_links_between_members_that_go_round() -> None:
    """A layer that is a link to itself, through another, is missing."""
    members = docker_20([SPEC])
    (layer,) = (member for member in members if member.name.endswith("layer.tar"))
    others = [member for member in members if member is not layer]
    other = f"{layer.name.partition('/')[0]}/other.tar"
    links = [Member(layer.name, target="other.tar"), Member(other, target="layer.tar")]
    read = Archive(archive_members.read(io.BytesIO(tar_of([*others, *links]))))
    with pytest.raises(UnreadableImage, match=r"Layer 0 of x:1, .*layer.tar, is missing or damaged"):
        read.assemble_image("x:1")


def test_blob_that_is_not_what_its_name_says() -> None:
    """A blob's name is its digest; bytes that have another are damage, whatever the config says."""
    members = docker_25([SPEC])
    hit = next(member for member in members if member.data == SPEC.archives[0])
    others = [member for member in members if member is not hit]
    other = tar_of([Entry("a", b"2")])
    read = Archive(archive_members.read(io.BytesIO(tar_of([*others, Member(hit.name, other)]))))
    with pytest.raises(UnreadableImage, match=r"Layer 0 of x:1, .* cannot be read: its digest is not sha256:"):
        read.assemble_image("x:1")


BOMBS = {
    "gzip in gzip": gzip.compress(gzip.compress(gzip.compress(b"{}"))),
    "headers upon headers": header("././@LongLink", 3)[:156] + b"L" + header("x", 3)[157:512],
    "json in depth": tar_of([Member("manifest.json", b"[" * 10**6)]),
    "names upon names": tar_of([Member("index.json", b'{"manifests": [' + b"{}," * 10**5 + b"{}]}")]),
    "nothing but a header": header("manifest.json", 10),
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS.keys())
def test_bombs(data: bytes) -> None:
    """Each is one clear error on one line."""
    with pytest.raises(UnreadableImage) as caught:
        Archive(archive_members.read(io.BytesIO(data))).assemble_image("x:1")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that lead upwards or are absolute, links to the outside, devices: reading touches no disk."""
    for variable in ("HOME", "TMPDIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    entries = (
        Entry("../../escaped", b"1"),
        Entry("/absolute", b"1"),
        Entry("out", type=tarfile.SYMTYPE, target="/"),
        Entry("out/through", b"1"),
        Entry("device", type=tarfile.CHRTYPE),
        Entry("hard", type=tarfile.LNKTYPE, target="../../../etc/passwd"),
    )
    spec = ImageSpec(tags=("x:1",), layers=(entries,))
    image = Archive(archive_members.read(io.BytesIO(tar_of(docker_20([spec]))))).assemble_image("x:1")
    assert image.layers[0].file_count == 3
    assert list(tmp_path.rglob("*")) == []


def test_damage_before_the_end_of_a_header() -> None:
    """A header that ends in the middle raises an error about damage."""
    with pytest.raises((DamagedArchive, EOFError)):
        read_layer(io.BytesIO(header("a", 0)[:300]), header("a", 0))
