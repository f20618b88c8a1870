"""What a database says of one package, and the reading that all databases share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from posixpath import normpath

LONGEST_PATH = 4096
"""Linux's PATH_MAX. What is longer is damage, and joined to each name of a folder it would fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Something that a package manager installed."""

    kind: str
    """`debian`, `alpine`, `rpm`, `python` or `go`."""
    name: str
    version: str
    """Empty where only the package's files are recorded."""
    paths: tuple[str, ...]
    """From the root, without a leading slash, as recorded: symbolic links on the way are not followed."""
    folders: tuple[str, ...] = ()
    """Folders, written likewise, that the package has with all below them; what another package has in there is that
    one's. For managers that keep no list of files."""
    requires: tuple[str, ...] = ()
    """What the package needs to run, by its own metadata: names of packages, or of what a package `provides`. Where one
    of several would do, all of them."""
    provides: tuple[str, ...] = ()
    """What else, besides its own name, satisfies what others require."""
    requested: bool | None = None
    """Whether the manager wrote down that somebody asked for it by name; None where it does not write that down."""


def lines(content: bytes) -> list[str]:
    """Return the lines of a database. Undecodable bytes are surrogates, as in the paths of a layer."""
    # Not `splitlines`: it also splits at form feeds and the like, which a file's name may hold.
    return content.decode("utf-8", "surrogateescape").split("\n")


def from_root(recorded: Iterable[str]) -> tuple[str, ...]:
    """Return paths as an image's layers name them, each once, in order; the root and what is no path are left out.

    `..` is resolved by its letters alone and never leads above the root.
    """
    usable = (path for path in recorded if len(path) <= LONGEST_PATH and "\0" not in path)
    normal = (normpath("/" + path).lstrip("/") for path in usable)
    return tuple(dict.fromkeys(filter(None, normal)))
