"""What setuptools and distutils installed before there was a `.dist-info`: eggs, and metadata with or without a list.

Sources: setuptools' documentation, "The Internal Structure of Python Eggs"; pip up to 23.0 for `installed-files.txt`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from weighbridge.image.packages.json_object import is_text
from weighbridge.image.packages.package import LONGEST_PATH, Package, normalise_paths, split_lines

_METADATA, _LIST, _NEEDS = "PKG-INFO", "installed-files.txt", "requires.txt"
_INFO, _EGG = ".egg-info", ".egg/EGG-INFO"
ENDINGS = (_INFO, *(f"{kind}/{name}" for kind in (_INFO, _EGG) for name in (_METADATA, _LIST, _NEEDS)))
"""The metadata may be one file, as distutils writes it, or a folder."""
_DATABASE = re.compile(
    r"(?P<folder>(?:.*/)?(?P<stem>[^/]+)\.(?:egg-info|egg/EGG-INFO))/(?:PKG-INFO|installed-files\.txt|requires\.txt)"
    r"|(?P<file>(?:.*/)?(?P<name>[^/]+)\.egg-info)",
    re.DOTALL,
)
_SEPARATORS = re.compile(r"[-_.]+")
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")


def is_database(path: str) -> bool:
    """Tell whether a file is an egg's metadata, its list of files, or what it requires."""
    return path.endswith(ENDINGS) and _DATABASE.fullmatch(path) is not None


def parse_packages(documents: Mapping[str, bytes]) -> Iterator[Package]:
    """Yield one package for each egg or `.egg-info` among `documents`, by name, version and place.

    An egg has its folder. An `.egg-info` has its own and what its list names; without a list it has its own alone, for
    nothing tells which modules beside it are its.
    """
    found = dict[str, tuple[str, str]]()
    for path in documents:
        match = _DATABASE.fullmatch(path)
        if match and len(path) <= LONGEST_PATH:
            place = match["folder"] or match["file"]
            metadata = f"{place}/{_METADATA}" if match["folder"] else place
            found[place] = _read_identity(documents.get(metadata, b""), match["stem"] or match["name"])
    for place, (name, version) in sorted(found.items(), key=lambda each: (each[1], each[0])):
        recorded = (posixpath.join(place, each) for each in split_lines(documents.get(f"{place}/{_LIST}", b"")) if each)
        yield Package(
            kind="python",
            name=name,
            version=version,
            paths=normalise_paths(recorded),
            folders=normalise_paths([place.removesuffix("/EGG-INFO")]),
            requires=tuple(dict.fromkeys(_read_required(documents.get(f"{place}/{_NEEDS}", b"")))),
        )


def _read_identity(metadata: bytes, stem: str) -> tuple[str, str]:
    """Return name and version by the metadata's head; what it lacks, by `NAME-VERSION[-pyX.Y]`.

    The name is normalised as on the index (PEP 503).
    """
    fields = dict[str, str]()
    for line in split_lines(metadata):
        if not line.strip():  # the description follows
            break
        field, _, value = line.partition(":")
        fields.setdefault(field.lower(), value.strip())
    name, version = (value if is_text(value := fields.get(field, "")) else "" for field in ("name", "version"))
    stem_name, _, rest = stem.partition("-")
    return _normalise(name or stem_name), version or rest.partition("-")[0]


def _read_required(content: bytes) -> Iterator[str]:
    """Yield the names of what is always required, or on some machines; not what an extra asks for."""
    is_extra = False
    for line in split_lines(content):
        if line.startswith("["):  # `[extra:marker]`
            is_extra = not line.startswith("[:")
        elif not is_extra and (found := _REQUIREMENT.match(line)) and is_text(found[1]):
            yield _normalise(found[1])


def _normalise(name: str) -> str:
    return _SEPARATORS.sub("-", name).lower()
