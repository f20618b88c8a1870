"""Reads one `docker save` stream, front to back and once, in every layout that engines and tools write.

The layouts differ in names, order, links and compression, and in what else lies about. So no name and no order is
relied on: each member that is a layer by its own bytes is weighed and hashed as it passes, JSON is kept, the rest is
ignored. In the end manifest.json leads from a tag to a config, and the config's diff IDs lead to the layers.
"""

from __future__ import annotations

import hashlib
import io
import posixpath
import re
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from weighbridge.errors import NoSuchImage, UnreadableImage
from weighbridge.model import LayerContent
from weighbridge.sources import HistoryEntry, ImageContent
from weighbridge.sources.compression import decompressed, is_compressed
from weighbridge.sources.documents import Config, ManifestEntry, parse_config, parse_manifest
from weighbridge.sources.layers import read_layer
from weighbridge.sources.tape import BLOCK_BYTES, Meter, Part, Tape, is_tar

MAX_DOCUMENT_BYTES = 8 * 2**20
"""A longer JSON member is left out: configs have kilobytes, but software bills in attestations may be long."""

MAX_DOCUMENTS_BYTES = 64 * 2**20
"""What all kept JSON together may take."""

# What tarfile, gzip and the file below them raise on bytes that are not what they should be. `tarfile` lets the
# exceptions of int(), str.decode() and unpacking through, and goes one level deeper for each extended header.
_DAMAGE = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, LookupError, OverflowError, RecursionError)


def read(stream: BinaryIO, on_progress: Callable[[int], None] | None = None) -> Archive:
    """Read an archive to its end; gzip around the whole is undone.

    Args:
        stream: Needs `read` alone; is not closed.
        on_progress: Is told the number of bytes read so far, about once for each MiB.

    Raises:
        UnreadableImage: The archive is cut off, damaged, or no archive of images. What the stream raises beside an
            `OSError`, such as an engine that goes away, gets through.
    """
    draft = _Draft()
    try:
        buffered = io.BufferedReader(Meter(stream, on_progress), BLOCK_BYTES)
        tape = Tape(decompressed(buffered, buffered.peek(1)))
        for member in tape.members():
            if member.isreg() and not member.issparse():
                draft.add(_plain(member.name), Part(tape, member.size), member.size)
        tape.drain()  # to the end of the stream, where gzip has its checksum
    except _DAMAGE as error:
        raise UnreadableImage(f"The archive is cut off or damaged: {_reason(error)}") from error
    return draft.finished()


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """All that was kept of an archive. An image is put together when it is asked for, and only then may fail."""

    entries: tuple[ManifestEntry, ...]
    documents: Mapping[str, bytes]
    """JSON members by name."""
    layers: Mapping[str, LayerContent]
    """By diff ID."""
    faults: Mapping[str, UnreadableImage]
    """Why a member could not be read, by its name."""

    @property
    def references(self) -> tuple[str, ...]:
        """All names that the archive gives to its images."""
        return tuple(tag for entry in self.entries for tag in entry.repo_tags or ())

    def image(self, reference: str, config_digest: str = "") -> ImageContent:
        """Return one image, found by its config digest or else by its name.

        Raises:
            NoSuchImage: The archive has no image of that name.
            UnreadableImage: A part of the image is missing or damaged.
        """
        entry = self._entry(reference, config_digest)
        text, name = self._config(entry), f"The config of {reference}"
        if text is None:
            raise self._lacks(name, entry.config)
        digest = _digest(text)
        if re.fullmatch(r"[0-9a-f]{64}", stated := _stated_hex(entry.config)) and digest != f"sha256:{stated}":
            raise UnreadableImage(f"{name} is damaged: its digest is not {stated[:12]}…")
        config = parse_config(text, name)
        return ImageContent(
            reference=reference,
            config_digest=digest,
            platform="/".join(filter(None, (config.os, config.architecture, config.variant))),
            diff_ids=config.rootfs.diff_ids,
            history=tuple(HistoryEntry(**step.model_dump()) for step in config.history or ()),
            labels=(config.config and config.config.labels) or {},
            layers=self._layers(reference, entry, config),
        )

    def _entry(self, reference: str, config_digest: str) -> ManifestEntry:
        """Choose by digest, by the exact name, or by a name that only lacks the registry, if that is the only one."""
        name = reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"
        tags = [(entry, tag) for entry in self.entries for tag in entry.repo_tags or ()]
        for found in (
            [entry for entry in self.entries if _digest(self._config(entry) or b"") in (config_digest, reference)],
            [entry for entry, tag in tags if tag == name],
            [entry for entry, tag in tags if _is_tail(tag, name) or _is_tail(name, tag)],
        ):
            if len({entry.config for entry in found}) == 1:
                return found[0]
        names = ", ".join(self.references) or "images without a name"
        raise NoSuchImage(f"The archive has no image {reference}, but {names}", advice="Choose one of these.")

    def _config(self, entry: ManifestEntry) -> bytes | None:
        return self.documents.get(_plain(entry.config))

    def _layers(self, reference: str, entry: ManifestEntry, config: Config) -> tuple[LayerContent, ...]:
        """Return the layers in the order of the diff IDs, which is the order in which they are stacked."""
        names = dict(enumerate(entry.layers or ()))
        for index, diff_id in enumerate(config.rootfs.diff_ids):
            if diff_id not in self.layers:
                raise self._lacks(f"Layer {index} of {reference}", names.get(index, diff_id))
        return tuple(self.layers[diff_id] for diff_id in config.rootfs.diff_ids)

    def _lacks(self, part: str, name: str) -> UnreadableImage:
        """Return the error that tells why a part is not there."""
        if fault := self.faults.get(_plain(name)):
            return UnreadableImage(f"{part}, {name}, cannot be read: {fault.message}", advice=fault.advice)
        return UnreadableImage(f"{part}, {name}, is missing or damaged")


@dataclass(slots=True)
class _Draft:
    """An archive while it is read."""

    documents: dict[str, bytes] = field(default_factory=dict)
    documents_bytes: int = 0
    layers: dict[str, LayerContent] = field(default_factory=dict)
    faults: dict[str, UnreadableImage] = field(default_factory=dict)

    def add(self, name: str, part: Part, size: int) -> None:
        """Take in one member by what its first bytes are. Its fault is told later, should an image need the member."""
        if is_tar(part.head) or is_compressed(part.head):
            try:
                diff_id, content = read_layer(part)
                self.layers[diff_id] = content
            except UnreadableImage as error:
                self.faults[name] = error
            except _DAMAGE as error:
                self.faults[name] = UnreadableImage(_reason(error))
        elif part.head.lstrip()[:1] in (b"{", b"["):
            self._add_document(name, part, size)

    def _add_document(self, name: str, part: Part, size: int) -> None:
        if size > MAX_DOCUMENT_BYTES or self.documents_bytes + size > MAX_DOCUMENTS_BYTES:
            self.faults[name] = UnreadableImage(f"it has {size} bytes, which is too long", advice="")
            return
        self.documents[name] = part.read(size)
        self.documents_bytes += size

    def finished(self) -> Archive:
        manifest = self.documents.get("manifest.json")
        if manifest is None:
            raise UnreadableImage(
                "The archive has no manifest.json: it is cut off, or was not written by `docker save`"
            )
        return Archive(
            entries=parse_manifest(manifest), documents=self.documents, layers=self.layers, faults=self.faults
        )


def _plain(name: str) -> str:
    """Return a member's name without the `./` or `/` that some tools put before it."""
    return posixpath.normpath(f"/{name}").lstrip("/")


def _stated_hex(name: str) -> str:
    """Return the digest in a config's name: `<hex>.json`, `blobs/sha256/<hex>`, or `sha256:<hex>`."""
    return posixpath.basename(name).removesuffix(".json").removeprefix("sha256:")


def _is_tail(long: str, short: str) -> bool:
    return long.endswith(f"/{short}")


def _digest(text: bytes) -> str:
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
