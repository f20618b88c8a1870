"""What one layer holds: its entries in columns, a few bytes each, and the package databases among its files."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

FILE, HARD_LINK, SYMBOLIC_LINK, DIRECTORY, OTHER = range(5)
"""The kinds of an entry. A whiteout is none of them: it is an entry of the kind that its archive says."""

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
"""Names of markers (OCI image-spec, layer.md, "Whiteouts")."""


class Entry(NamedTuple):
    """One entry of a layer's archive, in the order of the archive."""

    path: str
    """Without `./` and slashes at its ends; undecodable bytes as surrogates. Empty for the root itself."""
    kind: int
    size: int
    """Bytes of a regular file when unpacked; 0 for all else."""
    digest: int
    """XXH3 (64 bits) of a regular file's bytes; 0 for all else."""
    target: str
    """Of a link: what it leads to, as written. Empty for all else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What two layers are compared by, each a sum over all entries that does not depend on their order."""

    content: int
    """Of paths, kinds, bytes and link targets."""
    ownership: int
    """Of paths, owners, groups and modes."""
    times: int
    """Of paths and modification times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerContent:
    """What one layer's archive holds, and what it weighs.

    A hard link adds nothing to `shipped_bytes` and a whiteout counts neither as file nor in bytes, by the rules of the
    OCI image layer specification.
    """

    shipped_bytes: int
    """Sum of the sizes of all regular files in the layer's own archive."""
    file_count: int
    """Regular files in the layer, whiteouts and hard links left out."""
    deflated_bytes: int
    """What `gzip -6` makes of the archive: an estimate."""
    fingerprint: Fingerprint
    paths: bytes = field(repr=False)
    """Each entry's path in UTF-8 with surrogate escapes, ended by a zero byte."""
    kinds: bytes = field(repr=False)
    """One byte an entry."""
    sizes: array[int] = field(repr=False)
    """`q`, one an entry."""
    digests: array[int] = field(repr=False)
    """`Q`, one an entry."""
    targets: Mapping[int, str] = field(repr=False)
    """Link targets by the index of the entry."""
    documents: Mapping[int, bytes] = field(repr=False)
    """What shows who owns what, by the index of the entry: the bytes of a package database (`packages.is_database`
    knows it by its path), or what a Go program says of itself (`packages.go` knows it by its first bytes)."""

    @property
    def entry_count(self) -> int:
        """How many entries the layer's archive has, of any kind."""
        return len(self.kinds)

    def entries(self) -> Iterator[Entry]:
        """Yield all entries in the order of the archive."""
        begin, paths, targets = 0, self.paths, self.targets
        for index, (kind, size, digest) in enumerate(zip(self.kinds, self.sizes, self.digests, strict=True)):
            end = paths.index(0, begin)
            path = paths[begin:end].decode(errors="surrogateescape")
            begin = end + 1
            yield Entry(path, kind, size, digest, targets.get(index, ""))
