"""Scans a layer's archive, as it passes, for what an image may be better off without.

Paths and modes give most of the hits away. The scan looks into few files: not into those that a distribution or a
package index has published, because they are public, nor into large ones, because no credential is large. A layer never
changes, so its hits are kept under its diff ID.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, get_args

from weighbridge import code_digest, secret_detection
from weighbridge.cache import Cache
from weighbridge.image.layer import DIRECTORY, FILE, OTHER, WHITEOUT
from weighbridge.model.scan import Kind
from weighbridge.sources.scan import elf, paths
from weighbridge.sources.tar.headers import Header
from weighbridge.sources.tar.layer import Watch

MAX_SECRET_BYTES = 2**20
MOST = 200
"""How many hits of one kind a layer keeps; of kind `writable`, for each owner and mode."""
MOST_DIRECTORIES = 2000
HAS_ASSIGNMENTS = "an environment file with values"
_SET_ID = {0o4000: "setuid", 0o2000: "setgid"}
_STICKY, _EXECUTABLE = 0o1000, 0o111
_OWNER, _GROUP, _OTHERS = 0o200, 0o020, 0o002
_USERS = "etc/passwd"
_USER = re.compile(r"^([^:\n]+):[^:\n]*:([0-9]{1,10}):([0-9]{1,10}):", re.MULTILINE)
_KINDS = frozenset(get_args(Kind))


class Spot(NamedTuple):
    """One hit in a layer."""

    kind: Kind
    path: str
    at: int
    """Index of the entry in the layer's archive."""
    form: int
    """The kind of the entry: one of the constants in `image.layer`."""
    detail: str = ""
    uid: int = 0
    gid: int = 0
    mode: int = 0


@dataclass(slots=True)
class Exposure:
    """The hits in one layer, and the watch that finds them."""

    spots: list[Spot] = field(default_factory=list)
    cut: set[str] = field(default_factory=set)
    """Kinds with more hits than `spots` holds; of kind `foreign-code`, the architectures with more."""
    users: dict[str, int] | None = None
    """User's name, and its number as text -> its group's number; None if the layer has no /etc/passwd."""
    _counts: Counter[object] = field(default_factory=Counter)
    _seen: tuple[int, str, Header] | None = None

    def see(self, index: int, path: str, header: Header, /) -> int:
        """Inspect one member's header; return how many bytes of its data `look` needs."""
        self._seen = index, path, header
        if path.rpartition("/")[2].startswith(WHITEOUT) or header.kind == OTHER:
            return 0
        self._see_writable(index, path, header)
        if header.kind == DIRECTORY:
            return 0
        for kind in paths.find_kinds(path, header.size):
            self._add(Spot(kind, path, index, header.kind))
        if header.kind != FILE:
            return 0
        if header.mode & sum(_SET_ID):
            bits = " and ".join(word for bit, word in _SET_ID.items() if header.mode & bit)
            detail = f"{bits}, mode {header.mode & 0o7777:o}, owner {header.uid}:{header.gid}"
            self._add(Spot("setuid", path, index, FILE, detail))
        return self._count_wanted_bytes(path, header)

    def look(self, data: bytes, /) -> None:
        """Inspect the data of the member that `see` inspected last."""
        if self._seen is None:
            return
        index, path, header = self._seen
        machine = elf.identify_architecture(data)
        if machine:
            self._add(Spot("foreign-code", path, index, FILE, machine), machine)
        elif path == _USERS:
            self.users = _parse_users(data)
        elif header.stored == len(data) and not paths.is_public(path):
            self._look_for_secrets(index, path, data)

    def _count_wanted_bytes(self, path: str, header: Header) -> int:
        if header.stored != header.size or not header.size:  # a sparse file holds mostly nothing
            return 0
        if header.size <= MAX_SECRET_BYTES and (path == _USERS or not paths.is_public(path)):
            return header.size
        return elf.HEAD_BYTES if header.mode & _EXECUTABLE or paths.is_library(path) else 0

    def _look_for_secrets(self, index: int, path: str, data: bytes) -> None:
        if self.spots and self.spots[-1][:3] == ("env-file", path, index) and paths.has_assignments(data):
            # Whether that counts as a secret depends on whether a higher layer deletes the file.
            self.spots[-1] = self.spots[-1]._replace(detail=HAS_ASSIGNMENTS)
        if place := paths.find_moved_environment(path, data):
            self._add(Spot("tool-file", path, index, FILE, place))
        found = paths.find_credentials(path, data) or secret_detection.find_issued_secret(data)
        if not found and paths.can_have_urls(path):
            found = secret_detection.find_url_password(data.decode(errors="replace"))
        if found:
            self._add(Spot("secret", path, index, FILE, found))

    def _see_writable(self, index: int, path: str, header: Header) -> None:
        """Note code, executables and all folders that a user other than root may write to."""
        mode = header.mode
        by_others = mode & (_OTHERS | _GROUP) and not (header.kind == DIRECTORY and mode & _STICKY)
        if header.kind not in (FILE, DIRECTORY) or not (by_others or (header.uid and mode & _OWNER)):
            return
        if header.kind == FILE and not (paths.is_code(path) or mode & _EXECUTABLE):
            return
        spot = Spot("writable", path, index, header.kind, "", header.uid, header.gid, mode & 0o7777)
        listed = header.kind == DIRECTORY or paths.is_code(path) or paths.is_in_bin(path)
        self._add(spot, (header.kind, listed, header.uid, header.gid, mode & 0o222))

    def _add(self, spot: Spot, group: object = None) -> None:
        count, most = (spot.kind, group), MOST_DIRECTORIES if spot.form == DIRECTORY else MOST
        self._counts[count] += 1
        if self._counts[count] <= most:
            self.spots.append(spot)
        else:
            self.cut.add(spot.detail if spot.kind == "foreign-code" else spot.kind)

    def export_document(self) -> dict[str, object]:
        """Return the JSON object to keep in the cache."""
        return {"spots": self.spots, "cut": sorted(self.cut), "users": self.users}


class Exposures:
    """The hits of layers, by diff ID: those in the cache, and those of the scan that is running."""

    def __init__(self, cache: Cache) -> None:
        self._cache, self._found = cache, dict[str, Exposure]()

    def has(self, diff_id: str) -> bool:
        """Tell whether a layer was scanned."""
        if diff_id not in self._found:
            kept = _parse(self._cache.read_document(_make_key(diff_id)) or {})
            if kept is None:
                return False
            self._found[diff_id] = kept
        return True

    def begin(self) -> Exposure:
        """Return the watch for one more layer."""
        return Exposure()

    def keep(self, diff_id: str, watch: Watch, /) -> None:
        """Keep the hits of a layer."""
        if isinstance(watch, Exposure):
            self._found[diff_id] = watch
            self._cache.keep_document(_make_key(diff_id), watch.export_document())

    def get_exposure(self, diff_id: str) -> Exposure:
        """Return the hits of a layer that was scanned."""
        return self._found[diff_id]


def _make_key(diff_id: str) -> str:
    return f"exposure-{compute_version()}-{diff_id}"


def compute_version() -> str:
    """Return a digest of the code that decides what a hit is: when it changes, layers are scanned again."""
    return code_digest.compute_digest(sys.modules[__name__])[:16]


def _parse(kept: Mapping[str, Any]) -> Exposure | None:
    """Read hits from a document of the cache; None if it is not one that `export_document` wrote."""
    try:
        users = None if kept["users"] is None else {str(user): int(group) for user, group in kept["users"].items()}
        spots = [Spot(*row) for row in kept["spots"] if _is_right(*row)]
        cut = {str(each) for each in kept["cut"]}
    except (LookupError, TypeError, ValueError, AttributeError):
        return None
    return Exposure(spots=spots, cut=cut, users=users) if len(spots) == len(kept["spots"]) else None


def _is_right(kind: object, path: object, at: object, form: object, detail: object, *numbers: object) -> bool:
    words = isinstance(path, str) and isinstance(detail, str)
    return words and kind in _KINDS and all(isinstance(each, int) and each >= 0 for each in (at, form, *numbers))


def _parse_users(data: bytes) -> dict[str, int]:
    """Read /etc/passwd, and skip lines that do not have its form."""
    found = dict[str, int]()
    for name, uid, gid in _USER.findall(data.decode(errors="replace")):
        found.setdefault(name, int(gid))
        found.setdefault(uid, int(gid))
    return found
