"""Asks what a repository does not tell: on a terminal with a default, elsewhere not at all."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from weighbridge.errors import SettingsError
from weighbridge.quoting import flatten, join_names
from weighbridge.render.terminal import console


def choose(question: str, names: Sequence[str], option: str, *, given: str = "", default: str | None = None) -> str:
    """Return one of several names: what an option gives, else the only one, else what the user answers.

    Args:
        question: A noun phrase, such as `FastAPI application`.
        names: What there is to choose from; at least one.
        option: The option that answers it.
        given: Its value; empty if it is not given.
        default: What is taken where nobody can be asked; None: nothing is safe.

    Raises:
        SettingsError: The option names none of them, or nobody can be asked and nothing is safe.
    """
    if given:
        if given not in names:
            raise SettingsError(
                f"{option} {flatten(given)} is no {question} here", advice=f"Choose from {join_names(names)}."
            )
        return given
    if len(names) == 1:
        return names[0]
    if sys.stdin.isatty() and sys.stdout.isatty():
        return _ask(question, names, default or names[0])
    if default is not None:
        return default
    raise SettingsError(
        f"There is more than one {question}: {join_names(names)}",
        advice=f"Say which with {option}, such as {option} {flatten(names[0])}.",
    )


def _ask(question: str, names: Sequence[str], default: str) -> str:
    console.print_line(f"Which {question}?")
    for number, name in enumerate(names, start=1):
        console.print_line(f"  {number}  {flatten(name)}")
    while True:
        try:
            answer = input(f"Number or name [{flatten(default)}]: ").strip()
        except EOFError:
            answer = ""
        if not answer:
            return default
        if answer.isascii() and answer.isdecimal() and 0 < int(answer) <= len(names):
            return names[int(answer) - 1]
        if answer in names:
            return answer
