"""What npm, yarn and pnpm installed: each folder in a `node_modules` that has a `package.json`. They list no files.

Sources: npm's documentation, "folders" and "package.json"; pnpm's, "Symlinked node_modules structure".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter

from weighbridge.image.packages.json_object import read_keys, read_object, read_text
from weighbridge.image.packages.package import LONGEST_PATH, Package

_FILE = "package.json"
_IN_MODULES = r"node_modules/(?P<name>(?:@[^/]+/)?[^/@.][^/]*)"
"""A name that begins with a dot is a manager's own, such as `.bin`."""
_FOLDER = re.compile(rf"(?:(?P<host>.*)/)?{_IN_MODULES}", re.DOTALL)
_ON_THE_WAY = re.compile(_IN_MODULES)
_FIRST = re.compile(r"(?:^|/)node_modules(?:/|$)")
_NEEDED = "dependencies", "optionalDependencies", "peerDependencies"


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder that a package has."""

    folder: str
    host: str
    """The folder that has the `node_modules` in which it lies."""
    name: str
    """What others find it by: an alias may differ from the name in its description."""
    project: str
    """The folder that has the outermost `node_modules` on the way."""

    @property
    def is_stored(self) -> bool:
        """Whether it lies in a store, such as `node_modules/.pnpm`, which others reach through links."""
        return self.host.removeprefix(self.project).lstrip("/").startswith("node_modules/.")


def is_database(path: str) -> bool:
    """Tell whether a file describes a package in a `node_modules`, or may describe the project around one."""
    folder, _, name = path.rpartition("/")
    return name == _FILE and (_FOLDER.fullmatch(folder) is not None or _FIRST.search(folder) is None)


def parse_packages(documents: Mapping[str, bytes]) -> Iterator[Package]:
    """Yield the packages of `documents` by name, version and folder; each has its folder.

    A `node_modules` in a package belongs to that package, such as to its tests, unless it lies at the package's top.
    """
    places = _list_places(documents)
    stored = Counter((place.project, place.name) for place in places if place.is_stored)
    asked = {project: _find_asked(documents, project) for project in {place.project for place in places}}
    packages = []
    for place in places:
        names = asked[place.project]
        requested = None if names is None else place.name in names and (place.is_stored or place.host == place.project)
        if requested and stored[place.project, place.name] > 1:
            requested = None  # one of these versions
        packages.append(_read_package(place, read_object(documents[f"{place.folder}/{_FILE}"]), requested=requested))
    yield from sorted(packages, key=attrgetter("name", "version", "folders"))


def _list_places(documents: Mapping[str, bytes]) -> list[_Place]:
    """Return the folders of packages, in an order that does not depend on that of the documents."""
    counted = dict[str, _Place]()
    folders = (path.rpartition("/")[0] for path in documents if path.endswith(f"/{_FILE}") and is_database(path))
    for folder in sorted(folders, key=lambda folder: (len(folder), folder)):  # those around others first
        found = _FOLDER.fullmatch(folder)
        if found and len(folder) <= LONGEST_PATH and not _is_inside(found["host"] or "", counted):
            project = _FIRST.split(folder, maxsplit=1)[0]
            counted[folder] = _Place(folder, found["host"] or "", found["name"], project)
    return list(counted.values())


def _is_inside(host: str, counted: Container[str]) -> bool:
    """Tell whether a folder lies in a package, but is not the package's own."""
    if host in counted:
        return False
    start = len(host)
    while (start := host.rfind("node_modules/", 0, start)) >= 0:
        found = _ON_THE_WAY.match(host, start)
        if found and host[: found.end()] in counted:
            return True
    return False


def _find_asked(documents: Mapping[str, bytes], project: str) -> frozenset[str] | None:
    """Return what a project's own description asks for by name; None where there is none to read."""
    fields = read_object(documents.get(f"{project}/{_FILE}".lstrip("/"), b""))
    return frozenset(read_keys(fields, *_NEEDED, "devDependencies")) if fields else None


def _read_package(place: _Place, fields: Mapping[str, object], *, requested: bool | None) -> Package:
    name = read_text(fields, "name") or place.name
    return Package(
        kind="npm",
        name=name,
        version=read_text(fields, "version"),
        paths=(),
        folders=(place.folder,),
        requires=read_keys(fields, *_NEEDED),
        provides=(place.name,) if place.name != name else (),
        requested=requested,
    )
