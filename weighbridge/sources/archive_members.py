"""Reads one `docker save` stream or OCI archive, front to back and once, in every layout that engines and tools write.

The layouts differ in names, order, links and compression, and in what else lies about. So no order is relied on: each
member that is a layer by its own bytes is read as it passes, JSON is kept, the rest is ignored. What the images are
that these members make up is found out afterwards (`archive`).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from weighbridge.errors import UnreadableImage
from weighbridge.image.content import Blob
from weighbridge.image.layer import FILE, HARD_LINK, SYMBOLIC_LINK, LayerContent
from weighbridge.sources.tar import compression
from weighbridge.sources.tar.compression import decompressed, is_compressed
from weighbridge.sources.tar.headers import DamagedArchive, Header, is_tar
from weighbridge.sources.tar.layer import ReadLayer, Watch, plain, read_layer, watch_layer
from weighbridge.sources.tar.reader import Meter, Part, Tape
from weighbridge.sources.tar.sparse import SparsePart, open_member

MAX_DOCUMENT_BYTES = 8 * 2**20
"""A longer JSON member is left out: configs have kilobytes, but software bills in attestations may be long."""

MAX_DOCUMENTS_BYTES = 64 * 2**20
"""What all kept JSON together may take."""

MAX_MEMBERS = 100_000
"""An image has at most some hundred layers, with a handful of members each."""

# What the readers, the decompressors and the file below them raise on bytes that are not what they should be.
_DAMAGE: tuple[type[Exception], ...] = (DamagedArchive, *compression.DAMAGE)
_BLOB = re.compile(r"blobs/(sha256)/([0-9a-f]{64})")

Known = Callable[[str], "LayerContent | None"]
"""Returns what is known of a layer by a member's name, without its archive; None where that is nothing."""


Watching = Callable[[str], "Watch | None"]
"""Returns what is to look at the layer that a member of that name is, known or not; None where nothing is."""


def nothing_known(_name: str) -> LayerContent | None:
    """Know no layer."""
    return None


def nobody_watches(_name: str) -> Watch | None:
    """Let nothing look at a layer."""
    return None


def read(
    stream: BinaryIO,
    on_progress: Callable[[int], None] | None = None,
    *,
    verified: bool = True,
    known: Known = nothing_known,
    watching: Watching = nobody_watches,
) -> Members:
    """Read an archive to its end; compression around the whole is undone.

    Args:
        stream: Needs `read` alone; is not closed.
        on_progress: Is told the number of bytes read so far, about once for each MiB.
        verified: Whether to compute the digests that prove what each layer is. An engine is believed.
        known: Spares the reading of layers, where the archive is believed.
        watching: Lets something look at layers as they pass.

    Raises:
        UnreadableImage: The archive is cut off, damaged, or no archive of images. What the stream raises beside an
            `OSError`, such as an engine that goes away, gets through.
    """
    draft = _Draft(verified=verified, known=known, watching=watching)
    try:
        source = Meter(stream, on_progress)
        tape = Tape(decompressed(source, source.head))
        for header in tape.members():
            draft.add(header, tape)
        tape.drain()  # to the end of the stream, where gzip has its checksum
    except _DAMAGE as error:
        raise UnreadableImage(f"The archive is cut off or damaged: {reason(error)}") from error
    return draft.finished()


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """All that was kept of an archive's members, by their names."""

    documents: Mapping[str, bytes]
    """JSON."""
    layers: Mapping[str, ReadLayer]
    links: Mapping[str, str]
    """Where a name is only another for a member, also for one that was left out: its target."""
    faults: Mapping[str, UnreadableImage]
    """Why a member could not be read."""

    def layer(self, name: str) -> ReadLayer | None:
        """Return the layer of that name, links followed."""
        return self.layers.get(self.resolved(name))

    def resolved(self, name: str) -> str:
        """Return the name that a name leads to."""
        name = plain(name)
        for _ in self.links:  # each at most once, so that a circle ends
            if name not in self.links:
                break
            name = self.links[name]
        return name


@dataclass(slots=True)
class _Draft:
    """An archive while it is read."""

    verified: bool
    known: Known
    watching: Watching
    documents: dict[str, bytes] = field(default_factory=dict)
    documents_bytes: int = 0
    layers: dict[str, ReadLayer] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    faults: dict[str, UnreadableImage] = field(default_factory=dict)
    count: int = 0

    def add(self, header: Header, tape: Tape) -> None:
        """Take in one member by what its first bytes are. Its fault is raised later, if an image needs the member."""
        self.count += 1
        if self.count > MAX_MEMBERS:
            raise DamagedArchive(f"it has more than {MAX_MEMBERS} members")
        name = plain(header.name)
        if header.kind in (SYMBOLIC_LINK, HARD_LINK):
            folder = posixpath.dirname(name) if header.kind == SYMBOLIC_LINK else ""
            self.links[name] = plain(posixpath.join(folder, header.target))
        elif header.kind == FILE:
            part = open_member(tape, header) if header.is_sparse else Part(tape, header.stored)
            self._add_file(name, part, header.size)

    def _add_file(self, name: str, part: Part | SparsePart, size: int) -> None:
        # An archive without any bytes is a valid layer without any file.
        if not size or is_tar(part.head) or is_compressed(part.head):
            self._add_layer(name, part, size)
        elif part.head.lstrip()[:1] in (b"{", b"["):
            self._add_document(name, part, size)

    def _add_layer(self, name: str, part: Part | SparsePart, size: int) -> None:
        blob = _BLOB.fullmatch(name)
        stated = f"{blob[1]}:{blob[2]}" if blob else ""
        content, watch = None if self.verified else self.known(name), self.watching(name)
        try:
            if content is None:
                layer = read_layer(part, part.head, digests=self.verified, watch=watch)
            else:
                if watch:
                    watch_layer(part, part.head, watch)
                packed = Blob(digest=stated, size_bytes=size) if is_compressed(part.head) else None
                layer = ReadLayer(content=content, diff_id="", blob=packed)
        except UnreadableImage as error:
            self.faults[name] = error
        except _DAMAGE as error:
            self.faults[name] = UnreadableImage(reason(error))
        else:
            self._keep(name, layer, stated)

    def _keep(self, name: str, layer: ReadLayer, stated: str) -> None:
        """Keep a layer; a blob's name is its digest, which is compared where one was computed, and else believed."""
        told = layer.blob.digest if layer.blob else layer.diff_id
        if stated and told and stated != told:
            self.faults[name] = UnreadableImage(f"its digest is not {stated[:19]}…")
            return
        if layer.blob and not told:
            layer = replace(layer, blob=Blob(digest=stated, size_bytes=layer.blob.size_bytes))
        self.layers[name] = layer

    def _add_document(self, name: str, part: Part | SparsePart, size: int) -> None:
        if size > MAX_DOCUMENT_BYTES or self.documents_bytes + size > MAX_DOCUMENTS_BYTES:
            self.faults[name] = UnreadableImage(f"it has {size} bytes, which is too long", advice="")
            return
        self.documents[name] = part.read(size)
        self.documents_bytes += size

    def finished(self) -> Members:
        if not {"manifest.json", "index.json"} & set(self.documents):
            if self.documents.get("repositories", b"{}").strip() != b"{}":
                raise UnreadableImage(
                    "The archive has the form of Docker before 1.10: no manifest.json, no config, no diff IDs",
                    advice="Load it into a Docker before 25, `docker load`, and save the image again, `docker save`.",
                )
            raise UnreadableImage(
                "The archive has neither manifest.json nor index.json: it is cut off, or holds no images"
            )
        return Members(documents=self.documents, layers=self.layers, links=self.links, faults=self.faults)


def reason(error: BaseException) -> str:
    """Return an exception's text on one line."""
    return " ".join(str(error).split()) or type(error).__name__
