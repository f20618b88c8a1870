"""One package's header as an RPM database keeps it: an index of tags and the store that their values lie in.

Sources: rpm's own documentation, "Header Format" and "RPM tags"; its `header.c` for the limits and for entries that
were added after the build, which replace those of the same tag before them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import repeat

from weighbridge.image.packages.package import LONGEST_PATH

MAX_HEADER_BYTES = 2**28
"""rpm takes no larger one."""
MAX_TAGS = 2**16
MAX_VALUES = 2**20
"""Of one tag: as many files, say, as rpm lets a package have."""
MAX_PATHS_CHARACTERS = 2**25
"""Of one package's paths together. A folder is written once and its files by a number, so that a small header could
otherwise stand for more than the memory holds."""

_INTRO = struct.Struct(">II")
_ENTRY = struct.Struct(">IIiI")
_STRING, _STRINGS, _TRANSLATED = 6, 8, 9
_NUMBERS: Mapping[int, str] = {1: "B", 2: "B", 3: "H", 4: "I"}
"""The types of numbers that are of use here, as `struct` names them: characters, and integers of 8, 16 and 32 bits."""


class Tag(IntEnum):
    """The tags that are of use here (`rpmtag.h`)."""

    NAME = 1000
    VERSION = 1001
    RELEASE = 1002
    EPOCH = 1003
    OLD_FILE_NAMES = 1027
    FILE_STATES = 1029
    FILE_FLAGS = 1037
    PROVIDE_NAME = 1047
    REQUIRE_FLAGS = 1048
    REQUIRE_NAME = 1049
    DIR_INDEXES = 1116
    BASE_NAMES = 1117
    DIR_NAMES = 1118


class DamagedHeader(Exception):
    """A header breaks the rules of its format, so that nothing in it can be believed."""


_GHOST = 1 << 6
_NEEDS_RPM_ITSELF = 1 << 24
_ON_DISK = frozenset({0, 3})
"""The states "normal" and "on a shared file system". A file that was replaced belongs to another package now; the
others were never unpacked: documentation that the installer left out, or code for another processor."""
_TAGS = frozenset(Tag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a header says of its package."""

    name: str
    version: str
    """`[epoch:]version-release`, as rpm prints it for `%{EVR}`."""
    paths: list[str]
    """Absolute, as recorded: what rpm unpacked. Ghost files, which programs write later, are left out."""
    requires: list[str]
    """Names of packages and capabilities, absolute paths, and rich dependencies in parentheses; without versions."""
    provides: list[str]


def parse_header(blob: bytes) -> Header:
    """Read one header.

    Raises:
        DamagedHeader: It breaks the rules of its format, or has no name.
    """
    values = _Values(blob)
    name, version, release = (values.read_text(tag) for tag in (Tag.NAME, Tag.VERSION, Tag.RELEASE))
    if not name:
        raise DamagedHeader("a package has no name")
    epoch = "".join(f"{number}:" for number in values.read_numbers(Tag.EPOCH)[:1])
    return Header(
        name=name,
        version=epoch + (f"{version}-{release}" if release else version),
        paths=list(_unpack(values)),
        requires=list(_read_required(values)),
        provides=values.read_texts(Tag.PROVIDE_NAME),
    )


class _Values:
    """The values of a header, by their tags."""

    def __init__(self, blob: bytes) -> None:
        if not _INTRO.size <= len(blob) <= MAX_HEADER_BYTES:
            raise DamagedHeader("a header is too short or too long")
        count, stored = _INTRO.unpack_from(blob)
        begin = _INTRO.size + count * _ENTRY.size
        if count > MAX_TAGS or begin + stored != len(blob):
            raise DamagedHeader("a header does not have the length that it states")
        self._store = blob[begin:]
        entries = _ENTRY.iter_unpack(blob[_INTRO.size : begin])
        self._entries = {tag: (kind, offset, count) for tag, kind, offset, count in entries if tag in _TAGS}

    def read_text(self, tag: Tag) -> str:
        """Return a tag's only string; empty where it is missing."""
        return next(iter(self.read_texts(tag)), "")

    def read_texts(self, tag: Tag) -> list[str]:
        """Return a tag's strings; none where it is missing."""
        kind, offset, count = self._find_entry(tag)
        if not count:
            return []
        if kind not in {_STRING, _STRINGS, _TRANSLATED}:
            raise DamagedHeader("a value is of another type than its tag")
        *found, _ = self._store[offset:].split(b"\0", count)
        if len(found) != count:
            raise DamagedHeader("a value goes beyond its header")
        return [text.decode("utf-8", "surrogateescape") for text in found]

    def read_numbers(self, tag: Tag) -> tuple[int, ...]:
        """Return a tag's numbers; none where it is missing."""
        kind, offset, count = self._find_entry(tag)
        if not count:
            return ()
        if kind not in _NUMBERS:
            raise DamagedHeader("a value is of another type than its tag")
        try:
            return struct.unpack_from(f">{count}{_NUMBERS[kind]}", self._store, offset)
        except struct.error:
            raise DamagedHeader("a value goes beyond its header") from None

    def _find_entry(self, tag: Tag) -> tuple[int, int, int]:
        """Return type, offset and number of a tag's values; zeros where it is missing."""
        kind, offset, count = self._entries.get(tag, (0, 0, 0))
        if not 0 <= offset <= len(self._store) or count > MAX_VALUES:
            raise DamagedHeader("a value goes beyond its header")
        return kind, offset, count


def _unpack(values: _Values) -> Iterator[str]:
    """Yield the files that rpm unpacked and that are still the package's own."""
    paths = _read_paths(values)
    flags, states = (values.read_numbers(tag) for tag in (Tag.FILE_FLAGS, Tag.FILE_STATES))
    if any(column and len(column) != len(paths) for column in (flags, states)):
        raise DamagedHeader("some files have no flags or no state")
    for path, flag, state in zip(paths, flags or repeat(0), states or repeat(0), strict=False):
        if not flag & _GHOST and state in _ON_DISK:
            yield path


def _read_paths(values: _Values) -> list[str]:
    """Return all files that the package has, in its order. Before rpm 4 they stood there as whole paths."""
    names, folders = values.read_texts(Tag.BASE_NAMES), values.read_texts(Tag.DIR_NAMES)
    places = values.read_numbers(Tag.DIR_INDEXES)
    if not names:
        return values.read_texts(Tag.OLD_FILE_NAMES)
    if len(places) != len(names) or max(places) >= len(folders):
        raise DamagedHeader("a file lies in no folder")
    lengths = [len(folder) for folder in folders]
    if sum(map(len, names)) + sum(lengths[place] for place in places) > MAX_PATHS_CHARACTERS:
        raise DamagedHeader("the paths of a package are longer than any real one's")
    short = [folder if len(folder) <= LONGEST_PATH else "" for folder in folders]
    return [short[place] + name for place, name in zip(places, names, strict=True) if short[place]]


def _read_required(values: _Values) -> Iterator[str]:
    """Yield what the package requires of others, rather than of the rpm that installs it."""
    names, flags = values.read_texts(Tag.REQUIRE_NAME), values.read_numbers(Tag.REQUIRE_FLAGS)
    if flags and len(flags) != len(names):
        raise DamagedHeader("a requirement has no flags")
    for name, flag in zip(names, flags or repeat(0), strict=False):
        if not (flag & _NEEDS_RPM_ITSELF or name.startswith("rpmlib(")):
            yield name
