"""Finds in a command, or in a script's text, the programs that it runs and that we know."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

RoleKind = Literal["api", "worker", "beat", "other"]
_API_SERVERS = {"uvicorn", "gunicorn", "hypercorn", "granian", "daphne"}
_OTHERS = {"flower", "nginx", "caddy", "httpd", "node", "npm", "yarn", "pnpm", "streamlit"}
_CELERY: Mapping[str, RoleKind] = {"worker": "worker", "multi": "worker", "beat": "beat", "flower": "other"}
_CELERY_VALUES = {"-A", "--app", "-b", "--broker", "--result-backend", "--loader", "--config", "--workdir"}
"""Celery's options before its command that have a value, which may be called as a command is."""
_APP = {"-A", "--app"}
_ONCE = {"alembic", "manage.py"}
_TESTS = {"pytest", "tox", "nox"}
_KNOWN = {*_API_SERVERS, *_OTHERS, *_ONCE, *_TESTS, "celery", "fastapi"}
_PASSED_OVER = {"pip", "pip3", "apt", "apt-get", "apk", "cd", "echo", "mkdir", "printf", "which"}
"""Programs that may name one of ours without running it."""
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_OPERATORS = ";&|()"
_CONFIGURED = re.compile(r"^\s*command\s*=\s*", re.MULTILINE)
"""How supervisord's file begins a program's command."""
_IN_PYTHON: Sequence[tuple[re.Pattern[str], str, tuple[str, ...]]] = (
    (re.compile(r"\buvicorn\.(?:run|Server|Config)\("), "uvicorn", ()),
    (re.compile(r"\bhypercorn\.asyncio\b"), "hypercorn", ()),
    (re.compile(r"\bGranian\("), "granian", ()),
    (re.compile(r"\.worker_main\(|\.Worker\("), "celery", ("worker",)),
    (re.compile(r"\.Beat\("), "celery", ("beat",)),
)
_PORT_IN_PYTHON = re.compile(r"\bport\s*=\s*(?:int\()?(\d{1,5})\b")
_ORDER: Sequence[RoleKind] = ("api", "worker", "beat", "other")
"""Which kind a container of several programs has: the first of these."""


@dataclass(frozen=True, slots=True)
class Call:
    """A program that is run."""

    program: str
    """Its name without folders."""
    arguments: tuple[str, ...] = ()


def find_calls(words: Sequence[str]) -> tuple[Call, ...]:
    """Return the calls of programs that we know in the words of a command, through whatever shells and wrappers."""
    found = [*_find_in_segments([[*words]])]
    for word in words:
        if any(sign.isspace() for sign in word):
            found += _find_in_segments(split_lines(word))
    return tuple(found)


def find_in_script(text: str, *, is_python: bool) -> tuple[Call, ...]:
    """Return the calls in the text of a script, or of a file that configures supervisord."""
    if not is_python:
        return tuple(_find_in_segments(split_lines(_CONFIGURED.sub("", text))))
    port = _PORT_IN_PYTHON.search(text)
    more = ("--port", port[1]) if port else ()
    return tuple(Call(program, words or more) for pattern, program, words in _IN_PYTHON if pattern.search(text))


def split_lines(text: str) -> Iterator[list[str]]:
    """Yield the words of each command in lines for a shell."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=_OPERATORS)
        lexer.whitespace_split = True
        segment = list[str]()
        try:
            for word in lexer:
                if set(word) <= set(_OPERATORS):
                    yield segment
                    segment = []
                else:
                    segment.append(word)
        except ValueError:  # a quote that ends in a later line
            segment = line.split()
        yield segment


def classify(calls: Iterable[Call]) -> tuple[RoleKind, ...]:
    """Return the kinds of the servers among calls, each once, the one that counts most first."""
    kinds = {_classify(call) for call in calls}
    return tuple(kind for kind in _ORDER if kind in kinds)


def find_app(call: Call) -> str | None:
    """Return the application that a call of Celery names; None: it names none, or by a variable of the shell."""
    words = call.arguments
    for word, after in zip(words, (*words[1:], ""), strict=True):
        app = after if word in _APP else word.removeprefix("--app=") if word.startswith("--app=") else ""
        if app and "$" not in app:
            return app
    return None


def runs_once(calls: Iterable[Call]) -> bool:
    """Tell whether one of the calls migrates a database."""
    return any(call.program in _ONCE and _classify(call) is None for call in calls)


def runs_tests(calls: Iterable[Call]) -> bool:
    """Tell whether one of the calls runs tests."""
    return any(call.program in _TESTS for call in calls)


def _find_in_segments(segments: Iterable[Sequence[str]]) -> Iterator[Call]:
    for segment in segments:
        words = [word for word in segment if not _ASSIGNMENT.fullmatch(word)]
        names = [PurePosixPath(word).name for word in words]
        if names and names[0] in _PASSED_OVER:
            continue
        at = next((number for number, name in enumerate(names) if name in _KNOWN), None)
        if at is not None:
            yield Call(names[at], tuple(words[at + 1 :]))


def _classify(call: Call) -> RoleKind | None:
    if call.program in _API_SERVERS:
        return "api"
    if call.program == "fastapi":
        return "api" if call.arguments[:1] in {("run",), ("dev",)} else None
    if call.program == "manage.py":
        return "api" if call.arguments[:1] == ("runserver",) else None
    if call.program == "celery":
        return _CELERY.get(_find_command(call.arguments))
    return "other" if call.program in _OTHERS else None


def _find_command(arguments: Sequence[str]) -> str:
    """Return Celery's command, which stands behind options."""
    rest = iter(arguments)
    for word in rest:
        if word in _CELERY_VALUES:
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return ""
