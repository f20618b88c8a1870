"""A package as a database describes it, and two parsers that all databases share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from posixpath import normpath

LONGEST_PATH = 4096
"""Linux's PATH_MAX. A longer path is damaged data, and joined to every name in a folder it would fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that a package manager installed."""

    kind: str
    """`debian`, `alpine` or `python`."""
    name: str
    version: str
    """Empty if only the package's files are recorded."""
    paths: tuple[str, ...]
    """From the root, without a leading slash, as recorded: symbolic links on the way are not followed."""
    folders: tuple[str, ...] = ()
    """Folders, in the same form, that the package owns with everything below them, except what another package owns.
    For managers that keep no list of files."""
    requires: tuple[str, ...] = ()
    """What the package needs to run, by its own metadata: names of packages, or of what a package `provides`. If one of
    several is enough, all of them."""
    provides: tuple[str, ...] = ()
    """Other names, besides its own, under which packages may require it."""
    requested: bool | None = None
    """Whether a user asked the manager for it by name; None if the manager does not record that."""


def lines(content: bytes) -> list[str]:
    """Return the lines of a database. Undecodable bytes become surrogates, as in the paths of a layer."""
    # `splitlines` would also split at form feeds and the like, which a file's name may contain.
    return content.decode("utf-8", "surrogateescape").split("\n")


def from_root(recorded: Iterable[str]) -> tuple[str, ...]:
    """Return paths in the form that layers use, each once, in order. The root and invalid paths are left out.

    `..` is resolved textually, without following links, and never leads above the root.
    """
    usable = (path for path in recorded if len(path) <= LONGEST_PATH and "\0" not in path)
    normal = (normpath("/" + path).lstrip("/") for path in usable)
    return tuple(dict.fromkeys(filter(None, normal)))
