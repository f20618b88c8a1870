"""Reads from a Dockerfile what its image starts, and what of the build context it has where."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from weighbridge.build.dockerfile import read_text
from weighbridge.build.expansion import Unclear, expand, split_words
from weighbridge.build.instructions import BLANKS, Instruction, drop_flags, read_script
from weighbridge.model.recipe import NOTHING, Copied, Recipe
from weighbridge.settings.compose.project import ComposeProject

_SHELL = ("/bin/sh", "-c")
_FROM_FLAG = "--from="
_NAMED = 3
"""How many words `image AS name` has."""
_PORT = re.compile(r"(\d{1,5})(?:/tcp)?", re.IGNORECASE)


def find_recipes(project: ComposeProject) -> dict[str, Recipe]:
    """Return service -> what its Dockerfile says, for those of a compose project that are built from one here."""
    found = {}
    for name, service in project.services.items():
        if build := service.build:
            with suppress(OSError):
                text = read_text(Path(build.context, build.dockerfile))
                found[name] = read_recipe(text, build.target, build.args)
    return found


def read_recipe(text: str, target: str | None, arguments: Mapping[str, str]) -> Recipe:
    """Return what a stage says, with the stages that it stands on.

    Args:
        text: The Dockerfile's text.
        target: A stage, by its name or number; None: the last.
        arguments: The arguments of the build.

    Returns:
        The recipe; what cannot be known is left out of it.
    """
    script = read_script(text, arguments)
    if script is None:
        return NOTHING
    reading = _Reading(arguments, script.escape)
    for each in script.instructions:
        reading.take(each)
    stage = reading.find_stage(target) if target is not None else reading.stage
    return stage.recipe if stage else NOTHING


def list_stages(text: str) -> tuple[str, ...]:
    """Return the name of each stage, empty for one without; no stage if another frontend reads the text."""
    script = read_script(text, {})
    begun = (
        [drop_flags(BLANKS.split(each.arguments)) for each in script.instructions if each.name == "from"]
        if script
        else []
    )
    return tuple(words[2] if len(words) == _NAMED and words[1].lower() == "as" else "" for words in begun)


@dataclass(slots=True)
class _Stage:
    """A stage as far as it was read."""

    recipe: Recipe = NOTHING
    variables: dict[str, str | None] = field(default_factory=dict)
    has_command: bool = False
    """Whether the command is of this stage, and not of the one that it stands on."""


@dataclass(slots=True)
class _Reading:
    """Takes one instruction after the other."""

    arguments: Mapping[str, str]
    escape: str
    globals: dict[str, str | None] = field(default_factory=dict)
    stages: list[_Stage] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    @property
    def stage(self) -> _Stage | None:
        """The stage that is read."""
        return self.stages[-1] if self.stages else None

    def find_stage(self, name: str) -> _Stage | None:
        """Return a stage by its name or number."""
        number = self.numbers.get(name.lower())
        if number is None and name.isascii() and name.isdigit():
            number = int(name[:6])
        return self.stages[number] if number is not None and number < len(self.stages) else None

    def take(self, instruction: Instruction) -> None:
        """Take an instruction."""
        if instruction.name == "from":
            self._begin(BLANKS.split(instruction.arguments))
        elif instruction.name == "arg":
            for word in split_words(instruction.arguments, self.escape):
                self._set_argument(word)
        elif stage := self.stage:
            self._add(stage, instruction)

    def _begin(self, everything: Sequence[str]) -> None:
        words = drop_flags(everything)
        base = self._expand(words[0], self.globals) if words else None
        # Only a name counts here: there, a number would be an image.
        number = self.numbers.get((base or "").lower())
        parent = self.stages[number] if number is not None else _Stage()
        self.stages.append(_Stage(parent.recipe, dict(parent.variables)))
        if len(words) == _NAMED and words[1].lower() == "as":
            self.numbers[words[2].lower()] = len(self.stages) - 1

    def _set_argument(self, word: str) -> None:
        name, equals, default = word.partition("=")
        variables = self.stage.variables if self.stage else self.globals
        if name in self.arguments:
            variables[name] = self.arguments[name]
        elif equals:
            variables[name] = self._expand(default, variables)
        elif self.stage:
            variables[name] = self.globals.get(name)

    def _add(self, stage: _Stage, instruction: Instruction) -> None:
        text = instruction.arguments
        if instruction.name == "cmd":
            stage.recipe = replace(stage.recipe, command=_read_command(text))
            stage.has_command = True
        elif instruction.name == "entrypoint":
            # As the builder does: an own entrypoint takes away the command of what the stage stands on.
            command = stage.recipe.command if stage.has_command else ()
            stage.recipe = replace(stage.recipe, entrypoint=_read_command(text), command=command)
        elif instruction.name == "healthcheck":
            stage.recipe = replace(stage.recipe, health=_read_health(text))
        elif instruction.name == "workdir":
            if path := self._expand(text, stage.variables):
                stage.recipe = replace(stage.recipe, folder=_join(stage.recipe.folder, path))
        elif instruction.name == "expose":
            words = [self._expand(word, stage.variables) or "" for word in split_words(text, self.escape)]
            ports = [int(found[1]) for word in words if (found := _PORT.fullmatch(word))]
            stage.recipe = replace(stage.recipe, ports=(*stage.recipe.ports, *ports))
        elif instruction.name == "env":
            self._set_variables(stage, split_words(text, self.escape))
        elif instruction.name in {"copy", "add"}:
            copies = (*stage.recipe.copies, *self._read_copies(stage, text))
            stage.recipe = replace(stage.recipe, copies=copies)

    def _set_variables(self, stage: _Stage, words: Sequence[str]) -> None:
        if words and "=" not in words[0]:
            words = [f"{words[0]}={' '.join(words[1:])}"]  # the old form: ENV NAME text
        for word in words:
            name, _, value = word.partition("=")
            stage.variables[name] = self._expand(value, stage.variables)

    def _read_copies(self, stage: _Stage, text: str) -> Iterator[Copied]:
        everything = split_words(text, self.escape)
        words = drop_flags(everything)
        flags = everything[: len(everything) - len(words)]
        if listed := _read_list(" ".join(words)):
            words = listed
        *sources, written = [self._expand(word, stage.variables) for word in words] or [None]
        if not sources or written is None:
            return
        target = _join(stage.recipe.folder, written)
        is_folder = written.endswith(("/", "/.")) or written == "." or len(sources) > 1
        origin = next((flag.removeprefix(_FROM_FLAG) for flag in flags if flag.startswith(_FROM_FLAG)), None)
        for source in sources:
            if source is None or "://" in source or source.startswith("<<"):
                continue
            shown = f"{target.rstrip('/')}/" if is_folder else target
            if origin is None:
                yield Copied(source=_clean(source), target=shown)
            elif other := self.find_stage(origin):
                yield from _hand_on(other.recipe, _join("/", source), shown)

    def _expand(self, word: str, variables: Mapping[str, str | None]) -> str | None:
        try:
            return expand(word, variables, self.escape)
        except Unclear:
            return None


def _hand_on(recipe: Recipe, source: str, target: str) -> Iterator[Copied]:
    """Yield what a copy of a path in an earlier stage has of the build context."""
    around = [each for each in recipe.copies if _is_within(source, _place(each)) and source != _place(each)]
    nearest = max((len(_place(each)) for each in around), default=0)
    for each in recipe.copies:
        there = _place(each)
        if _is_within(there, source):
            rest = posixpath.relpath(there, source)
            yield replace(each, target=_join(target, rest) + "/" * each.target.endswith("/"))
        elif each in around and len(there) == nearest:
            below = posixpath.relpath(source, there)
            yield Copied(source=_clean(posixpath.join(each.source, below)), target=target)


def _place(copied: Copied) -> str:
    return copied.target.rstrip("/") or "/"


def _is_within(path: str, folder: str) -> bool:
    return folder in {"/", path} or path.startswith(f"{folder}/")


def _read_command(text: str) -> tuple[str, ...]:
    listed = _read_list(text)
    if listed is not None:
        return tuple(listed)
    return (*_SHELL, text) if text.strip() else ()


def _read_health(text: str) -> tuple[str, ...]:
    words = split_words(text)
    number = next((number for number, word in enumerate(words) if word.upper() == "CMD"), None)
    return () if number is None else _read_command(" ".join(words[number + 1 :]))


def _read_list(text: str) -> list[str] | None:
    """Return the words of the form `["a", "b"]`; None if it is another."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) and all(isinstance(each, str) for each in found) else None


def _clean(source: str) -> str:
    path = posixpath.normpath(source).lstrip("/")
    return "" if path == "." else path


def _join(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path)).replace("//", "/")
