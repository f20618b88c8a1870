"""Layers with modes and owners for tests, and images of such layers."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.support.images import ImageSpec
from weighbridge.sources.scan.layer import Exposure
from weighbridge.sources.tar.layer import watch_layer


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One entry of a layer, a regular file unless told otherwise."""

    path: str
    data: bytes = b"x"
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    type: bytes = tarfile.REGTYPE
    target: str = ""


def folder(path: str, mode: int = 0o755, uid: int = 0, gid: int = 0) -> File:
    """Return a directory's entry."""
    return File(path=path, data=b"", mode=mode, uid=uid, gid=gid, type=tarfile.DIRTYPE)


def archive(*files: File) -> bytes:
    """Return a layer's archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for file in files:
            info = tarfile.TarInfo(file.path)
            info.mode, info.uid, info.gid, info.type, info.linkname = (
                file.mode,
                file.uid,
                file.gid,
                file.type,
                file.target,
            )
            data = file.data if file.type == tarfile.REGTYPE else b""
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def elf(machine: int, width: int = 2, order: int = 1) -> bytes:
    """Return the beginning of an ELF file for a machine."""
    number = machine.to_bytes(2, "little" if order == 1 else "big")
    return b"\x7fELF" + bytes([width, order, 1]) + bytes(11) + number + bytes(100)


@dataclass(frozen=True)
class Stacked(ImageSpec):
    """An image of such layers; `told` is more of its config, as `docker inspect` has it."""

    stacked: tuple[tuple[File, ...], ...] = ()
    told: Mapping[str, Any] | None = None

    @cached_property
    def archives(self) -> tuple[bytes, ...]:
        """The layers as uncompressed tar archives."""
        return tuple(archive(*files) for files in self.stacked)

    @cached_property
    def config(self) -> bytes:
        """The image's config."""
        described = json.loads(super().config)
        return json.dumps(described | {"config": self.told or {}}).encode()


def look(*files: File) -> Exposure:
    """Return what is found in a layer of these files."""
    data, found = archive(*files), Exposure()
    watch_layer(io.BytesIO(data), data[:512], found)
    return found


def kinds(*files: File) -> list[str]:
    """Return the kinds of all that is found."""
    return [spot.kind for spot in look(*files).spots]
