"""Which Go program a file is: the module that its linker wrote into it, as `go version -m` prints it.

Sources: Go's `debug/buildinfo` and `runtime/debug.BuildInfo`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from weighbridge.image.packages.package import Package, normalise_paths

MARK = b"\xff Go buildinf:"
"""The first bytes of each document of this kind. Any file may be a Go program, so that its path cannot show that its
document is of this kind. No package database begins with these bytes, which are not valid UTF-8; Go's linker marks its
build information with them. After the mark the document has the program's module information: lines whose fields are
separated by tabs."""
MAX_INFO_BYTES = 2**20
"""Of one program's module information. That of a program with some four hundred modules has forty kilobytes."""
_BUILT_FROM_A_CHECKOUT = "(devel)"


def is_build_info(document: bytes) -> bool:
    """Tell whether a document is the module information of a Go program rather than a file of the image."""
    return document.startswith(MARK)


def is_database(_path: str) -> bool:
    """Tell that no path names a database: any file may be a Go program, which the reader of layers notices itself."""
    return False


def parse_packages(documents: Mapping[str, bytes]) -> Iterator[Package]:
    """Yield one package for each main module: it owns all programs that were built from it.

    A program that was built without modules goes by the path of its command. One that was built from a checkout has no
    version.
    """
    programs = dict[tuple[str, str], list[str]]()
    for path, document in sorted(documents.items()):
        if is_build_info(document) and (identity := _read_identity(document))[0]:
            programs.setdefault(identity, []).append(path)
    for (name, version), paths in sorted(programs.items()):
        yield Package(kind="go", name=name, version=version, paths=normalise_paths(paths), has_metadata=False)


def _read_identity(document: bytes) -> tuple[str, str]:
    """Return name and version; two empty strings where the program does not say what it is."""
    text = document[len(MARK) :].decode("utf-8", "surrogateescape")
    command = ""
    for line in text.split("\n"):
        match line.split("\t"):
            case ["path", command]:
                pass
            case ["mod", name, version, *_] if name:
                return name, "" if version == _BUILT_FROM_A_CHECKOUT else version
            case ["dep", *_]:
                break  # what the program was built with, which names modules of others
            case _:
                pass
    return command, ""
