"""Reads one `docker save` stream or OCI archive in a single pass, in every layout that engines and tools write.

The layouts differ in names, order, links, compression and extra files, so this reader does not rely on any order. It
recognises a layer by its first bytes and reads it as it passes, keeps JSON members, and ignores the rest. Afterwards
`archive` works out which images these members make up.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import BinaryIO

from weighbridge.errors import LimitExceeded, UnreadableImage
from weighbridge.image.content import Blob
from weighbridge.image.layer import FILE, HARD_LINK, SYMBOLIC_LINK, LayerContent
from weighbridge.model.limits import DEFAULT
from weighbridge.sources import slots
from weighbridge.sources.budget import Budget
from weighbridge.sources.processes.pool import Pool
from weighbridge.sources.slots import ArchiveFile, Slot
from weighbridge.sources.tar import compression
from weighbridge.sources.tar.compression import decompress, is_compressed
from weighbridge.sources.tar.gzip_estimate import get_process
from weighbridge.sources.tar.headers import DamagedArchive, Header, is_tar
from weighbridge.sources.tar.layer import ReadLayer, Watch, normalise_path, read_layer, watch_layer
from weighbridge.sources.tar.reader import Meter, Part, Tape
from weighbridge.sources.tar.sparse import SparsePart, open_member

MAX_DOCUMENT_BYTES = 8 * 2**20
"""A longer JSON member is not kept: a config has some kilobytes, but an attestation's bill of materials may be long."""

MAX_MEMBERS = 100_000
"""The form of an archive, not the cost of an image: each image has at most some hundred layers, with a handful of
members each. How many layers an archive may have cannot be a limit for an image, as only the last member tells whose
each layer is."""

# What the readers, the decompressors and the file below them raise on damaged bytes.
_DAMAGE: tuple[type[Exception], ...] = (DamagedArchive, *compression.DAMAGE)
_BLOB = re.compile(r"blobs/(sha256)/([0-9a-f]{64})")

Known = Callable[[str], "LayerContent | None"]
"""Takes a member's name; returns the content of that layer if it is known already, else None."""


Watching = Callable[[str], "Watch | None"]
"""Takes a member's name; returns the watch that inspects this layer, whether it is known or not, or None."""


def know_nothing(_name: str) -> LayerContent | None:
    """Return None: no layer is known already."""
    return None


def watch_nothing(_name: str) -> Watch | None:
    """Return None: no watch inspects the layer."""
    return None


def read(
    stream: BinaryIO,
    on_progress: Callable[[int], None] | None = None,
    *,
    verified: bool = True,
    known: Known = know_nothing,
    watching: Watching = watch_nothing,
    budget: Budget | None = None,
    file: ArchiveFile | None = None,
    pool: Pool | None = None,
) -> Members:
    """Read an archive to its end, and decompress it if it is compressed as a whole.

    Args:
        stream: Only its `read` is called; it stays open.
        on_progress: Called about once per MiB with the number of bytes read so far.
        verified: Whether to compute the digests that prove which layer each one is. False trusts the sender, as an
            engine is trusted.
        known: Finds layers that need not be read again; asked only if `verified` is False.
        watching: Finds the watch that inspects a layer as it passes.
        budget: The budget of all images in the archive; None: that of one image, with the default limits.
        file: The file that `stream` is, from its beginning, if it can be opened again.
        pool: Reads several layers of `file` at once.

    Raises:
        LimitExceeded: The archive exceeds a limit.
        UnreadableImage: The archive is cut off, is damaged, or is not an archive of images. Exceptions of the stream
            other than `OSError`, such as those of an engine that goes away, pass through.
    """
    budget = budget or Budget(DEFAULT, "The archive")
    draft = _Draft(verified=verified, known=known, watching=watching, budget=budget)
    try:
        source = Meter(stream, on_progress)
        if file and pool and not is_compressed(source.head):
            draft.slots = []
        pass_over = partial(source.pass_over, stream) if draft.slots is not None else None
        tape = Tape(decompress(source, source.head), [lambda chunk: budget.spend_archive(len(chunk))], pass_over)
        for header in tape.iterate_members():
            draft.add(header, tape)
        tape.drain()  # to the end of the stream, where gzip has its checksum
    except _DAMAGE as error:
        raise UnreadableImage(f"The archive is cut off or damaged: {describe_error(error)}") from error
    if file and pool and draft.slots:
        for slot, read_slot in slots.read_all(file, draft.slots, budget, pool, source.count):
            draft.try_layer(slot.name, read_slot)
    return draft.finish()


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """What the reader kept of an archive's members; the keys are the members' names."""

    documents: Mapping[str, bytes]
    """The JSON members."""
    layers: Mapping[str, ReadLayer]
    links: Mapping[str, str]
    """Name of a link -> name of its target, which the reader need not have kept."""
    faults: Mapping[str, UnreadableImage]
    """Why a member could not be read."""

    def find_layer(self, name: str) -> ReadLayer | None:
        """Follow links, and return the layer of that name, or None."""
        return self.layers.get(self.resolve(name))

    def resolve(self, name: str) -> str:
        """Follow links from a name to the name of a member."""
        name = normalise_path(name)
        for _ in self.links:  # follows each link at most once, so that a loop ends
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
    budget: Budget
    documents: dict[str, bytes] = field(default_factory=dict)
    layers: dict[str, ReadLayer] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    faults: dict[str, UnreadableImage] = field(default_factory=dict)
    slots: list[Slot] | None = None
    """Where layers lie that are to be read later; None: each is read as it passes."""
    count: int = 0

    def add(self, header: Header, tape: Tape) -> None:
        """Read one member if its first bytes show a layer or JSON.

        A damaged member raises nothing yet: its fault is raised when an image needs it.
        """
        self.count += 1
        if self.count > MAX_MEMBERS:
            raise DamagedArchive(f"it has more than {MAX_MEMBERS} members")
        name = normalise_path(header.name)
        if header.kind in (SYMBOLIC_LINK, HARD_LINK):
            folder = posixpath.dirname(name) if header.kind == SYMBOLIC_LINK else ""
            self.links[name] = normalise_path(posixpath.join(folder, header.target))
        elif header.kind == FILE:
            part = open_member(tape, header) if header.is_sparse else Part(tape, header.stored)
            self._add_file(name, part, header.size, tape)

    def _add_file(self, name: str, part: Part | SparsePart, size: int, tape: Tape) -> None:
        # An archive without any bytes is a valid layer without any file.
        if not size or is_tar(part.head) or is_compressed(part.head):
            if self.slots is not None and isinstance(part, Part):
                begin = tape.position - len(part.head)
                self.slots.append(Slot(name=name, begin=begin, size=size, is_packed=is_compressed(part.head)))
            else:
                self.try_layer(name, partial(self._read_layer, name, part, size))
        elif part.head.lstrip()[:1] in (b"{", b"["):
            self._add_document(name, part, size)

    def _read_layer(self, name: str, part: Part | SparsePart, size: int) -> ReadLayer:
        content, watch = None if self.verified else self.known(name), self.watching(name)
        is_packed = is_compressed(part.head)
        if content is None or not (is_packed or content.deflated_bytes is not None):
            return read_layer(
                part,
                part.head,
                digests=self.verified,
                watch=watch,
                budget=self.budget,
                get_packer=None if is_packed else get_process,
            )
        self.budget.spend_layer(content)
        if watch:
            watch_layer(part, part.head, watch, self.budget)
        packed = Blob(digest=_find_stated(name), size_bytes=size) if is_packed else None
        return ReadLayer(content=content, diff_id="", blob=packed)

    def try_layer(self, name: str, read: Callable[[], ReadLayer]) -> None:
        """Read a layer, and keep it, or else why it cannot be read."""
        try:
            layer = read()
        except LimitExceeded:
            raise  # also if no image needs this layer: it costs as much
        except UnreadableImage as error:
            self.faults[name] = error
        except _DAMAGE as error:
            self.faults[name] = UnreadableImage(describe_error(error))
        else:
            self._keep(name, layer, _find_stated(name))

    def _keep(self, name: str, layer: ReadLayer, stated: str) -> None:
        """Keep a layer whose digest agrees with the one in its name, `stated`; an uncomputed digest always agrees."""
        computed = layer.blob.digest if layer.blob else layer.diff_id
        if stated and computed and stated != computed:
            self.faults[name] = UnreadableImage(f"its digest is not {stated[:19]}…")
            return
        if layer.blob and not computed:
            layer = replace(layer, blob=Blob(digest=stated, size_bytes=layer.blob.size_bytes))
        self.layers[name] = layer

    def _add_document(self, name: str, part: Part | SparsePart, size: int) -> None:
        if size > MAX_DOCUMENT_BYTES:
            self.faults[name] = UnreadableImage(f"it has {size} bytes, which is too long", advice="")
            return
        self.budget.spend_document(size)
        self.documents[name] = part.read(size)

    def finish(self) -> Members:
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


def _find_stated(name: str) -> str:
    """Return the digest that a member's name states; empty if it states none."""
    blob = _BLOB.fullmatch(name)
    return f"{blob[1]}:{blob[2]}" if blob else ""


def describe_error(error: BaseException) -> str:
    """Return an exception's text on one line."""
    return " ".join(str(error).split()) or type(error).__name__
