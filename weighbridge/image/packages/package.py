"""A package as a database describes it, and two parsers that all databases share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from posixpath import normpath

LONGEST_PATH = 4096
"""Linux's PATH_MAX. A longer path is damaged data, and joined to every name in a folder it would fill the memory."""
MAX_PATHS_CHARACTERS = 2**27
"""Of the paths that one list names, folders included: a folder is written once for many files, so that a small list
could otherwise stand for more than the memory holds. The largest packages known have some ten million."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that a package manager installed."""

    kind: str
    """The category of its ecosystem (see `ecosystems`), such as `debian`."""
    name: str
    version: str
    """Empty if only the package's files are recorded."""
    paths: tuple[str, ...]
    """From the root, without a leading slash, as recorded: symbolic links on the way are not followed."""
    folders: tuple[str, ...] = ()
    """Folders, written likewise, that the package has with all below them; what another package has in there is that
    one's. For managers that keep no list of files. One that is a file stands for itself."""
    requires: tuple[str, ...] = ()
    """What the package needs to run, by its own metadata: names of packages, or of what a package `provides`. Where one
    of several would do, all of them. Of Python, whole requirements with their extras and markers (PEP 508): whether one
    counts depends on the image's platform and on the extras that somebody asked for."""
    provides: tuple[str, ...] = ()
    """Other names, besides its own, under which packages may require it."""
    requested: bool | None = None
    """Whether the manager wrote down that somebody asked for it by name; None where it does not write that down."""
    is_application: bool = False
    """Whether it was installed from a folder or an archive of the user's own: nothing needs to require it."""
    has_metadata: bool = True
    """Whether `requires` could be read. Where that of one package is missing, nobody can say that nothing requires
    another."""


def split_lines(content: bytes) -> list[str]:
    """Return the lines of a database. Undecodable bytes become surrogates, as in the paths of a layer."""
    # `splitlines` would also split at form feeds and the like, which a file's name may contain.
    return content.decode("utf-8", "surrogateescape").split("\n")


def normalise_paths(recorded: Iterable[str], most: int | None = None) -> tuple[str, ...]:
    """Return paths in the form that layers use, each once, in order. The root and invalid paths are left out.

    `..` is resolved textually, without following links, and never leads above the root.

    Args:
        recorded: The paths.
        most: How many characters they may have together; what comes after is left out. None: `MAX_PATHS_CHARACTERS`.
    """
    left, found = MAX_PATHS_CHARACTERS if most is None else most, dict[str, None]()
    for path in recorded:
        left -= len(path)
        if left < 0:
            break
        if len(path) <= LONGEST_PATH and "\0" not in path:
            found[_normalise(path)] = None
    found.pop("", None)
    return tuple(found)


def _normalise(path: str) -> str:
    if path.startswith(".") or "/." in path or "//" in path:
        return normpath("/" + path).lstrip("/")
    return path.strip("/")  # as nearly all are recorded
