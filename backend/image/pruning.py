"""Reads left-out.txt, which lists what the images do without, and tells which files it names."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SOURCES = "**/*.py"
"""The line that makes the build replace sources by their bytecode; as a pattern it drops nothing."""


@dataclass(frozen=True)
class Pruning:
    """The patterns of a list, and the bytes that each has saved so far."""

    patterns: tuple[str, ...]
    places: Mapping[str, Path]
    """Word before the first slash of a pattern -> the folder that it means on this machine."""
    saved: Counter[str] = field(default_factory=Counter)
    """Pattern -> bytes."""

    @classmethod
    def read(cls, listed: Path) -> Pruning:
        """Read a list.

        Raises:
            SystemExit: A line begins with an unknown word.
        """
        lines = (line.partition("#")[0].strip() for line in listed.read_text(encoding="utf-8").splitlines())
        found = tuple(line for line in lines if line)
        places = {
            "site": Path(sysconfig.get_path("purelib")),
            "venv": Path(sys.prefix),
            "stdlib": Path(sysconfig.get_path("stdlib")),
            "zoneinfo": Path("/usr/share/zoneinfo"),
        }
        for pattern in found:
            if pattern != SOURCES and pattern.partition("/")[0] not in places:
                sys.exit(f"{listed.name}: {pattern}: begin it with one of {', '.join(places)}")
        return cls(found, places)

    @property
    def keeps_sources(self) -> bool:
        """Whether Python sources stay in the image."""
        return SOURCES not in self.patterns

    def drops(self, path: Path) -> bool:
        """Tell whether a file or folder is left out, and count the bytes saved."""
        pattern = next((each for each in self.patterns if each != SOURCES and self._matches(each, path)), None)
        if pattern is None:
            return False
        self.saved[pattern] += sum(each.stat().st_size for each in _files(path))
        return True

    def _matches(self, pattern: str, path: Path) -> bool:
        place, _, rest = pattern.partition("/")
        folder = self.places[place]
        return path.is_relative_to(folder) and _expression(rest).fullmatch(str(path.relative_to(folder))) is not None

    def told(self) -> Iterator[str]:
        """Yield one line for each pattern that has saved something."""
        for pattern, count in self.saved.most_common():
            yield f"{count / 1e6:8.2f} MB  left out: {pattern}"


def _expression(pattern: str) -> re.Pattern[str]:
    """Return a pattern as a regular expression, which `re` caches."""
    parts = re.split(r"(\*\*/|\*)", pattern)
    return re.compile("".join({"**/": "(?:.*/)?", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts))


def _files(path: Path) -> Iterator[Path]:
    return (each for each in (path, *path.rglob("*")) if each.is_file() and not each.is_symlink())
