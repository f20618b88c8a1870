"""Reads what apk installed, from its one text file with all packages and their files.

Sources: Alpine's wiki, "Apk spec", the installed database of version 2; apk 3 writes the same; apk-world(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from weighbridge.image.packages.package import LONGEST_PATH, MAX_PATHS_CHARACTERS, Package, normalise_paths, split_lines

DATABASES = ("usr/lib/apk/db/installed", "lib/apk/db/installed")
"""Where apk keeps it: an image whose `lib` is a link to `usr/lib` has the first."""
WORLD = "etc/apk/world"
"""What somebody asked for."""
_CONDITION = re.compile(r"[<>=~@]")
"""What follows a name: a version, or `@` and the name of a repository."""


def is_database(path: str) -> bool:
    """Tell whether a file says what apk installed."""
    return path in DATABASES or path == WORLD


def parse_packages(documents: Mapping[str, bytes]) -> Iterator[Package]:
    """Yield the packages of `documents`, in apk's order. A record without a name owns nothing."""
    world = frozenset(_split_names(" ".join(split_lines(documents[WORLD])))) if WORLD in documents else None
    left = MAX_PATHS_CHARACTERS  # of all packages together: they are sorted before anybody takes them
    for path in DATABASES:
        record: list[str] = []
        for line in [*split_lines(documents.get(path, b"")), ""]:
            if line:
                record.append(line)
                continue
            if name := _read_field(record, "P:"):
                provides = _split_names(_read_field(record, "p:"))
                paths = normalise_paths(_iterate_files(record), left)
                left -= sum(map(len, paths))
                yield Package(
                    kind="alpine",
                    name=name,
                    version=_read_field(record, "V:"),
                    paths=paths,
                    requires=_split_names(_read_field(record, "D:")),
                    provides=provides,
                    requested=_is_requested({name, *provides}, world, record),
                )
            record = []


def _split_names(text: str) -> tuple[str, ...]:
    """Return the names of a list of dependencies, without versions; what must not be there is left out."""
    names = (_CONDITION.split(word, maxsplit=1)[0] for word in text.split() if not word.startswith("!"))
    return tuple(dict.fromkeys(filter(None, names)))


def _is_requested(names: set[str], world: frozenset[str] | None, record: list[str]) -> bool | None:
    """Tell whether somebody asked for a package; None of one that apk adds by itself beside others (`install_if`)."""
    if world is None:
        return None
    return True if names & world else None if _read_field(record, "i:") else False


def _read_field(record: list[str], tag: str) -> str:
    """Return the value of a field that occurs once; empty if it is missing."""
    return next((line[2:] for line in record if line.startswith(tag)), "")


def _iterate_files(record: list[str]) -> Iterator[str]:
    """Yield a package's files. Each `R:` line names a file in the folder of the last `F:` line before it."""
    folder: str | None = None
    for line in record:
        tag, value = line[:2], line[2:]
        if tag == "F:":
            folder = value if len(value) <= LONGEST_PATH else None
        elif tag == "R:" and value and folder is not None:
            yield f"{folder}/{value}"
