"""Reads a layer's archive in one pass, and computes the digests that prove which layer it is.

Rules: OCI image-spec, layer.md. A hard link carries no data of its own; a name that begins with `.wh.` is a whiteout.
"""

from __future__ import annotations

import hashlib
import posixpath
from array import array
from dataclasses import dataclass
from typing import Protocol

import xxhash

from weighbridge.errors import UnreadableImage
from weighbridge.image.content import Blob
from weighbridge.image.layer import DIRECTORY, FILE, OTHER, WHITEOUT, Fingerprint, LayerContent
from weighbridge.image.packages import is_database, shorten
from weighbridge.sources.tar.compression import Readable, decompress, is_compressed
from weighbridge.sources.tar.go_program import HEAD_BYTES, search_program
from weighbridge.sources.tar.gzip_estimate import Deflation
from weighbridge.sources.tar.headers import Header
from weighbridge.sources.tar.reader import CHUNK_BYTES, Tape

MAX_ENTRIES = 2_000_000
"""Limit for one layer; the largest images known have a tenth of that in all their layers."""
MAX_PATH_BYTES = 4096
MAX_LAYER_BYTES = 2**38
"""Limit for one layer, unpacked: 275 GB, which take some minutes to read."""
MAX_DATABASE_BYTES = 64 * 2**20
MAX_DATABASES_BYTES = 128 * 2**20
"""Limits for one package database, and for all in a layer. Debian's largest has some 10 MB; rpm's single one has some
40 kB for each package."""
_MASK = 2**64 - 1


class Hash(Protocol):
    """A hash object of `hashlib`."""

    def update(self, data: bytes, /) -> None:
        """Hash the next bytes."""

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far."""


class Watch(Protocol):
    """Inspects the members of a layer's archive as they pass."""

    def see(self, index: int, path: str, header: Header, /) -> int:
        """Inspect one member's header; return how many of its first bytes `look` needs, or 0."""

    def look(self, data: bytes, /) -> None:
        """Inspect those bytes of the member that `see` inspected last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLayer:
    """A layer that was read to its end."""

    content: LayerContent
    diff_id: str
    """Computed from the bytes; empty if `read_layer` was called without `digests`."""
    blob: Blob | None
    """The compressed layer, or None if it came uncompressed. Its digest is computed too, or empty."""


def read_layer(source: Readable, head: bytes, *, digests: bool = True, watch: Watch | None = None) -> ReadLayer:
    """Read a layer, compressed or not, to the end of its source.

    Args:
        source: The layer's bytes, from the first.
        head: The first of them, which `source` will return again.
        digests: Whether to compute the diff ID and the blob's digest, which prove which layer it is.
        watch: Inspects the members as they pass.

    Raises:
        DamagedArchive, EOFError, OSError, ValueError: The bytes are damaged or cut off.
        UnreadableImage: There are more entries or bytes than any real layer has.
    """
    diff, packed = (hashlib.sha256(), hashlib.sha256()) if digests else (None, None)
    counted = _Counted(source, packed)
    deflation = Deflation()
    tape = Tape(decompress(counted, head), [deflation.update, *([diff.update] if diff else [])])
    scan = _WatchedScan(tape, watch) if watch else _Scan(tape)
    for header in tape.iterate_members():
        scan.add(header)
    tape.drain()
    counted.drain()
    blob = None
    if is_compressed(head):
        blob = Blob(digest=f"sha256:{packed.hexdigest()}" if packed else "", size_bytes=counted.count)
    return ReadLayer(
        content=scan.build_content(deflation.estimate_bytes()),
        diff_id=f"sha256:{diff.hexdigest()}" if diff else "",
        blob=blob,
    )


def watch_layer(source: Readable, head: bytes, watch: Watch) -> None:
    """Read a layer for a watch alone, and keep nothing else of it. Raises what `read_layer` raises."""
    tape = Tape(decompress(source, head))
    for index, header in enumerate(tape.iterate_members()):
        wanted = watch.see(index, normalise_path(header.name), header)
        if wanted:
            watch.look(tape.take(min(wanted, header.stored)))


def normalise_path(name: str) -> str:
    """Return a member's path from the root, without `./`, without a slash at either end, never above the root."""
    name = name.removeprefix("./")
    name = name.strip("/")
    if "//" in name or name.startswith(".") or "/." in name:
        return posixpath.normpath(f"/{name}").lstrip("/")
    return name


class _Counted:
    """A stream that counts its bytes and, with a `digest`, hashes them."""

    def __init__(self, source: Readable, digest: Hash | None) -> None:
        self._source, self._digest, self.count = source, digest, 0

    def read(self, size: int, /) -> bytes:
        block = self._source.read(size)
        self.count += len(block)
        if self._digest:
            self._digest.update(block)
        return block

    def drain(self) -> None:
        """Read what the decompressor left unread, which belongs to the blob too."""
        while self.read(CHUNK_BYTES):
            pass


class _Scan:
    """Collects the columns of a layer while its members pass."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._paths, self._kinds, self._sizes, self._digests = bytearray(), bytearray(), array("q"), array("Q")
        self._targets, self._documents = dict[int, str](), dict[int, bytes]()
        self._shipped = self._files = self._databases = 0
        self._content = self._ownership = self._times = 0

    def add(self, header: Header) -> None:
        """Add one member, and read its data if it is a file."""
        path, kind, size, digest = normalise_path(header.name), header.kind, header.size, 0
        if header.stored and kind == FILE:
            digest = self._hash_data(path, header.stored)
        if not path and kind != DIRECTORY:  # the root can only be a directory
            kind, size = OTHER, 0
        if len(encoded := path.encode(errors="surrogateescape")) > MAX_PATH_BYTES:
            raise UnreadableImage(f"a path has more than {MAX_PATH_BYTES} bytes, which Linux does not accept")
        if len(self._kinds) >= MAX_ENTRIES or self._tape.position > MAX_LAYER_BYTES:
            raise UnreadableImage("a layer has more entries or bytes than any real one")
        if kind == FILE and not path.rpartition("/")[2].startswith(WHITEOUT):
            self._shipped += size
            self._files += 1
        if header.target:
            self._targets[len(self._kinds)] = header.target
        self._paths += encoded
        self._paths.append(0)
        self._kinds.append(kind)
        self._sizes.append(size)
        self._digests.append(digest)
        entry = b"%b\0%d %d %d %b" % (encoded, kind, size, digest, header.target.encode(errors="surrogateescape"))
        key = xxhash.xxh3_64_intdigest(entry)
        self._content += key
        self._ownership += key * (header.mode + (header.uid << 20) + (header.gid << 44))
        self._times += key * int(header.mtime)

    def _hash_data(self, path: str, stored: int) -> int:
        """Return the digest of a file's data, and keep it if it is a database, or a Go program's module information."""
        if is_database(path) and stored <= MAX_DATABASE_BYTES and self._databases + stored <= MAX_DATABASES_BYTES:
            data = self._tape.take(stored)
            self._keep(shorten(path, data))
            return xxhash.xxh3_64_intdigest(data)
        if stored < CHUNK_BYTES:
            return xxhash.xxh3_64_intdigest(self._tape.take(stored))
        return self._digest_large(self._tape.take(HEAD_BYTES), stored)

    def _digest_large(self, head: bytes, stored: int) -> int:
        """Return the digest of a file whose first bytes were taken, and search it for Go's module information.

        No Go program is smaller than a chunk.
        """
        whole = xxhash.xxh3_64(head)
        search = search_program(head) if stored >= CHUNK_BYTES else None
        if search:
            search.feed(head)
        for piece in self._tape.iterate_pieces(stored - len(head)):
            whole.update(piece)
            if search:
                search.feed(piece)
        if search and (document := search.build_document()):
            self._keep(document)
        return whole.intdigest()

    def _keep(self, document: bytes) -> None:
        """Keep a document of the entry that is being read, unless those of the layer would take too much memory."""
        if self._databases + len(document) <= MAX_DATABASES_BYTES:
            self._documents[len(self._kinds)] = document
            self._databases += len(document)

    def build_content(self, deflated_bytes: int) -> LayerContent:
        """Return the content of the layer."""
        return LayerContent(
            shipped_bytes=self._shipped,
            file_count=self._files,
            deflated_bytes=deflated_bytes,
            fingerprint=Fingerprint(
                content=self._content & _MASK, ownership=self._ownership & _MASK, times=self._times & _MASK
            ),
            paths=bytes(self._paths),
            kinds=bytes(self._kinds),
            sizes=self._sizes,
            digests=self._digests,
            targets=self._targets,
            documents=self._documents,
        )


class _WatchedScan(_Scan):
    """A scan that also shows each member to a watch."""

    def __init__(self, tape: Tape, watch: Watch) -> None:
        super().__init__(tape)
        self._watch, self._wanted = watch, 0

    def add(self, header: Header) -> None:
        """Show one member to the watch, then add it."""
        self._wanted = self._watch.see(len(self._kinds), normalise_path(header.name), header)
        super().add(header)

    def _hash_data(self, path: str, stored: int) -> int:
        if not self._wanted:
            return super()._hash_data(path, stored)
        head = self._tape.take(min(max(self._wanted, HEAD_BYTES), stored))
        self._watch.look(head[: self._wanted])
        return self._digest_large(head, stored)
