"""What rpm installed, by its database: SQLite's format, as Fedora and RHEL have it, or rpm's own, as SUSE has it.

Sources: rpm(8), rpm's documentation of its headers and of rich dependencies. The format that RHEL 8 and older used,
Berkeley DB, is not read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from weighbridge.image.packages import rpm_ndb, rpm_sqlite
from weighbridge.image.packages.package import Package, normalise_paths
from weighbridge.image.packages.rpm_header import DamagedHeader, Header, parse_header

FOLDERS = ("usr/lib/sysimage/rpm/", "usr/share/rpm/", "var/lib/rpm/")
"""Where a database may lie, the newest place first: Fedora and SUSE; images that boot, with ostree; RHEL."""
_SQLITE, _LOG, _NDB = "rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages.db"
_DATABASES = frozenset(folder + name for folder in FOLDERS for name in (_SQLITE, _LOG, _NDB))
MAX_PATHS_BYTES = 2**28
"""What all packages' paths together may take of the memory. Those of a thousand packages take some twenty million."""
_PATH_BYTES = 64
"""What a path takes besides its characters."""
_KEY = "gpg-pubkey"
"""The name under which rpm keeps each key that it checks signatures with. Such an entry is no package."""
_OPERATORS = frozenset({"and", "or", "if", "else", "with", "without", "unless"})
_COMPARISONS = frozenset({"<", "<=", "=", ">=", ">"})


def is_database(path: str) -> bool:
    """Tell whether a file says what rpm installed."""
    return path in _DATABASES


def parse_packages(documents: Mapping[str, bytes]) -> Iterator[Package]:
    """Yield the packages of `documents`, in the order in which rpm installed them.

    An image whose database was moved or converted may have kept the old one. The first with packages counts, in the
    order of `FOLDERS` and SQLite before ndb, so that nothing counts twice. A damaged header is passed over.
    """
    packages = next(filter(None, map(_parse_packages, _find_databases(documents))), [])
    wanted = dict[str, set[str]]()
    for name in (name for package in packages for name in package.requires):
        if name.startswith("/"):
            wanted.setdefault(_merge(name), set()).add(name)
    for package in packages:
        yield _add_provided_files(package, wanted)


def _find_databases(documents: Mapping[str, bytes]) -> Iterator[Iterable[bytes]]:
    """Yield the headers of one database after the other."""
    for folder in FOLDERS:
        if folder + _SQLITE in documents:
            yield rpm_sqlite.read_headers(documents[folder + _SQLITE], documents.get(folder + _LOG, b""))
        if folder + _NDB in documents:
            yield rpm_ndb.read_headers(documents[folder + _NDB])


def _parse_packages(headers: Iterable[bytes]) -> list[Package]:
    """Return the packages that a database's headers describe."""
    packages, left = list[Package](), MAX_PATHS_BYTES
    for blob in headers:
        try:
            header = parse_header(blob)
        except DamagedHeader:
            continue
        left -= sum(map(len, header.paths)) + _PATH_BYTES * len(header.paths)
        if left >= 0 and header.name != _KEY:
            packages.append(_parse_package(header))
    return packages


def _parse_package(header: Header) -> Package:
    requires = (name for required in header.requires for name in _read_names(required))
    return Package(
        kind="rpm",
        name=header.name,
        version=header.version,
        paths=normalise_paths(header.paths),
        requires=tuple(dict.fromkeys(requires)),
        provides=tuple(name for name in dict.fromkeys(header.provides) if name != header.name),
    )


def _read_names(required: str) -> Iterator[str]:
    """Yield all names in a requirement. A rich one, such as `(a if b >= 2)`, may have several."""
    if not required.startswith("("):
        yield required
        return
    version_follows = False
    for word in required.split():
        bare = word.lstrip("(")
        closing = len(bare) - len(bare.rstrip(")"))
        surplus = min(bare.count(")") - bare.count("("), closing)  # `a(b)` keeps its own
        bare = bare[: len(bare) - max(surplus, 0)]
        if bare and not version_follows and bare not in _OPERATORS | _COMPARISONS:
            yield bare
        version_follows = bare in _COMPARISONS


def _merge(path: str) -> str:
    """Return a path without `/usr` before it: where `/bin` is a link, `/bin/sh` and `/usr/bin/sh` are one file."""
    return path.removeprefix("/").removeprefix("usr/")


def _add_provided_files(package: Package, wanted: Mapping[str, Collection[str]]) -> Package:
    """Return a package that also provides each of its files that some package requires by its path."""
    files = {name for path in package.paths for name in wanted.get(_merge(path), ())}
    more = sorted(files.difference(package.provides))
    return replace(package, provides=(*package.provides, *more)) if more else package
