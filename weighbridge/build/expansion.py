"""Reads the words of a Dockerfile as BuildKit's lexer does: quotes, escapes, and variables with their defaults.

Source: docs.docker.com, Dockerfile reference, "Environment replacement"; moby/buildkit, frontend/dockerfile/shell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_DEEPEST = 20
"""How many `${A:-${B:-…}}` may stand in one another."""
_LONGEST = 4096
"""Characters of a word with its variables: each may hold the one before it many times."""
_QUOTES = ("'", '"')


class Unclear(ValueError):
    """A word's value is unknown: we cannot read its syntax, or it uses a variable whose value we do not have."""


def expand(word: str, values: Mapping[str, str | None], escape: str = "\\") -> str:
    """Return a word without its quotes, with the values of its variables.

    Args:
        word: As it stands in the Dockerfile.
        values: Name -> value; None where a variable has one that is not known. What is not in it is not set.
        escape: The escape character, a backslash or a backtick.

    Raises:
        Unclear: See there.
    """
    return _Reader(word, values, escape).read_until("")


def unquote(word: str) -> str:
    """Return a word without its quotes; variables in it are text.

    Raises:
        Unclear: A quote is not closed.
    """
    return _Reader(word, None, "\\").read_until("")


def split_words(text: str, escape: str = "\\") -> list[str]:
    """Return the words of a line, quotes and escapes left in place; the last may lack its closing quote."""
    words, quote, at = [list[str]()], "", 0
    while at < len(text):
        char = text[at]
        if char == escape and quote != "'":
            char = text[at : at + 2]
        elif char == quote:
            quote = ""
        elif char in _QUOTES and not quote:
            quote = char
        at += len(char)
        if char.isspace() and not quote:
            words.append([])
        else:
            words[-1].append(char)
    return ["".join(word) for word in words if word]


@dataclass(slots=True)
class _Reader:
    """Reads one word from left to right."""

    text: str
    values: Mapping[str, str | None] | None
    """None: a dollar sign is text."""
    escape: str
    at: int = 0
    depth: int = 0

    def read_until(self, end: str) -> str:
        """Return what stands before `end`, which is passed over; empty: the end of the text."""
        parts, length = list[str](), 0
        for part in self._read_parts(end):
            parts.append(part)
            length += len(part)
            if self.values is not None and length > _LONGEST:
                raise Unclear("it is longer than any name")
        return "".join(parts)

    def _read_parts(self, end: str) -> Iterator[str]:
        while (char := self._take_next()) != end:
            if not char:
                raise Unclear(f"{end} is missing")
            if char == "'":
                yield self._read_single_quoted()
            elif char == '"':
                yield "".join(self._read_double_quoted())
            elif char == "$":
                yield self._read_variable()
            else:
                yield self._take_next() if char == self.escape else char

    def _take_next(self) -> str:
        """Return the next character; empty at the end."""
        char = self.text[self.at : self.at + 1]
        self.at += 1
        return char

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _read_single_quoted(self) -> str:
        begin, end = self.at, self.text.find("'", self.at)
        if end < 0:
            raise Unclear("a quote is not closed")
        self.at = end + 1
        return self.text[begin:end]

    def _read_double_quoted(self) -> Iterator[str]:
        while (char := self._take_next()) != '"':
            if not char:
                raise Unclear("a quote is not closed")
            if char == "$":
                yield self._read_variable()
            elif char == self.escape:
                # Only these are escaped in double quotes; before others the character stands for itself.
                escaped = self._peek() and self._peek() in f'"${self.escape}'
                yield self._take_next() if escaped else self.escape * bool(self._peek())
            else:
                yield char

    def _read_variable(self) -> str:
        if self.values is None:
            return "$"
        if self._peek() != "{":
            name = self._name()
            if not name and self._peek() and self._peek() in "@*#?-$!":
                raise Unclear("a special parameter of the shell is not set in a build")
            return self._get_value(name) or "" if name else "$"
        self.at += 1
        name, sign = self._name(), self._take_next()
        if not name:
            raise Unclear("a variable has no name")
        if sign == "}":
            return self._get_value(name) or ""
        empty_is_unset = sign == ":"
        if empty_is_unset:
            sign = self._take_next()
        if not sign or sign not in "-+?":
            raise Unclear("patterns are not read")
        return self._apply_modifier(name, sign, empty_is_unset=empty_is_unset)

    def _apply_modifier(self, name: str, sign: str, *, empty_is_unset: bool) -> str:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Unclear("too many variables stand in one another")
        # BuildKit, too, reads the other word first, and finds fault with it even where it is not taken.
        other, value = self.read_until("}"), self._get_value(name)
        self.depth -= 1
        is_set = bool(value) if empty_is_unset else value is not None
        if sign == "?" and not is_set:
            raise Unclear(f"{name} is not set")
        if sign == "+":
            return other if is_set else ""
        return value or "" if is_set else other

    def _name(self) -> str:
        begin = self.at
        if self._peek().isdigit():
            while self._peek().isdigit():
                self.at += 1
        else:
            while self._peek() == "_" or self._peek().isalnum():
                self.at += 1
        return self.text[begin : self.at]

    def _get_value(self, name: str) -> str | None:
        """Return a variable's value; None where it is not set."""
        if not self.values or name not in self.values:
            return None
        value = self.values[name]
        if value is None:
            raise Unclear(f"{name} is not known here")
        return value
