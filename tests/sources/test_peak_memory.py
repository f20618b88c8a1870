"""The memory that an image takes at each of the default limits, weighed to its end in a process of its own."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from weighbridge.model.limits import Limits

ROOT = Path(__file__).parents[2]
MOST_BYTES = 10**9
"""What docs/limits.md promises."""
LIMITS = Limits()
_BLOCK = 512
_LEVEL = 1
_WEIGH = """
import re, sys
from pathlib import Path
from weighbridge.cache import Cache
from weighbridge.errors import SourceError
from weighbridge.image import weighing
from weighbridge.sources import opener
from weighbridge.sources.locations import OCI, Location
class NoCache(Cache):
    def has(self, key): return True
    def read_layer(self, diff_id): return None
try:
    place = Location(OCI, sys.argv[1])
    content = dict(opener.read([place], opener.Means(cache=NoCache(Path(sys.argv[1])))))[place]
    weighed = weighing.weigh("x", "oci", content, None)
    weighed.tree()
    told = f"{sum(layer.entry_count for layer in content.layers)} entries"
except SourceError as error:
    told = str(error)
status = Path("/proc/self/status").read_text()
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024, told)
"""

pytestmark = pytest.mark.slow


def weigh(path: Path) -> tuple[int, str]:
    """Weigh an image in a process of its own; return its most bytes of memory, and what came out."""
    done = subprocess.run(
        [sys.executable, "-c", _WEIGH, str(path)], cwd=ROOT, check=True, capture_output=True, text=True, timeout=600
    )
    memory, _, told = done.stdout.strip().partition(" ")
    return int(memory), told


def pack_header(name: str, size: int = 0) -> bytes:
    """Return a file's header, written by `tarfile`."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def pack_empty_files(names: Iterable[str]) -> Iterator[bytes]:
    """Yield headers of empty files; they differ in name and checksum alone, because `tarfile` takes half a minute."""
    plain = pack_header("")
    blank = sum(plain[:148]) + sum(plain[156:]) + 8 * ord(" ")
    for name in names:
        data = name.encode()
        yield data.ljust(100, b"\0") + plain[100:148] + b"%06o\0 " % (blank + sum(data)) + plain[156:]


def pack_file(name: str, data: bytes) -> Iterator[bytes]:
    """Yield a file with data."""
    yield pack_header(name, len(data))
    yield data + bytes(-len(data) % _BLOCK)


class Layout:
    """An OCI layout on the disk, to which layers are streamed."""

    def __init__(self, path: Path) -> None:
        self.path, self._blobs = path, path / "blobs" / "sha256"
        self._blobs.mkdir(parents=True)
        self._layers, self._diff_ids = list[dict[str, Any]](), list[str]()

    def add_layer(self, pieces: Iterable[bytes]) -> None:
        """Compress an archive into a blob, piece by piece."""
        packer, plain, packed = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31), hashlib.sha256(), hashlib.sha256()
        draft, size = self._blobs / "draft", 0
        with draft.open("wb") as file:

            def write(data: bytes) -> None:
                nonlocal size
                size += file.write(data)
                packed.update(data)

            for piece in pieces:
                plain.update(piece)
                write(packer.compress(piece))
            plain.update(bytes(2 * _BLOCK))
            write(packer.compress(bytes(2 * _BLOCK)) + packer.flush())
        draft.rename(self._blobs / packed.hexdigest())
        self._layers.append({"digest": f"sha256:{packed.hexdigest()}", "size": size})
        self._diff_ids.append(f"sha256:{plain.hexdigest()}")

    def finish(self, history: bytes = b"[]") -> Path:
        """Write config, manifest and index, and return the folder."""
        rootfs = json.dumps({"diff_ids": self._diff_ids}).encode()
        config = self._add_document(
            b'{"os": "linux", "architecture": "amd64", "rootfs": ' + rootfs + b', "history": ' + history + b"}"
        )
        manifest = self._add_document(json.dumps({"config": config, "layers": self._layers}).encode())
        (self.path / "index.json").write_text(json.dumps({"manifests": [manifest]}))
        return self.path

    def _add_document(self, data: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        (self._blobs / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Return an empty layout."""
    return Layout(tmp_path / "layout")


def split_names(count: int, layers: int, name: Callable[[int], str]) -> Iterator[Iterator[bytes]]:
    """Yield the empty files of each layer."""
    for layer in range(layers):
        yield pack_empty_files(name(number) for number in range(layer, count, layers))


FORMS: dict[str, tuple[int, Callable[[int], str]]] = {
    "files in few folders": (LIMITS.entries - 4 * 999, lambda number: f"d{number % 999}/{number}"),
    "a folder for each file": (LIMITS.entries // 2, lambda number: f"{number}/x"),
    "long names": (LIMITS.entries, lambda number: f"{number:099}"),
}


@pytest.mark.parametrize("form", FORMS)
def test_entries(layout: Layout, form: str) -> None:
    """A million files and folders in four layers are weighed; with one more in each layer the image is refused."""
    count, name = FORMS[form]
    for pieces in split_names(count, 4, name):
        layout.add_layer(pieces)
    memory, told = weigh(layout.finish())
    assert told == f"{count} entries"
    assert memory < MOST_BYTES
    layout.add_layer(pack_empty_files(["one-more/y", "one-more/z"]))
    memory, told = weigh(layout.finish())
    assert told == (
        f"{layout.path} has more than 1,000,000 files and folders, the limit for an image. "
        "Raise limits.entries in the settings if that is right."
    )
    assert memory < MOST_BYTES / 2


def test_four_layers_in_a_small_archive(layout: Layout) -> None:
    """Four layers of 150,000 empty files, each in a folder of its own, are within the limit in all."""
    for pieces in split_names(600_000 // 2, 4, lambda number: f"{number}/x"):
        layout.add_layer(pieces)
    memory, told = weigh(layout.finish())
    assert told == "300000 entries"
    assert memory < MOST_BYTES / 2


def test_nearly_two_million_files(layout: Layout) -> None:
    """They are refused before half of them take memory as merged files."""
    for pieces in split_names(1_900_000, 4, lambda number: f"d{number % 999}/{number}"):
        layout.add_layer(pieces)
    memory, told = weigh(layout.finish())
    assert "has more than 1,000,000 files and folders" in told
    assert memory < MOST_BYTES / 4


def test_history(layout: Layout) -> None:
    """Two million steps in 8 MB are refused before they are two million objects; ten thousand are none to speak of."""
    layout.add_layer(pack_empty_files(["a"]))
    memory, told = weigh(layout.finish(b"[" + b"{}," * 9_999 + b"{}]"))
    assert told == "1 entries"
    assert memory < MOST_BYTES / 10
    memory, told = weigh(layout.finish(b"[" + b"{}," * 2_000_000 + b"{}]"))
    assert told.endswith(
        "has more than 10,000 history steps, the limit for an image. Raise limits.history_steps in "
        "the settings if that is right."
    )
    assert memory < MOST_BYTES / 3


def test_layers(layout: Layout) -> None:
    """A thousand layers are weighed, one more is refused."""
    for number in range(LIMITS.layers):
        layout.add_layer(pack_empty_files([f"f{number}"]))
    memory, told = weigh(layout.finish())
    assert told == "1000 entries"
    assert memory < MOST_BYTES / 10
    layout.add_layer(pack_empty_files(["one-more"]))
    memory, told = weigh(layout.finish())
    assert "has more than 1,000 layers, the limit for an image. Raise limits.layers" in told
    assert memory < MOST_BYTES / 10


DATABASES: dict[str, tuple[Callable[[int], str], bytes, bytes, bytes]] = {
    "lists of files": (
        lambda number: f"usr/lib/python3/dist-packages/a{number}-1.dist-info/RECORD",
        b"",
        b"%08d,,\n",
        b"",
    ),
    "packages of the system": (lambda number: f"var/lib/dpkg/info/a{number}.list", b"", b"/%08d\n", b""),
    "objects": (
        lambda number: f"x/node_modules/a{number}/package.json",
        b'{"name":"a","version":"1","x":[{}',
        b",{}",
        b"]}",
    ),
}


@pytest.mark.parametrize("form", DATABASES)
def test_documents(layout: Layout, form: str) -> None:
    """Package databases up to the limit are parsed one after the other; one more is refused."""
    name, head, unit, tail = DATABASES[form]
    size, length = 16 * 2**20 - 1000, len(unit % 0) if b"%" in unit else len(unit)
    count = (size - len(head) - len(tail)) // length
    body = b"".join(unit % number for number in range(count)) if b"%" in unit else unit * count
    fitting = LIMITS.document_bytes // size
    for number in range(fitting):
        layout.add_layer(pack_file(name(number), head + body + tail))
    memory, told = weigh(layout.finish())
    assert told == f"{fitting} entries"
    assert memory < MOST_BYTES
    layout.add_layer(pack_file(name(fitting), head + body + tail))
    memory, told = weigh(layout.finish())
    assert "has more than 256,000,000 bytes of documents, package databases and paths, the limit for an image" in told
    assert memory < MOST_BYTES / 2


def test_unpacked_bytes(layout: Layout) -> None:
    """The bytes of files that pass take no memory, however many they are: here as many as a few seconds allow."""
    size = 4 * 2**30
    layout.add_layer([pack_header("zeros", size), *([bytes(2**20)] * (size // 2**20))])
    memory, told = weigh(layout.finish())
    assert told == "1 entries"
    assert memory < MOST_BYTES / 10


def test_peak_is_what_the_page_says() -> None:
    """docs/limits.md names the bound that these tests hold."""
    page = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    assert re.search(r"below 1 GB", page)
