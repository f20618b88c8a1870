"""Which of an image's packages require which, and which of them somebody asked for; pure.

Each ecosystem by itself; of Python, each environment by itself as far as it has what its distributions require.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from weighbridge.image.packages.ecosystems import ECOSYSTEMS
from weighbridge.image.packages.package import Package
from weighbridge.image.requirements import Requirements
from weighbridge.image.requirers import Node, link, link_distributions

COMMAND = "the image's command"
"""Stands among what requires a package whose program or module a command names."""
Key = tuple[str, str, str | None]
"""A package's kind, name and version, as its owner in the ledger has them."""

_LIBRARIES = frozenset(each.category for each in ECOSYSTEMS if each.is_library)
"""Ecosystems whose packages are used by name alone: what no package links against needs no shared library of theirs."""
_WITH_EXTRAS = frozenset(each.category for each in ECOSYSTEMS if each.has_extras)
_METADATA = re.compile(r".*?\.(?:dist|egg)-info(?=/|$)", re.DOTALL)
_SHARED_LIBRARY = re.compile(r"\.so(?:\.[\d.]+)?$")
_WORD = re.compile(r"[^\s;&|()'\"`]+")
_MODULE = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a package is there for, as in `model.report.LedgerRow`."""

    required_by: tuple[str, ...] | None
    requested: bool | None


@dataclass(slots=True, eq=False)
class _Node(Node):
    """What else is kept of a package."""

    has_libraries: bool = False
    """Whether what no package has may link against it."""
    records: frozenset[str] = frozenset()
    """Files of a distribution's own metadata: a package that lists them too has brought it along."""


class Gathering:
    """Takes in packages as they pass on their way to somebody else, and keeps what tells who needs whom."""

    def __init__(self, commands: Iterable[Sequence[str]], sources: Mapping[str, bytes]) -> None:
        """Begin.

        Args:
            commands: The words of what runs in the image.
            sources: Path -> bytes of files in the image that may ask for packages.
        """
        self._names, self._modules = _collect_names(commands)
        self._sources, self._owned = sources, set[str]()
        self._nodes = list[_Node]()
        self._records = Counter[str]()

    def watch(self, packages: Iterable[Package]) -> Iterator[Package]:
        """Yield the packages as they come."""
        for package in packages:
            self._add(package)
            yield package

    def list_sources(self) -> dict[str, bytes]:
        """Return the files in the image that may ask for packages and belong to none of those that passed."""
        return {path: content for path, content in self._sources.items() if path not in self._owned}

    def resolve(self, platform: str, requirements: Iterable[Requirements]) -> dict[Key, Needs]:
        """Return what each package that passed is there for.

        Args:
            platform: The image's, `linux/amd64`: markers of Python's requirements are held against it.
            requirements: What files ask for, in the image and out of it.
        """
        kinds, wanted = defaultdict[str, list[_Node]](list), tuple(requirements)
        for node in self._nodes:
            kinds[node.package.kind].append(node)
        found = dict[Key, Needs]()
        for kind, nodes in kinds.items():
            named = _find_asked(kind, nodes, wanted)
            is_complete = link_distributions(nodes, platform, named or {}) if kind in _WITH_EXTRAS else link(nodes)
            is_known = is_complete and all(node.package.has_metadata for node in nodes)
            is_told = any(node.package.requested for node in nodes)
            for node in nodes:
                requested = self._is_requested(node, named, is_told=is_told)
                required_by = tuple(sorted(node.requirers)) if node.requirers or is_known else None
                key = (kind, node.package.name, node.package.version or None)
                found[key] = _combine(found.get(key), Needs(required_by=required_by, requested=requested))
        return found

    def _add(self, package: Package) -> None:
        told = {path: found[0] for path in package.paths if "-info" in path and (found := _METADATA.match(path))}
        self._records.update(told.keys())
        if self._sources:
            self._owned.update(path for path in package.paths if path in self._sources)
        node = _Node(package=replace(package, paths=(), folders=()))
        if package.kind in _WITH_EXTRAS and told:
            own = min(told.values(), key=lambda folder: (folder.count("/"), folder))  # below it may be what it vendors
            node.records = frozenset(path for path, folder in told.items() if folder == own)
            node.folder = own.rpartition("/")[0]
        # Of what somebody asked for, or may have asked for, nobody needs to know more: the paths are many.
        if package.kind in _LIBRARIES or package.requested is False:
            node.requirers.update([COMMAND] if self._is_run(package, node.folder) else [])
        if package.kind not in _LIBRARIES and package.requested is False:
            node.has_libraries = any(".so" in path and _SHARED_LIBRARY.search(path) for path in package.paths)
        self._nodes.append(node)

    def _is_run(self, package: Package, folder: str) -> bool:
        """Tell whether a command names a program of a package, or a module."""
        if package.kind in _LIBRARIES and package.name in self._names:
            return True
        if self._names and any(map(self._is_named_program, package.paths)):
            return True
        if package.kind not in _WITH_EXTRAS or not self._modules:
            return False
        prefix = f"{folder}/" if folder else ""
        return any(path.startswith(prefix) and self._is_named_module(path, len(prefix)) for path in package.paths)

    def _is_named_program(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        return name in self._names and folder.endswith("bin")  # `sbin`, too

    def _is_named_module(self, path: str, begin: int) -> bool:
        """Tell whether commands name the Python module or package whose name starts at `begin` in a path."""
        found = _MODULE.match(path, begin)
        return found is not None and found[0] in self._modules and path[found.end() : found.end() + 1] in {"/", "."}

    def _is_requested(self, node: _Node, named: Mapping[str, frozenset[str]] | None, *, is_told: bool) -> bool | None:
        """Return whether somebody asked for a package; None where that is not known.

        A file that asks for packages has the last word. Without one, a manager's word counts, if it wrote of any
        package that somebody asked for it. A shared library that nothing requires may be linked by what no package has.
        """
        package = node.package
        if package.is_application:
            return True
        if any(self._records[path] > 1 for path in node.records):  # another package has it, and is what is asked for
            return None
        if named is not None:
            return package.name in named
        if package.requested is False and (not is_told or (node.has_libraries and not node.requirers)):
            return None
        return package.requested


def _collect_names(commands: Iterable[Sequence[str]]) -> tuple[frozenset[str], frozenset[str]]:
    """Return what commands may name: programs, and Python's modules."""
    words = [word for command in commands for text in command for word in _WORD.findall(text)]
    words += [word.partition("=")[2] for word in words if "=" in word]
    programs = frozenset({word.rpartition("/")[2] for word in words} - {""})
    return programs, frozenset(found[0] for word in words if (found := _MODULE.match(word)))


def _find_asked(
    kind: str, nodes: Iterable[_Node], requirements: Iterable[Requirements]
) -> Mapping[str, frozenset[str]] | None:
    """Return the names that count files ask for, with extras; None where no file names a package of the image."""
    there = {node.package.name for node in nodes}
    names, counts = dict[str, frozenset[str]](), False
    for each in requirements:
        if each.kind == kind and not there.isdisjoint(each.names):
            counts = True
            for name, extras in each.names.items():
                names[name] = names.get(name, frozenset()) | extras
    return names if counts else None


def _combine(one: Needs | None, other: Needs) -> Needs:
    """Return what two packages of one name and version, such as those of two environments, are there for together."""
    if one is None:
        return other
    required_by: tuple[str, ...] | None = tuple(sorted({*(one.required_by or ()), *(other.required_by or ())}))
    if not required_by and None in {one.required_by, other.required_by}:
        required_by = None
    answers = {one.requested, other.requested}
    return Needs(required_by=required_by, requested=True if True in answers else None if None in answers else False)
