"""Finds the owner of each file that a container sees: a package, its bytecode, the application, or no owner.

Where several claim a file the first of these has it: bytecode; a package that lists the file, in the order of the table
of ecosystems; the package with the deepest folder around the file; the application; nobody. A hard-linked file is owned
through whichever name tells an owner.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from weighbridge.image.filesystem import Directory, Filesystem
from weighbridge.image.packages.databases import is_document, parse_packages
from weighbridge.image.packages.package import Package
from weighbridge.model.report import APPLICATION, BYTECODE, UNOWNED

_BYTECODE = re.compile(r"(?P<folder>(?:.*/)?)__pycache__/(?P<stem>[^/]+?)\.[a-z]+-?\d+[a-z]*(?:\.opt-\w+)?\.pyc")
"""PEP 3147 and PEP 488: `__pycache__/module.cpython-313.opt-1.pyc` belongs to `module.py` beside the folder."""
_DEEP = ("usr", "var", "opt", "home")
_PYTHON = re.compile(r"(?:usr/(?:local/)?|opt/[^/]+/)?lib/python3?[^/]*|(?:.*/)?lib/python3\.\d+")


class Owner(NamedTuple):
    """A category, and the name of an owner in it. Each file is looked up by one, so that it has to be hashed fast."""

    category: str
    """As in `model.report.LedgerRow`, but never `base` or `wasted`."""
    name: str
    version: str | None = None


def assign_owners(
    view: Filesystem, packages: Iterable[Package], application: Iterable[str]
) -> tuple[list[Owner], array[int]]:
    """Return all owners, and for each file the index of its owner.

    Args:
        view: The merged layers.
        packages: All packages; if several claim a file, the first of them gets it.
        application: Folders of the application, from the root without a leading slash.

    Returns:
        The owners, and an array with an index into them for each number in `view`. It means something for visible
        regular files alone; 0 for what no container sees.
    """
    return _Claims(view, packages, tuple(application)).settle()


def find_owners(
    view: Filesystem, working_dir: str, packages: Iterable[Package] | None = None
) -> tuple[list[Owner], array[int]]:
    """Return all owners, and by number of a file the place of its owner among them.

    Args:
        view: The merged layers.
        working_dir: What lies below it and is nobody else's is the application.
        packages: All packages; None: those that the image's own databases name.
    """
    application = working_dir.strip("/")  # the root's is empty: no path begins with a slash, so nothing is below it
    return assign_owners(view, read_packages(view) if packages is None else packages, (application,))


def read_packages(view: Filesystem) -> Iterator[Package]:
    """Yield all packages that the image's own databases name."""
    return parse_packages(collect_documents(view))


def collect_documents(view: Filesystem) -> dict[str, bytes]:
    """Return what `packages.is_database` asks for, as far as it is seen: path -> bytes."""
    kept = {
        offset + index: document
        for content, offset in zip(view.layers, view.offsets, strict=True)
        for index, document in content.documents.items()
    }
    return {
        path: kept[number]
        for path, number in view.iterate_files()
        if number in kept and is_document(path, kept[number])
    }


class _Claims:
    """Collects claims on files, and then decides who owns each."""

    def __init__(self, view: Filesystem, packages: Iterable[Package], application: tuple[str, ...]) -> None:
        self._view, self._application = view, application
        self._folders = dict[str, Directory | None]()
        self._known = [Owner("", "")]
        self._places = dict[Owner, int]()
        self._owner = array(view.links.typecode, bytes(view.links.itemsize * len(view.links)))
        folders = list[tuple[str, int]]()
        for package in packages:
            place = self._register(Owner(package.kind, package.name, package.version or None))
            for path in package.paths:
                number = self._find(path)
                if isinstance(number, int) and not self._owner[number]:
                    self._owner[number] = place
                elif number is None and path.endswith(".py"):
                    self._claim_bytecode(f"{path}c", package.name)
            folders += ((folder, place) for folder in package.folders)
        self._claim_folders(folders)  # now that every list of files had its say

    def _claim_bytecode(self, path: str, name: str) -> None:
        """Give a package the bytecode that an image without sources has in place of a module."""
        number = self._find(path)
        if isinstance(number, int) and not self._owner[number]:
            self._owner[number] = self._register(Owner(BYTECODE, name))

    def _claim_folders(self, folders: Iterable[tuple[str, int]]) -> None:
        """Give each file that no list names to the deepest of the folders around it; of one folder, to the first."""
        tops = dict[Directory, int]()
        for path, place in folders:
            found = self._find(path)
            if isinstance(found, Directory):
                tops.setdefault(found, place)
            elif found is not None and not self._owner[found]:
                self._owner[found] = place
        for top, place in tops.items():
            waiting = [top]
            while waiting:
                for node in waiting.pop().children.values():
                    if isinstance(node, int):
                        self._owner[node] = self._owner[node] or place
                    elif node not in tops:
                        waiting.append(node)

    def settle(self) -> tuple[list[Owner], array[int]]:
        """Give each visible file its owner, and return all owners."""
        bytecode = []
        for path, number in self._view.iterate_files():
            if path.endswith(".pyc") and (found := _BYTECODE.fullmatch(path)):
                bytecode.append((number, f"{found['folder']}{found['stem']}.py"))
            elif not self._owner[number]:
                self._owner[number] = self._register(self._choose_fallback(path))
        for number, source in bytecode:  # only now does every source have an owner
            self._owner[number] = self._register(Owner(BYTECODE, self._name_source_owner(source)))
        return self._known, self._owner

    def _name_source_owner(self, path: str) -> str:
        source = self._find(path)
        if isinstance(source, int) and self._owner[source]:
            return self._known[self._owner[source]].name
        return name_area(path)

    def _find(self, path: str) -> Directory | int | None:
        """Return what a path leads to. Folders are remembered, because the paths of a package share them."""
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            found = self._view.find(f"{folder}/.")
            self._folders[folder] = found if isinstance(found, Directory) else None
        directory = self._folders[folder]
        return directory.children.get(name) if directory else None

    def _choose_fallback(self, path: str) -> Owner:
        for folder in self._application:
            if path.startswith(f"{folder}/"):
                return Owner(APPLICATION, f"/{folder}")
        return Owner(UNOWNED, name_area(path))

    def _register(self, owner: Owner) -> int:
        if owner not in self._places:
            self._places[owner] = len(self._known)
            self._known.append(owner)
        return self._places[owner]


def name_area(path: str) -> str:
    """Return the part of the filesystem that a path is in: Python's library, or the first folders of the path."""
    folder = path.rpartition("/")[0]
    if (found := _PYTHON.match(folder)) and found[0]:
        return f"/{found[0]}"
    parts = folder.split("/")
    return "/" + "/".join(parts[: 3 if parts[0] in _DEEP else 2])
