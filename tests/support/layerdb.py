"""Writes what Docker's driver overlay2 keeps of images: configs, chains of layers, headers, unpacked files."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.images import ImageSpec, hexdigest
from weighbridge.model.engine import LocalImage


def split(archive: bytes) -> list[dict[str, Any]]:
    """Return the entries of a tar-split file, as Docker writes them: `tarfile` says where the files' bytes lie.

    Of a file with holes, Docker's reader gives what it is when unpacked.
    """
    entries, end = list[dict[str, Any]](), 0
    with tarfile.open(fileobj=io.BytesIO(archive), errors="surrogateescape") as opened:
        for member in opened:
            file = opened.extractfile(member) if member.isreg() else None
            data = file.read() if file else b""
            entries.append({"type": 2, "payload": _encode(archive[end : member.offset_data])})
            entries.append({"type": 1, **_name(member.name), **_describe(data)})
            parts: list[tuple[int, int]] = getattr(member, "sparse", None) or [(0, len(data))]
            stored = sum(size for _, size in parts)
            end = member.offset_data + stored
    entries.append({"type": 2, "payload": _encode(archive[end:])})
    return [{**entry, "position": number} for number, entry in enumerate(entries)]


def _describe(data: bytes) -> dict[str, Any]:
    if not data:
        return {"payload": None}
    return {"size": len(data), "payload": _encode(compute_crc64(data).to_bytes(8, "big"))}


def compute_crc64(data: bytes) -> int:
    """Return CRC-64 as Go's `crc64.ISO`, bit by bit by its definition: polynomial x^64 + x^4 + x^3 + x + 1."""
    value = 2**64 - 1
    for byte in data:
        value = _CRC64[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 2**64 - 1


def _divide(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ 0xD800000000000000 * (byte & 1)  # the polynomial, its lowest power first
    return byte


_CRC64 = [*map(_divide, range(256))]


def _name(name: str) -> dict[str, str]:
    raw = os.fsencode(name)
    try:
        return {"name": raw.decode()}
    except UnicodeDecodeError:
        return {"name_raw": _encode(raw)}


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def lines(entries: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the text of a tar-split file."""
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def unpack(archive: bytes, folder: Path) -> None:
    """Unpack a layer as the driver does, as far as its files have bytes or are links; whiteouts are no files."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(archive), errors="surrogateescape") as opened:
        for member in opened:
            place = Path(os.path.normpath(f"/{member.name}").lstrip("/"))
            path = folder / place
            if place.name.startswith(".wh.") and not member.size:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if member.isdir():
                path.mkdir(exist_ok=True)
            elif member.issym():
                path.symlink_to(member.linkname)
            elif member.islnk():
                path.hardlink_to(folder / member.linkname)
            elif member.isreg() and (data := opened.extractfile(member)):
                path.write_bytes(data.read())


class Layerdb:
    """A data root in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, spec: ImageSpec) -> LocalImage:
        """Write an image; return what the engine says of it."""
        image_id = self.add_config(spec.config)
        self.add_layers(spec.archives)
        return LocalImage(
            reference=spec.tags[0],
            id=image_id,
            platform="linux/amd64",
            diff_ids=spec.diff_ids,
            labels=spec.labels,
            user="",
        )

    def add_config(self, config: bytes) -> str:
        """Write a config; return the image's id."""
        path = self.folder / "image/overlay2/imagedb/content/sha256" / hexdigest(config)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(config)
        return f"sha256:{path.name}"

    def add_layers(self, archives: Sequence[bytes]) -> None:
        """Write layers that stand on each other."""
        chain = ""
        for archive in archives:
            diff_id = f"sha256:{hexdigest(archive)}"
            chain = f"sha256:{hexdigest(f'{chain} {diff_id}'.encode())}" if chain else diff_id
            kept, cache_id = self.kept(chain), hashlib.sha1(chain.encode()).hexdigest()  # noqa: S324 - any name will do
            if kept.exists():
                continue
            kept.mkdir(parents=True)
            (kept / "diff").write_text(diff_id)
            (kept / "cache-id").write_text(cache_id)
            entries = split(archive)
            (kept / "size").write_text(str(sum(entry.get("size", 0) for entry in entries)))
            (kept / "tar-split.json.gz").write_bytes(gzip.compress(lines(entries)))
            unpack(archive, self.folder / "overlay2" / cache_id / "diff")

    def kept(self, chain_id: str) -> Path:
        """Return the folder of a layer's facts."""
        return self.folder / "image/overlay2/layerdb/sha256" / chain_id.removeprefix("sha256:")

    def unpacked(self, chain_id: str) -> Path:
        """Return the folder of a layer's files."""
        return self.folder / "overlay2" / (self.kept(chain_id) / "cache-id").read_text() / "diff"

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder)
