"""Reads the instructions of a Dockerfile: its lines put together, without comments, directives and heredocs.

Source: docs.docker.com, Dockerfile reference, "Parser directives" and "Here-Documents"; moby/buildkit,
frontend/dockerfile/parser, where that is silent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from weighbridge.build.expansion import Unclear, split_words, unquote

BLANKS = re.compile(r"[\t\v\f\r ]+")
"""What separates the words of an instruction."""
_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+)")
_DIRECTIVES = ("syntax", "escape", "check")
_SYNTAX_ARGUMENT = "BUILDKIT_SYNTAX"
_OWN_SYNTAX = re.compile(r"(?:.*/)?docker/dockerfile(?:-upstream)?(?:[:@].*)?")
"""The frontends that read what is read here, from whatever registry; others may mean anything."""
HEREDOC = re.compile(r"[0-9]*<<(-?)([^<]*)")
_TAKES_HEREDOC = ("add", "copy", "run")


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction and where it stands."""

    name: str
    """In small letters."""
    arguments: str
    """What stands behind the name."""
    lines: range
    """The lines that it takes, without those of its heredocs."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Dockerfile's instructions, in their order."""

    instructions: Sequence[Instruction]
    escape: str
    """The escape character, a backslash or a backtick."""


class _Lines:
    """The lines of a Dockerfile, each taken once."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._rest = iter(lines)
        self.taken = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._rest)
        self.taken += 1
        return line


def read_script(text: str, arguments: Mapping[str, str]) -> Script | None:
    """Return the instructions of a Dockerfile's text; None if another frontend reads it.

    Args:
        text: The text.
        arguments: The arguments of the build, one of which may name the frontend.
    """
    lines = text.removeprefix("\ufeff").split("\n")
    directives = _read_directives(lines)
    escape = directives.get("escape", "\\")
    syntax = arguments.get(_SYNTAX_ARGUMENT) or directives.get("syntax") or "docker/dockerfile"
    if escape not in {"\\", "`"} or not _OWN_SYNTAX.fullmatch(syntax.partition(" ")[0]):
        return None
    return Script(tuple(_read_instructions(lines, escape)), escape)


def _read_directives(lines: Sequence[str]) -> dict[str, str]:
    """Return the parser directives: the lines at the beginning, up to the first that is something else."""
    found = dict[str, str]()
    for line in lines:
        matched = _DIRECTIVE.fullmatch(line.rstrip())
        if not matched or matched[1].lower() not in _DIRECTIVES:
            break
        found.setdefault(matched[1].lower(), matched[2])
    return found


def _read_instructions(lines: Sequence[str], escape: str) -> Iterator[Instruction]:
    """Yield each instruction; leave out comments and heredocs."""
    rest = _Lines(lines)
    # As BuildKit: an escape character that is itself escaped does not continue the line.
    continued = re.compile(rf"(^|[^{re.escape(escape)}]){re.escape(escape)}[ \t]*$")
    for line in rest:
        begin = rest.taken - 1
        whole = _join_lines(line.lstrip(), rest, continued)
        if not whole.strip():
            continue
        name, *behind = BLANKS.split(whole.strip(), maxsplit=1)
        arguments = behind[0] if behind else ""
        yield Instruction(name.lower(), arguments, range(begin, rest.taken))
        for tabs, end in _find_heredocs(name.lower(), arguments):
            _skip(rest, tabs=tabs, end=end)


def _join_lines(begin: str, rest: Iterator[str], continued: re.Pattern[str]) -> str:
    """Return a line with those that continue it; comments and empty lines between them do not end it."""
    parts, line = list[str](), "" if begin.startswith("#") else begin.rstrip("\r")
    while matched := continued.search(line):
        parts.append(line[: matched.start()] + matched[1])
        line = next((each for each in rest if each.strip() and not each.lstrip().startswith("#")), "").rstrip("\r")
    return "".join([*parts, line])


def _find_heredocs(name: str, arguments: str) -> Iterator[tuple[bool, str]]:
    """Yield of each heredoc of an instruction whether tabs before its lines are left out, and the line that ends it."""
    if name == "onbuild":
        name = arguments.partition(" ")[0].lower()
    words = split_words(arguments) if name in _TAKES_HEREDOC else []
    with suppress(Unclear):  # BuildKit sees no heredoc in a line with a quote that is not closed
        for matched in filter(None, map(HEREDOC.fullmatch, words if unquote(arguments) else [])):
            if matched[2]:
                yield matched[1] == "-", unquote(matched[2])


def _skip(rest: Iterator[str], *, tabs: bool, end: str) -> None:
    for line in rest:
        text = line.rstrip("\r")
        if (text.lstrip("\t") if tabs else text) == end:
            return


def drop_flags(words: Sequence[str]) -> Sequence[str]:
    """Return an instruction's words without the flags that they begin with."""
    first = next((number for number, word in enumerate(words) if not word.startswith("--")), len(words))
    return words[first:]
