"""Reads from a Dockerfile on which images its stages stand, and puts others in their place.

It does so for any Dockerfile that BuildKit takes.

Source: docs.docker.com, Dockerfile reference, "FROM" and "ARG"; moby/buildkit, frontend/dockerfile/dockerfile2llb,
where that is silent.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from weighbridge import files
from weighbridge.build.expansion import Unclear, expand, split_words, unquote
from weighbridge.build.instructions import BLANKS, HEREDOC, Instruction, drop_flags, read_script

SCRATCH = "scratch"
"""What FROM names for no image at all."""
_LONGEST = 2**24
"""The most bytes of a Dockerfile that we read."""
_PARTS = ("PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT")
_OF_BUILDER = ("TARGETSTAGE", *(f"{side}{part}" for side in ("BUILD", "TARGET") for part in _PARTS))
"""Variables that have a value in every build, which is not known here."""
_REFERENCE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:/@-]*[A-Za-z0-9._-])?")
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|git@")
"""What the source of an ADD begins with that is not in the build context."""
_PLAIN, _NAMED = 1, 3
"""How many words `FROM image` and `FROM image AS name` have behind FROM."""


@dataclass(frozen=True, slots=True)
class _From:
    """A FROM of an image."""

    image: str
    flags: Sequence[str]
    name: Sequence[str]
    """`AS name`, or nothing."""
    lines: range


@dataclass(slots=True)
class _Stages:
    """What each stage stands on, by its number and by its name in small letters."""

    arguments: Mapping[str, str]
    """Of the build."""
    escape: str
    variables: dict[str, str | None]
    """The global ones so far; None: its value cannot be told."""
    bases: list[str | None] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    images: list[_From] = field(default_factory=list)
    """Each FROM that names an image, and not a stage."""

    def add(self, instruction: Instruction) -> None:
        """Take a FROM."""
        everything = BLANKS.split(instruction.arguments)
        words = drop_flags(everything)
        begun = len(words) in {_PLAIN, _NAMED} and (len(words) == _PLAIN or words[1].lower() == "as")
        base = self._expand(words[0]) if begun else None
        # Only what stands above is a stage to it: below its own name, a stage may use an image of that name.
        known = self.numbers.get((base or "").lower())
        if base and known is None and base != SCRATCH and _REFERENCE.fullmatch(base):
            flags = everything[: len(everything) - len(words)]
            self.images.append(_From(base, flags, words[1:], instruction.lines))
        self.bases.append(base if known is None else self.bases[known])
        if len(words) == _NAMED:
            self.numbers[words[2].lower()] = len(self.bases) - 1

    def set_variable(self, word: str) -> None:
        """Take one `NAME` or `NAME=default` of an ARG above the first FROM."""
        name, equals, default = word.partition("=")
        if name in self.arguments:
            self.variables[name] = self.arguments[name]
        elif not equals or name in _OF_BUILDER:
            self.variables |= {name: None} if name in self.variables else {}
        else:
            self.variables[name] = self._expand(default)

    def _expand(self, word: str) -> str | None:
        try:
            return expand(word, self.variables, self.escape)
        except Unclear:
            return None

    def find_base(self, target: str | None) -> str | None:
        """Return the base of the stage with that name or number; None: of the last stage."""
        number = len(self.bases) - 1 if target is None else self.numbers.get(target.lower())
        if number is None and target and target.isascii() and target.isdigit():
            number = int(target[:6])  # more digits than any Dockerfile has stages
        return self.bases[number] if number is not None and 0 <= number < len(self.bases) else None


def find_base(text: str, target: str | None, arguments: Mapping[str, str]) -> str | None:
    """Return the image that a target finally stands on, through whatever stages, as the Dockerfile writes its name.

    Args:
        text: The Dockerfile's text.
        target: A stage, by its name or number; None: the last.
        arguments: The arguments of the build.

    Returns:
        The name; `SCRATCH` for no image; None if it cannot be known: there is no such stage, the builder would refuse
        the Dockerfile, another frontend reads it, or it depends on the platform.
    """
    stages = _read_stages(text, arguments)
    base = stages.find_base(target) if stages else None
    return base if base and _REFERENCE.fullmatch(base) else None


def list_images(text: str, arguments: Mapping[str, str]) -> tuple[str, ...]:
    """Return the images in all FROM, each once, without `SCRATCH` and those that `find_base` does not know either."""
    stages = _read_stages(text, arguments)
    return tuple(dict.fromkeys(each.image for each in stages.images)) if stages else ()


def list_sources(text: str) -> frozenset[str]:
    """Return what COPY, ADD and the mounts of RUN take of the build context, of all stages; empty: all of it.

    Paths start at the context's folder, with variables and wildcards as they are written. Nothing is listed if another
    frontend reads the text.
    """
    script = read_script(text, {})
    instructions = script.instructions if script else ()
    found = (source for each in instructions for source in _list_sources_of(each, script.escape if script else ""))
    return frozenset(posixpath.normpath(f"/{source}").lstrip("/") for source in found if not _REMOTE.match(source))


def replace_images(text: str, arguments: Mapping[str, str], others: Mapping[str, str]) -> str:
    """Return a Dockerfile with other images in its FROM; all other lines keep their text and number.

    Args:
        text: The Dockerfile's text.
        arguments: The arguments of the build.
        others: Image as `list_images` returns it -> the image to take its place.
    """
    stages, lines = _read_stages(text, arguments), text.split("\n")
    for each in stages.images if stages else ():
        if each.image in others:
            line = " ".join(["FROM", *each.flags, others[each.image], *each.name])
            lines[each.lines.start : each.lines.stop] = [line, *[""] * (len(each.lines) - 1)]
    return "\n".join(lines)


def read_text(path: Path) -> str:
    """Return the text of a Dockerfile.

    Raises:
        OSError: It is missing, or is not a file that can be read.
    """
    return files.read(path, _LONGEST).decode(errors="replace").replace("\r\n", "\n")


def _read_stages(text: str, arguments: Mapping[str, str]) -> _Stages | None:
    """Return the stages; None if another frontend reads the text."""
    script = read_script(text, arguments)
    if script is None:
        return None
    stages = _Stages(arguments, script.escape, {name: arguments.get(name) for name in _OF_BUILDER})
    for each in script.instructions:
        if each.name == "from":
            stages.add(each)
        elif each.name == "arg" and not stages.bases:
            for word in split_words(each.arguments, script.escape):
                stages.set_variable(word)
    return stages


def _list_sources_of(instruction: Instruction, escape: str) -> Iterator[str]:
    """Yield what one instruction takes of the build context."""
    words = split_words(instruction.arguments, escape)
    rest = drop_flags(words)
    flags = words[: len(words) - len(rest)]
    if instruction.name == "run":
        for flag in flags:
            options = dict(each.partition("=")[::2] for each in flag.removeprefix("--mount=").split(","))
            if flag.startswith("--mount=") and options.get("type", "bind") == "bind" and "from" not in options:
                yield options.get("source") or options.get("src") or "."
    elif instruction.name in {"add", "copy"} and not any(flag.startswith("--from=") for flag in flags):
        with suppress(Unclear, ValueError):
            everything = " ".join(rest)
            paths = json.loads(everything) if everything.startswith("[") else [unquote(word) for word in rest]
            yield from (str(path) for path in paths[:-1] if not HEREDOC.fullmatch(str(path)))
