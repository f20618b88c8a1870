"""Splits a command that is one text into words, as Compose does without a shell."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PART = re.compile(
    r"""\\(?P<escaped>.) | '(?P<single>[^']*)' | "(?P<double>(?:\\.|[^"\\])*)"
    | (?P<plain>\$\([^)]*\)|`[^`]*`|[^\\'"`();&|<>\s]) | (?P<blank>\s+) | (?P<end>[;&|<>])""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a command."""

    words: tuple[str, ...]
    is_cut: bool = False
    """Whether an operator of a shell ended the reading, so that the rest of the text counts for nothing."""


def split_words(text: str) -> Words:
    r"""Return the words of a text: quotes keep blanks, and `\` takes the next sign as it is.

    Raises:
        ValueError: A quote is open at the end, or a bracket stands outside of quotes.
    """
    words, parts, start = list[str](), list[str](), 0
    is_cut = False
    while start < len(text) and not is_cut:
        part = _PART.match(text, start)
        if not part:
            raise ValueError("it has an open quote, or a bracket outside of quotes")
        start = part.end()
        is_cut = part.lastgroup == "end"
        if part[0] == ">" and "".join(parts)[:1].isdecimal():
            parts = []  # it names what is redirected, as in `2>`
        if part.lastgroup in {"blank", "end"}:
            words += ["".join(parts)] if parts else []
            parts = []
        else:
            parts.append(_read_part(part))
    return Words((*words, "".join(parts)) if parts else tuple(words), is_cut)


def _read_part(part: re.Match[str]) -> str:
    text = part[part.lastgroup or 0]
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) if part.lastgroup == "double" else text
