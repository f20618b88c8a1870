"""Reads a layer's archive in one pass, and computes the digests that prove which layer it is.

Rules: OCI image-spec, layer.md. A hard link carries no data of its own; a name that begins with `.wh.` is a whiteout.
"""

from __future__ import annotations

import hashlib
import posixpath
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import xxhash

from weighbridge.errors import UnreadableImage
from weighbridge.image.content import Blob
from weighbridge.image.layer import DIRECTORY, FILE, OTHER, WHITEOUT, Fingerprint, LayerContent
from weighbridge.image.packages.databases import is_database, shorten
from weighbridge.model.limits import DEFAULT
from weighbridge.sources.budget import Budget, FolderCount
from weighbridge.sources.tar.compression import Readable, decompress, is_compressed
from weighbridge.sources.tar.go_program import HEAD_BYTES, search_program
from weighbridge.sources.tar.gzip_estimate import Deflation, Packer, get_process
from weighbridge.sources.tar.headers import DamagedArchive, Header
from weighbridge.sources.tar.reader import CHUNK_BYTES, Tap, Tape

MAX_PATH_BYTES = 4096
"""The form of a path, not its cost: Linux cannot unpack a longer one."""
MAX_DATABASE_BYTES = 64 * 2**20
"""A longer file at the path of a package database is none. Debian's largest has some 10 MB; rpm's single one has some
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


class Watches(Protocol):
    """Inspects layers, each with its own `Watch`, and remembers which layers it has inspected."""

    def has(self, diff_id: str) -> bool:
        """Tell whether that layer was inspected before."""

    def begin(self) -> Watch:
        """Return a watch for a layer that is about to be read."""

    def keep(self, diff_id: str, watch: Watch) -> None:
        """Keep what a watch has found in a layer that was read to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLayer:
    """A layer that was read to its end."""

    content: LayerContent
    diff_id: str
    """Computed from the bytes; empty if `read_layer` was called without `digests`."""
    blob: Blob | None
    """The compressed layer, or None if it came uncompressed. Its digest is computed too, or empty."""


def read_layer(
    source: Readable,
    head: bytes,
    *,
    digests: bool = True,
    watch: Watch | None = None,
    budget: Budget | None = None,
    get_packer: Callable[[], Packer] | None = get_process,
    allows_holes: bool = True,
) -> ReadLayer:
    """Read a layer, compressed or not, to the end of its source.

    Args:
        source: The layer's bytes, from the first.
        head: The first of them, which `source` will return again.
        digests: Whether to compute the diff ID and the blob's digest, which prove which layer it is.
        watch: Inspects the members as they pass.
        budget: The budget of the image; None: that of an image with this layer alone, and with the default limits.
        get_packer: Returns what packs the samples of the estimate; None: there is no estimate.
        allows_holes: Whether the source can give files of which the archive leaves holes out.

    Raises:
        DamagedArchive, EOFError, OSError, ValueError: The bytes are damaged or cut off, or there is such a file.
        LimitExceeded: With this layer, the image exceeds a limit.
        UnreadableImage: A path is longer than Linux accepts.
    """
    budget = budget or Budget(DEFAULT, "The layer")
    diff, packed = (hashlib.sha256(), hashlib.sha256()) if digests else (None, None)
    counted = _Counted(source, packed, budget)
    deflation = Deflation(get_packer) if get_packer else None
    taps = [*([deflation.update] if deflation else []), *([diff.update] if diff else [])]
    plain = decompress(counted, head)
    kind = partial(_WatchedScan, watch=watch) if watch else _Scan
    scan = kind(plain, taps, budget, allows_holes=allows_holes)
    scan.read()
    counted.drain()
    content = scan.build_content(deflation.estimate_bytes() if deflation else None)
    budget.spend_layer(content)
    blob = None
    if is_compressed(head):
        blob = Blob(digest=f"sha256:{packed.hexdigest()}" if packed else "", size_bytes=counted.count)
    return ReadLayer(content=content, diff_id=f"sha256:{diff.hexdigest()}" if diff else "", blob=blob)


def watch_layer(source: Readable, head: bytes, watch: Watch, budget: Budget | None = None) -> None:
    """Read a layer for a watch alone, and keep nothing else of it. Raises what `read_layer` raises."""
    budget = budget or Budget(DEFAULT, "The layer")
    tape = Tape(decompress(source, head), [lambda chunk: budget.spend_chunk(len(chunk))])
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
    """Counts and, with a `digest`, hashes a stream. It looks at the clock, as a decompressor may be silent for long."""

    def __init__(self, source: Readable, digest: Hash | None, budget: Budget) -> None:
        self._source, self._digest, self._budget, self.count = source, digest, budget, 0

    def read(self, size: int, /) -> bytes:
        self._budget.check_time()
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

    def __init__(self, plain: Readable, taps: Sequence[Tap], budget: Budget, *, allows_holes: bool) -> None:
        self._budget, self._tape = budget, Tape(plain, [*taps, self._check_budget])
        self._paths, self._kinds, self._sizes, self._digests = bytearray(), bytearray(), array("q"), array("Q")
        self._targets, self._documents = dict[int, str](), dict[int, bytes]()
        self._folders, self._allows_holes = FolderCount(), allows_holes
        self._shipped = self._files = self._databases = self._target_length = 0
        self._content = self._ownership = self._times = 0

    def read(self) -> None:
        """Add all members, and read to the end of the stream."""
        for header in self._tape.iterate_members():
            self.add(header)
        self._tape.drain()

    def _check_budget(self, chunk: bytes) -> None:
        kept = len(self._paths) + self._target_length + self._databases
        self._budget.spend_chunk(len(chunk), len(self._kinds) + self._folders.implied, kept)

    def add(self, header: Header) -> None:
        """Add one member, and read its data if it is a file."""
        name, _, kind, size, stored, target, mode, uid, gid, mtime, _, has_holes = header  # far faster than one by one
        if has_holes and not self._allows_holes:
            raise DamagedArchive("the archive leaves holes of a file out")
        path = normalise_path(name)
        digest = self._hash_data(path, stored) if stored and kind == FILE else 0
        if not path and kind != DIRECTORY:  # the root can only be a directory
            kind, size = OTHER, 0
        encoded = path.encode(errors="surrogateescape")
        if len(encoded) > MAX_PATH_BYTES:
            raise UnreadableImage(f"a path has more than {MAX_PATH_BYTES} bytes, which Linux does not accept")
        self._count(path, kind, size)
        if target:
            self._targets[len(self._kinds)] = target
            self._target_length += len(target)
        self._paths += encoded + b"\0"
        self._kinds.append(kind)
        self._sizes.append(size)
        self._digests.append(digest)
        entry = f"{path}\0{kind} {size} {digest} {target}"
        key = xxhash.xxh3_64_intdigest(entry.encode(errors="surrogateescape"))
        self._content += key
        self._ownership += key * (mode + (uid << 20) + (gid << 44))
        self._times += key * int(mtime)

    def _count(self, path: str, kind: int, size: int) -> None:
        """Count a member as a file, or as a folder, and the folders above it."""
        folder, _, name = path.rpartition("/")
        self._folders.enter(folder)
        if kind == DIRECTORY:
            self._folders.list_folder(path)
        elif kind == FILE and not name.startswith(WHITEOUT):
            self._shipped += size
            self._files += 1

    def _hash_data(self, path: str, stored: int) -> int:
        """Return the digest of a file's data, and keep it if it is a database, or a Go program's module information."""
        if is_database(path) and stored <= MAX_DATABASE_BYTES:
            data = self._take_head(stored)
            self._keep(shorten(path, data))
            return xxhash.xxh3_64_intdigest(data)
        if stored < CHUNK_BYTES:
            return xxhash.xxh3_64_intdigest(self._take_head(stored))
        return self._digest_large(self._take_head(HEAD_BYTES), stored)

    def _take_head(self, least: int) -> bytes:
        """Return the first bytes of a file, `least` or more."""
        return self._tape.take(least)

    def _digest_large(self, head: bytes, stored: int) -> int:
        """Return the digest of a file whose first bytes were taken, and search it for Go's module information.

        No Go program is smaller than a chunk.
        """
        whole = xxhash.xxh3_64(head)
        search = search_program(head)
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
        """Keep a document of the entry that is being read."""
        self._documents[len(self._kinds)] = document
        self._databases += len(document)
        self._check_budget(b"")

    def build_content(self, deflated_bytes: int | None) -> LayerContent:
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
            implied_folders=self._folders.implied,
            documents=self._documents,
        )


class _WatchedScan(_Scan):
    """A scan that also shows each member to a watch."""

    _wanted: int
    """How many of the member's first bytes the watch sees."""

    def __init__(
        self, plain: Readable, taps: Sequence[Tap], budget: Budget, *, allows_holes: bool, watch: Watch
    ) -> None:
        super().__init__(plain, taps, budget, allows_holes=allows_holes)
        self._watch = watch

    def add(self, header: Header) -> None:
        """Show one member to the watch, then add it."""
        wanted = self._watch.see(len(self._kinds), normalise_path(header.name), header)
        self._wanted = min(wanted, header.stored)
        super().add(header)

    def _take_head(self, least: int) -> bytes:
        head = self._tape.take(max(self._wanted, least))
        if self._wanted:
            self._watch.look(head[: self._wanted])
        return head
