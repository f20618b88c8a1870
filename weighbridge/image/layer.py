"""The content of one layer: its entries, stored as columns of a few bytes each, and its package databases."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

FILE, HARD_LINK, SYMBOLIC_LINK, DIRECTORY, OTHER = range(5)
"""The kinds of an entry. A whiteout is not a kind: the entry keeps the kind that the archive gives it."""

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
"""The prefix of whiteouts and the name of the opaque marker (OCI image-spec, layer.md, "Whiteouts")."""

_AT_ONCE_BYTES = 2**14
"""How much of the paths is decoded at once: far faster than one by one, and all together would take too much memory."""


class Entry(NamedTuple):
    """One entry of a layer's archive, in the order of the archive."""

    path: str
    """Without a leading `./` or slashes at either end; undecodable bytes are surrogates. Empty for the root."""
    kind: int
    size: int
    """Unpacked bytes of a regular file; 0 for any other kind."""
    digest: int
    """XXH3 (64 bits) of a regular file's bytes; 0 for any other kind."""
    target: str
    """A link's target, as written in the archive; empty for any other kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Three sums by which two layers are compared. None of them depends on the order of the entries."""

    content: int
    """Of paths, kinds, bytes and link targets."""
    ownership: int
    """Of paths, owners, groups and modes."""
    times: int
    """Of paths and modification times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerContent:
    """What one layer's archive holds, and how many bytes that is.

    By the rules of the OCI image layer specification, a hard link adds nothing to `shipped_bytes`, and a whiteout
    counts neither as a file nor in bytes.
    """

    shipped_bytes: int
    """Sum of the sizes of all regular files in the layer's own archive."""
    file_count: int
    """Regular files in the layer, without whiteouts and hard links."""
    deflated_bytes: int | None
    """An estimate of the archive's size after `gzip -6`; None where the source knows the size of its own blob."""
    fingerprint: Fingerprint
    paths: bytes = field(repr=False)
    """Each entry's path in UTF-8 with surrogate escapes, followed by a zero byte."""
    kinds: bytes = field(repr=False)
    """One byte per entry."""
    sizes: array[int] = field(repr=False)
    """Type code `q`, one item per entry."""
    digests: array[int] = field(repr=False)
    """Type code `Q`, one item per entry."""
    targets: Mapping[int, str] = field(repr=False)
    """Link targets by the index of the entry."""
    implied_folders: int
    """Folders that entries lie in, and that no entry before them lists."""
    documents: Mapping[int, bytes] = field(repr=False)
    """What shows who owns what, by the index of the entry: the bytes of a package database (`packages.is_database`
    knows it by its path), or what a Go program says of itself (`packages.go` knows it by its first bytes)."""

    @property
    def entry_count(self) -> int:
        """How many entries the layer's archive has, of any kind."""
        return len(self.kinds)

    @property
    def node_count(self) -> int:
        """How many files and folders unpacking the layer can make."""
        return self.entry_count + self.implied_folders

    @property
    def kept_bytes(self) -> int:
        """Bytes of paths, link targets and documents, which are kept as they are."""
        return len(self.paths) + sum(map(len, self.targets.values())) + sum(map(len, self.documents.values()))

    def iterate_entries(self) -> Iterator[Entry]:
        """Yield all entries in the order of the archive."""
        columns = zip(self.kinds, self.sizes, self.digests, self._iterate_paths(), strict=True)
        targets = self.targets
        for index, (kind, size, digest, path) in enumerate(columns):
            yield Entry(path, kind, size, digest, targets.get(index, ""))

    def _iterate_paths(self) -> Iterator[str]:
        begin, paths = 0, self.paths
        while begin < len(paths):
            end = paths.find(0, begin + _AT_ONCE_BYTES) + 1 or len(paths)
            yield from paths[begin : end - 1].decode(errors="surrogateescape").split("\0")
            begin = end
