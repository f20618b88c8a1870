"""Reads compose files with all that they include and extend, into one model in the form for merging."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from weighbridge import files
from weighbridge.settings.compose.dotenv import read_variables
from weighbridge.settings.compose.interpolation import interpolate_all
from weighbridge.settings.compose.merging import merge
from weighbridge.settings.compose.mounts import Folder
from weighbridge.settings.compose.places import Place
from weighbridge.settings.compose.services import Draft, read_service
from weighbridge.settings.compose.shapes import (
    Handler,
    Mark,
    Whole,
    settle,
    take_each,
    take_flag,
    take_item,
    take_list,
    take_mapping,
    take_section,
    take_text,
)
from weighbridge.settings.yaml_syntax import Tagged, read_compose

_PARTS = ("services", "networks", "volumes", "secrets", "configs")
_ELSEWHERE = ("version", "name", "include")
"""Keys at the top that are read elsewhere, or mean nothing today."""
_DEEPEST = 50
"""How long a chain of services that extend each other, or of files that include each other, may be."""
_MOST_FILES = 200
"""How many files are read at most, and how often one is included."""

Model = dict[str, Any]
"""The parts of a project, each a section of names, in the form for merging."""


class Reading:
    """What all files of one reading share: the notes, and each file's content."""

    def __init__(self, held: Mapping[Path, dict[str, Any]] | None = None) -> None:
        """Begin a reading; `held` are files whose content is known already."""
        self.notes: list[str] = []
        self._held: dict[Path, dict[str, Any]] = {**(held or {})}
        self._included = 0

    def count_include(self, place: Place) -> None:
        """Count that a file is included: those that include the next one twice each double what is to be read."""
        self._included += 1
        if self._included > _MOST_FILES:
            raise place.refuse(f"files are included more than {_MOST_FILES} times")

    def open(self, path: Path, place: Place) -> dict[str, Any]:
        """Return what a file holds that is named at a place."""
        if path not in self._held:
            if len(self._held) >= _MOST_FILES:
                raise place.refuse(f"more than {_MOST_FILES} files are read")
            try:
                self._held[path] = read_compose(path)
            except FileNotFoundError:
                raise place.refuse("there is no such file") from None
        return self._held[path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What files of one folder are read with."""

    reading: Reading
    environment: Mapping[str, str]
    folder: Folder
    trail: tuple[Path, ...] = ()
    """The files that include each other up to here."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file, interpolated."""

    path: Path
    place: Place
    values: Mapping[str, Any]
    folder: Folder

    @property
    def services(self) -> dict[str, Any]:
        """Its services, as they are written."""
        return take_mapping(self.values.get("services") or {}, self.place.at("services"))

    def get_service(self, name: str) -> dict[str, Any]:
        """Return what is written of one of its services, without a tag."""
        value = self.services[name]
        value = value.value if isinstance(value, Tagged) else value
        return take_mapping({} if value is None else value, self.place.at("services").at(name))


def read_files(paths: Sequence[Path], scope: Scope) -> Model:
    """Return what several files are together, the later ones merged into the earlier ones.

    Raises:
        SettingsError: A file cannot be read, or something in it is wrong.
    """
    model: Model = {part: {} for part in _PARTS}
    for path in paths:
        model = merge(model, _read_file(path, scope))
    return model


def _read_file(path: Path, scope: Scope) -> Model:
    place = Place(path.name, "", scope.reading.notes)
    if path in scope.trail:
        raise place.refuse("the file includes itself")
    if len(scope.trail) > _DEEPEST:
        raise place.refuse(f"files include each other more than {_DEEPEST} deep")
    document = _open(path, place, place, scope)
    own = _read_parts(document, scope)
    included = _read_included(document, replace(scope, trail=(*scope.trail, path)))
    for part in _PARTS:
        for name in own[part].keys() & included[part].keys():
            if own[part][name] != included[part][name]:
                raise place.at(part).at(name).refuse("an included file has another one of this name")
    return {part: {**included[part], **own[part]} for part in _PARTS}


def _open(path: Path, at: Place, place: Place, scope: Scope) -> Document:
    raw = scope.reading.open(path, at)
    return Document(path, place, interpolate_all(raw, scope.environment, place), scope.folder)


def _read_parts(document: Document, scope: Scope) -> Model:
    place = document.place
    for key in document.values:
        if key not in {*_PARTS, *_ELSEWHERE} and not key.startswith("x-"):
            place.at(key).leave_out()
    source = partial(take_section, handlers=_list_sources(document.folder))
    readers: Mapping[str, Handler] = {
        "networks": _take_named,
        "volumes": _take_named,
        "secrets": source,
        "configs": source,
    }
    found: Model = {"services": _Services(scope).read_all(document)}
    for part, handler in readers.items():
        found[part] = take_each(document.values.get(part) or {}, place.at(part), partial(_or_empty, handler=handler))
    return found


def _or_empty(value: Any, place: Place, handler: Handler) -> Any:
    return {} if value is None else handler(value, place)


def _take_named(value: Any, place: Place) -> Any:
    """Return a network or a volume, of which only its key matters."""
    return take_section(value, place, {"name": lambda *_: None})


def _list_sources(folder: Folder) -> Mapping[str, Handler]:
    return {
        "file": lambda value, place: folder.resolve(take_text(value, place), place),
        "environment": take_text,
        "content": take_text,
        "external": take_flag,
        "name": lambda *_: None,
    }


def _read_included(document: Document, scope: Scope) -> Model:
    model: Model = {part: {} for part in _PARTS}
    place = document.place.at("include")
    for index, value in enumerate(take_list(document.values.get("include") or [], place)):
        found = _include(value, place.item(index), scope)
        for part in _PARTS:
            for name in found[part].keys() & model[part].keys():
                if found[part][name] != model[part][name]:
                    raise place.item(index).refuse(f"it has {part} that an earlier included file has, too")
            model[part].update(found[part])
    return model


def _include(value: Any, place: Place, scope: Scope) -> Model:
    handlers: Mapping[str, Handler] = {"path": _take_paths, "project_directory": take_text, "env_file": _take_paths}
    written = value if isinstance(value, dict) else {"path": value}
    long = take_item(written, place, handlers)
    if not long.get("path"):
        raise place.refuse("its path is missing")
    paths = [Path(scope.folder.resolve(each, place)) for each in long["path"]]
    for path in paths:
        scope.reading.count_include(place)
        if not files.is_file(path):
            raise place.refuse("there is no such file")
    folder = Path(scope.folder.resolve(long["project_directory"], place)) if "project_directory" in long else None
    folder = folder or paths[0].parent
    named = [Path(scope.folder.resolve(each, place)) for each in long.get("env_file", ())]
    environment = {**scope.environment}
    for path in named or filter(files.is_file, [folder / ".env"]):
        environment = {**read_variables(path, environment, place), **environment}
    inner = replace(scope, environment=environment, folder=replace(scope.folder, path=folder))
    return settle(read_files(paths, inner))  # type: ignore[no-any-return]


def _take_paths(value: Any, place: Place) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    return tuple(take_text(each, place.item(index)) for index, each in enumerate(items))


class _Services:
    """Reads the services of a file, with those that they extend, each file once."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._documents: dict[Path, Document] = {}
        self._drafts: dict[tuple[Path, str], Draft] = {}

    def read_all(self, document: Document) -> dict[str, Any]:
        """Return all services of a file; one under `!reset` is marked so."""
        self._documents[document.path] = document
        return {name: self._read_marked(document, name, value) for name, value in document.services.items()}

    def _read_marked(self, document: Document, name: str, value: Any) -> Any:
        if isinstance(value, Tagged) and value.tag == "!reset":
            return Mark.RESET
        draft = {**self._read(document, name, ()), "folder": str(document.folder.path)}
        return Whole(draft) if isinstance(value, Tagged) else draft

    def _read(self, document: Document, name: str, trail: tuple[tuple[Path, str], ...]) -> Draft:
        here = (document.path, name)
        place = document.place.at("services").at(name)
        if here in trail:
            raise place.at("extends").refuse("the service extends itself")
        if len(trail) > _DEEPEST:
            raise place.at("extends").refuse(f"services extend each other more than {_DEEPEST} deep")
        if here not in self._drafts:
            own = read_service(document.get_service(name), place, document.folder)
            other = self._find_extended(document, name, place.at("extends"))
            self._drafts[here] = merge(self._read(*other, (*trail, here)), own) if other else own
        return self._drafts[here]

    def _find_extended(self, document: Document, name: str, place: Place) -> tuple[Document, str] | None:
        value = document.get_service(name).get("extends")
        if value is None or isinstance(value, Tagged):
            return None
        known: Mapping[str, Handler] = {"file": take_text, "service": take_text}
        long = take_item(value, place, known) if isinstance(value, dict) else {"service": take_text(value, place)}
        if "service" not in long:
            raise place.refuse("its service is missing")
        other = self._open(Path(document.folder.resolve(long["file"], place)), place) if "file" in long else document
        if long["service"] not in other.services:
            raise place.refuse(f"there is no such service in {other.path.name}")
        return other, long["service"]

    def _open(self, path: Path, place: Place) -> Document:
        if path not in self._documents:
            folder = replace(self._scope.folder, path=path.parent)
            inner = replace(self._scope, folder=folder)
            self._documents[path] = _open(path, place, Place(path.name, "", place.notes), inner)
        return self._documents[path]
