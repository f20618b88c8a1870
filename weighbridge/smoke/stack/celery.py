"""Finds in a role's command line how it calls Celery, so that Celery can be asked about the same application."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_GLOBAL = {"-A": "--app", "--app": "--app", "-b": "--broker", "--broker": "--broker", "--workdir": "--workdir"}
"""Options of the program that decide which application and which broker it means (celery.bin.celery)."""
_QUEUES = ("-Q", "--queues")
_SHORT = frozenset({"-A", "-b", "-Q"})
"""Options whose value may stand in the same word, as in `-Aapp`."""
SUBCOMMANDS = frozenset({"worker", "beat"})


@dataclass(frozen=True, slots=True)
class Call:
    """How a command line calls Celery."""

    program: tuple[str, ...]
    """The program with the options that name the application; further words can follow."""
    subcommand: str
    """`worker` or `beat`; empty: another one."""
    arguments: tuple[str, ...]
    """All words after the program's name, as they are."""
    queues: tuple[str, ...]
    """The queues that it names; empty: it takes jobs from the application's default queue."""


def find_call(words: Sequence[str]) -> Call | None:
    """Return how a command line calls Celery; None if it does not, or only in a script of the image.

    A shell's line counts, as in `sh -c "exec celery …"`, and so does what a wrapper starts, such as `poetry run`.
    """
    for line in _iterate_lines(words):
        for at, word in enumerate(line):
            if posixpath.basename(word) == "celery":
                start = at - 2 if line[max(0, at - 1) : at] == ["-m"] and at > 1 else at
                return _read(tuple(line[start : at + 1]), line[at + 1 :])
    return None


def _iterate_lines(words: Sequence[str]) -> Iterator[list[str]]:
    """Yield the command line, and each command of a shell's line in it."""
    yield [*words]
    for word in words:
        if " " in word:
            lexer = shlex.shlex(word, posix=True, punctuation_chars=";&|\n")
            lexer.whitespace, lexer.whitespace_split = " \t", True
            try:
                parts = [*lexer]
            except ValueError:  # a quote that nothing closes
                continue
            line = list[str]()
            for part in parts:
                if set(part) <= set(";&|\n"):
                    yield line
                    line = []
                else:
                    line.append(part)
            yield line


def _read(program: tuple[str, ...], rest: Sequence[str]) -> Call:
    options, queues, subcommand, words = dict[str, str](), list[str](), "", iter(rest)
    for word in words:
        name, equals, value = word.partition("=")
        if word[:2] in _SHORT and word[2:3] not in {"", "="}:
            name, value = word[:2], word[2:]
        elif not equals and (name in _GLOBAL or name in _QUEUES):
            value = next(words, "")
        if name in _GLOBAL and value:
            options[_GLOBAL[name]] = value
        elif name in _QUEUES:
            queues += [queue for queue in value.split(",") if queue]
        elif word in SUBCOMMANDS:
            subcommand = subcommand or word
    chosen = tuple(word for pair in options.items() for word in pair)
    return Call((*program, *chosen), subcommand, tuple(rest), tuple(queues))
