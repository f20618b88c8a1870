"""Writes images with a given number of files and bytes, as `docker save` of Docker 20 does, without an engine.

The content of an image depends only on the arguments, so the true figures are known without measuring.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import BinaryIO

SITE = "opt/venv/lib/python3.13/site-packages"
PACKAGE_FILES = 100
"""Files of one Python package, including its metadata."""
_BLOCK_BYTES = 2**20
_MODE, _FOLDER_MODE = 0o644, 0o755


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a layer: a folder if its path ends in a slash, else a file."""

    path: str
    size: int = 0
    seed: int = 0
    """Two files of the same size and seed have the same bytes."""
    owner: int = 0
    text: bytes | None = None
    """The file's bytes, instead of `size` generated ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """An image; its layers are in order, lowest first."""

    name: str
    """Name and tag."""
    layers: tuple[Iterable[Entry], ...]


def make_whiteout(path: str) -> Entry:
    """Return the marker that deletes a path of lower layers (OCI image-spec, layer.md, "Whiteouts")."""
    folder, slash, name = path.rpartition("/")
    return Entry(path=f"{folder}{slash}.wh.{name}")


def make_packages(files: int, name: str = "bench:files", layers: int = 4) -> Spec:
    """Return an image of Python packages with that many small files in total; their owners can be found."""
    count = -(-files // PACKAGE_FILES)
    parts = [range(count * layer // layers, count * (layer + 1) // layers) for layer in range(layers)]
    return Spec(name=name, layers=tuple(_iterate_packages(part, files) for part in parts))


def _iterate_packages(numbers: Iterable[int], files: int) -> Iterator[Entry]:
    for number in numbers:
        first = number * PACKAGE_FILES
        yield from _iterate_package(f"package_{number:05}", min(PACKAGE_FILES, files - first), first)


def _iterate_package(name: str, files: int, seed: int) -> Iterator[Entry]:
    """Yield a package's modules and the metadata that an installer writes."""
    info, size = f"{name}-1.0.dist-info", 300
    modules = [f"{name}/module_{index:02}.py" for index in range(files - 2)]
    lines = [f"{module},sha256={'x' * 43},{size}" for module in modules]
    record = "\n".join([*lines, f"{info}/METADATA,,", f"{info}/RECORD,,", ""])
    yield Entry(path=f"{SITE}/{name}/")
    yield from (Entry(path=f"{SITE}/{module}", size=size, seed=seed + at) for at, module in enumerate(modules))
    yield Entry(path=f"{SITE}/{info}/")
    yield Entry(path=f"{SITE}/{info}/METADATA", text=f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode())
    yield Entry(path=f"{SITE}/{info}/RECORD", text=record.encode())


def make_blobs(size: int, name: str = "bench:bytes", files: int = 50) -> Spec:
    """Return an image with one layer and that many bytes in a few large files."""
    return Spec(
        name=name,
        layers=(
            tuple(Entry(path=f"srv/data_{index:02}.bin", size=size // files, seed=index) for index in range(files)),
        ),
    )


def write(path: Path, spec: Spec) -> None:
    """Write an archive with a single image, without keeping the image in memory."""
    with path.open("wb") as file:
        diff_ids = [_add_layer(file, f"{index}/layer.tar", layer) for index, layer in enumerate(spec.layers)]
        config = json.dumps(_make_config(diff_ids)).encode()
        config_name = f"{hashlib.sha256(config).hexdigest()}.json"
        layers = [f"{index}/layer.tar" for index in range(len(diff_ids))]
        manifest = [{"Config": config_name, "RepoTags": [spec.name], "Layers": layers}]
        with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, data in ((config_name, config), ("manifest.json", json.dumps(manifest).encode())):
                archive.addfile(_make_file(name, len(data)), io.BytesIO(data))


def _make_config(diff_ids: Sequence[str]) -> dict[str, object]:
    history = [{"created_by": f"COPY layer-{index} /"} for index, _ in enumerate(diff_ids)]
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "history": history,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }


def _add_layer(file: BinaryIO, name: str, entries: Iterable[Entry]) -> str:
    """Append a member that is itself an archive; return its digest. The header, which has the length, comes last."""
    start = file.tell()
    file.write(bytes(tarfile.BLOCKSIZE))
    digest = _Digest(file)
    with tarfile.open(fileobj=digest, mode="w|", format=tarfile.USTAR_FORMAT) as layer:
        for entry in entries:
            _add(layer, entry)
    end = file.tell()
    file.seek(start)
    file.write(_make_file(name, end - start - tarfile.BLOCKSIZE).tobuf(tarfile.USTAR_FORMAT))
    file.seek(end)  # a whole record, so that no padding is needed
    return digest.text


def _add(layer: tarfile.TarFile, entry: Entry) -> None:
    if entry.path.endswith("/"):
        info = tarfile.TarInfo(entry.path.rstrip("/"))
        info.type, info.mode = tarfile.DIRTYPE, _FOLDER_MODE
        layer.addfile(info)
        return
    info = _make_file(entry.path, entry.size if entry.text is None else len(entry.text))
    info.uid = info.gid = entry.owner
    layer.addfile(info, _Made(entry) if entry.text is None else io.BytesIO(entry.text))


def _make_file(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, _MODE
    return info


class _Digest(io.RawIOBase):
    """A file that hashes what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._sha = file, hashlib.sha256()

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        """Write and hash."""
        self._sha.update(data)
        return self._file.write(data)

    @property
    def text(self) -> str:
        """The digest of what was written so far."""
        return f"sha256:{self._sha.hexdigest()}"


class _Made(io.RawIOBase):
    """The bytes of a generated file: they compress to about half, and different seeds give different bytes."""

    def __init__(self, entry: Entry) -> None:
        self._at = entry.seed * 4099 % _BLOCK_BYTES  # a prime, so that neighbouring seeds begin far apart

    def read(self, size: int = -1, /) -> bytes:
        """Return the next `size` bytes."""
        parts = []
        while size > 0:
            part = _make_block()[self._at : self._at + size]
            parts.append(part)
            size -= len(part)
            self._at = (self._at + len(part)) % _BLOCK_BYTES
        return b"".join(parts)


@cache
def _make_block() -> bytes:
    return Random(0).randbytes(_BLOCK_BYTES // 2).hex().encode()  # noqa: S311 - the same bytes every time are wanted
