"""Reads what dpkg installed: the packages in its status file, and the list of files that it keeps for each.

Sources: dpkg(1), deb-control(5), dpkg-divert(1), apt-mark(8). Distroless images have no such lists: they keep one
stanza for each package in `status.d`, with the checksums of its files beside it (distroless, PACKAGE_METADATA.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from weighbridge.image.packages.package import Package, normalise_paths, split_lines

_FOLDER = "var/lib/dpkg/"
_DATABASE = re.compile(re.escape(_FOLDER) + r"(?:status|diversions|status\.d/[^/]+|info/[^/]+\.list)")

EXTENDED_STATES = "var/lib/apt/extended_states"
"""Where apt writes down which packages nobody asked for."""
_CONDITION = re.compile(r"[\s(:\[<]")
"""What follows a name: a version, or an architecture."""

_Stanza = Mapping[str, str]
"""The fields of one package, their names in lower case, without continuation lines."""
_Diversions = Mapping[str, tuple[str, str]]
"""Path -> where the file was moved, and the one package whose file stayed at that path; `:` if no package's did."""


def is_database(path: str) -> bool:
    """Tell whether a file says what dpkg installed."""
    return path == EXTENDED_STATES or _DATABASE.fullmatch(path) is not None


def parse_packages(documents: Mapping[str, bytes]) -> Iterator[Package]:
    """Yield the packages in `documents`, including packages that have a list of files but no stanza."""
    diversions = _parse_diversions(documents.get(_FOLDER + "diversions", b""))
    automatic = _read_automatic(documents)
    for source in (_read_managed, _read_distroless):
        for name, stanza, recorded in source(documents):
            yield Package(
                kind="debian",
                name=name,
                version=stanza.get("version", ""),
                paths=_follow_diversions(normalise_paths(recorded), name, diversions),
                requires=_split_names(stanza.get("pre-depends", ""), stanza.get("depends", "")),
                provides=_split_names(stanza.get("provides", "")),
                requested=_is_requested(stanza, automatic),
                has_metadata=bool(stanza),
            )


def _read_automatic(documents: Mapping[str, bytes]) -> frozenset[str] | None:
    """Return the packages that apt installed because others need them; None where it wrote none down."""
    if EXTENDED_STATES not in documents:
        return None
    states = [*_parse_stanzas(documents[EXTENDED_STATES])]
    asked = {state["package"] for state in states if state.get("auto-installed") != "1"}
    return frozenset({state["package"] for state in states} - asked)


def _is_requested(stanza: _Stanza, automatic: frozenset[str] | None) -> bool | None:
    """Tell whether somebody asked for a package; the system's own, which apt never removes, count as asked for."""
    if automatic is None or not stanza:
        return None
    is_vital = "yes" in {stanza.get("essential"), stanza.get("protected")} or stanza.get("priority") == "required"
    return is_vital or stanza["package"] not in automatic


def _split_names(*lists: str) -> tuple[str, ...]:
    """Return the names of lists of dependencies, all of those of which one would do, without versions."""
    words = (word.strip() for text in lists for word in re.split(r"[,|]", text))
    return tuple(dict.fromkeys(_CONDITION.split(word, maxsplit=1)[0] for word in words if word))


def _read_managed(documents: Mapping[str, bytes]) -> Iterator[tuple[str, _Stanza, Iterable[str]]]:
    """Yield name, stanza and recorded paths of what dpkg itself installed; the stanza is empty where it is missing."""
    lists = _select_databases(documents, "info/", ".list")
    stanzas = {
        (stanza["package"], stanza.get("architecture")): stanza
        for stanza in _parse_stanzas(documents.get(_FOLDER + "status", b""))
    }
    # Installed packages choose their list first: a removed architecture of the same package may claim it, too.
    for stanza in sorted(stanzas.values(), key=_is_installed, reverse=True):
        stem = next((stem for stem in _list_stems(stanza) if stem in lists), "")
        content = lists.pop(stem, b"")
        if _is_installed(stanza):
            yield stanza["package"], stanza, _parse_list(content)
    for stem, content in lists.items():
        yield _strip_architecture(stem), {}, _parse_list(content)


def _read_distroless(documents: Mapping[str, bytes]) -> Iterator[tuple[str, _Stanza, Iterable[str]]]:
    """Yield name, stanza and recorded paths of what was unpacked without dpkg."""
    sums = _select_databases(documents, "status.d/", ".md5sums")
    for stem, content in _select_databases(documents, "status.d/", "").items():
        stanza = next(_parse_stanzas(content), None)
        if stem.endswith(".md5sums") or stanza is None:
            continue
        recorded = _parse_sums(sums.pop(stem, b""))
        if "status" not in stanza or _is_installed(stanza):
            yield stanza["package"], stanza, recorded
    for stem, content in sums.items():
        yield _strip_architecture(stem), {}, _parse_sums(content)


def _select_databases(documents: Mapping[str, bytes], folder: str, ending: str) -> dict[str, bytes]:
    """Return the databases of one folder, by their names without the ending."""
    start = _FOLDER + folder
    return {
        path.removeprefix(start).removesuffix(ending): content
        for path, content in documents.items()
        if path.startswith(start) and path.endswith(ending) and is_database(path)
    }


def _parse_stanzas(content: bytes) -> Iterator[_Stanza]:
    """Yield the stanzas that name a package."""
    stanza: dict[str, str] = {}
    for line in [*split_lines(content), ""]:
        if not line:
            if stanza.get("package"):
                yield stanza
            stanza = {}
        elif not line.startswith((" ", "\t")):
            field, _, value = line.partition(":")
            stanza[field.lower()] = value.strip()


def _is_installed(stanza: _Stanza) -> bool:
    """Return whether a stanza's `Status: want flag state` says that the package is installed."""
    return stanza.get("status", "").split()[2:3] == ["installed"]


def _list_stems(stanza: _Stanza) -> list[str]:
    """Return the possible names of a package's list, the likely one first."""
    name = stanza["package"]
    stems = [name, f"{name}:{stanza.get('architecture', '')}"]
    return stems[::-1] if stanza.get("multi-arch") == "same" else stems


def _strip_architecture(stem: str) -> str:
    """Return a package's name from the name of its list, for a package without a stanza."""
    return stem.partition(":")[0]


def _parse_list(content: bytes) -> Iterator[str]:
    """Yield the paths in a list of files. It has folders, too, and the root as `/.`."""
    return (line for line in split_lines(content) if line.startswith("/"))


def _parse_sums(content: bytes) -> Iterator[str]:
    """Yield the paths from the output of md5sum: hash, blank, blank or `*`, path."""
    for line in split_lines(content):
        digest, _, path = line.partition(" ")
        if digest and path[:1] in {" ", "*"}:
            yield path[1:]


def _parse_diversions(content: bytes) -> _Diversions:
    """Read three lines for each diverted file: where it would be, where it is, and the package for which it moved."""
    fields = iter(split_lines(content))
    diversions: dict[str, tuple[str, str]] = {}
    for old, new, package in zip(fields, fields, fields, strict=False):
        match normalise_paths(path for path in (old, new) if path.startswith("/")):
            case (source, target) if package:
                diversions[source] = (target, package)
    return diversions


def _follow_diversions(paths: tuple[str, ...], package: str, diversions: _Diversions) -> tuple[str, ...]:
    """Return where a package's files are. A diverted file is elsewhere, unless the package itself diverted it."""
    if diversions.keys().isdisjoint(paths):
        return paths
    places = ((path, *diversions.get(path, (path, package))) for path in paths)
    return tuple(dict.fromkeys(path if stays == package else target for path, target, stays in places))
