"""What conda, mamba and others of their kind installed: one record for each package in a prefix's `conda-meta`.

Sources: conda's documentation, "Environments" and "Package specification"; conda's enhancement proposal 26 for names.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from itertools import chain

from weighbridge.image.packages.json_object import is_text, read_object, read_text, read_texts
from weighbridge.image.packages.package import LONGEST_PATH, Package, normalise_paths, split_lines

_FOLDER = "conda-meta"
_HISTORY = "history"
_RECORD = re.compile(r"(?:(?P<prefix>.*)/)?conda-meta/(?P<stem>[^/]+)\.json", re.DOTALL)
_ASKED = re.compile(rb'"requested_specs?"\s*:\s*(?:\[\s*"|"(?!None"|"))')
"""In a record: that its package was asked for. conda writes a text, which may be "None"; others write a list."""
_CHANGE = re.compile(r"# (?P<deed>update|install|remove) specs: *(?P<specs>.*)")
_SPEC = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_NAME = re.compile(r"\s*(?:[^\s:]*::)?([A-Za-z0-9_.\-]+)")


def is_database(path: str) -> bool:
    """Tell whether a file says what is installed in a prefix, or what somebody asked for."""
    folder, _, name = path.rpartition("/")
    if not (folder == _FOLDER or folder.endswith(f"/{_FOLDER}")):
        return False
    return name == _HISTORY or (name.endswith(".json") and name != ".json")


def parse_packages(documents: Mapping[str, bytes]) -> Iterator[Package]:
    """Yield one package for each record among `documents`, by the record's name, which begins with the package's.

    A package has that record, too. Its version is `VERSION=BUILD`, as conda writes it in a specification. What was
    asked for stands in records, in the prefix's history, or nowhere, as after an installation from a lock file.
    """
    found = []
    for path in documents:
        record = _RECORD.fullmatch(path)
        if record and len(path) <= LONGEST_PATH:
            found.append((record["stem"], record["prefix"] or "", path))
    histories = {
        prefix: _find_asked(documents.get(posixpath.join(prefix, _FOLDER, _HISTORY), b"")) for _, prefix, _ in found
    }
    asking = {path for _, _, path in found if _ASKED.search(documents[path])}
    telling = {prefix for _, prefix, path in found if path in asking or histories[prefix]}
    for stem, prefix, path in sorted(found):
        fields = read_object(documents[path])
        name = read_text(fields, "name") or _read_stem_name(stem)
        files = (posixpath.join(prefix, each) for each in read_texts(fields, "files"))
        yield Package(
            kind="conda",
            name=name,
            version=_read_version(fields),
            paths=normalise_paths(chain(files, [path])),
            requires=tuple(dict.fromkeys(filter(None, map(_read_spec_name, read_texts(fields, "depends"))))),
            requested=(path in asking or name in histories[prefix]) if prefix in telling else None,
        )


def _read_version(fields: Mapping[str, object]) -> str:
    version, build = read_text(fields, "version"), read_text(fields, "build")
    return f"{version}={build}" if version and build else version


def _read_stem_name(stem: str) -> str:
    """Return the name in `NAME-VERSION-BUILD`; names may hold hyphens, the other two do not."""
    return stem.rsplit("-", maxsplit=2)[0]


def _read_spec_name(spec: str) -> str:
    """Return the package of a specification such as `channel::python >=3.11`.

    What begins with two underscores is of the machine, and no package.
    """
    found = _NAME.match(spec)
    return found[1] if found and is_text(found[1]) and not found[1].startswith("__") else ""


def _find_asked(history: bytes) -> frozenset[str]:
    """Return what was asked for by name and not removed since."""
    names = set[str]()
    for line in split_lines(history):
        if change := _CHANGE.match(line):
            found = {_read_spec_name(one or other) for one, other in _SPEC.findall(change["specs"])} - {""}
            change_names = names.difference_update if change["deed"] == "remove" else names.update
            change_names(found)
    return frozenset(names)
