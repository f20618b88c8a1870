"""Replaces `$X`, `${X}`, `${X:-d}`, `${X-d}`, `${X:?e}`, `${X?e}`, `${X:+a}`, `${X+a}` and `$$` in texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from weighbridge.quoting import quote
from weighbridge.settings.compose.places import Place
from weighbridge.settings.yaml_syntax import LONGEST, Tagged

_VARIABLE = re.compile(r"\$(?:(\$)|([A-Za-z_][A-Za-z0-9_]*)|(\{))")
_BRACED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:?)([-?+])(.*))?", re.DOTALL)
_DEEPEST = 50
"""How deep defaults may stand in defaults."""
_MOST = 10 * LONGEST
"""The most characters of all texts of a document, once interpolated."""


def interpolate(text: str, environment: Mapping[str, str], place: Place) -> str:
    """Return a text with the values of its variables; a `$` that begins none of the forms stays as it is.

    Args:
        text: The text.
        environment: Variable -> value.
        place: Where the text stands; a variable that is not set is a note there, unless the text says what to do.

    Raises:
        SettingsError: A form is wrong, a variable is required that is not set, or the result is too long.
    """
    return _Interpolation(environment, place).replace(text, 0)


def interpolate_all(value: Any, environment: Mapping[str, str], place: Place) -> Any:
    """Return a document's value with each text interpolated; keys are not.

    Raises:
        SettingsError: See `interpolate`; also if all texts together are too long.
    """
    try:
        return _Document(environment, place).replace(value, place)
    except RecursionError:
        raise place.refuse("it is nested too deeply") from None


class _Interpolation:
    """One text's interpolation."""

    def __init__(self, environment: Mapping[str, str], place: Place) -> None:
        self._environment = environment
        self._place = place

    def replace(self, text: str, depth: int) -> str:
        """Return a text with the values of its variables."""
        if depth > _DEEPEST:
            raise self._place.refuse(f"defaults stand in defaults more than {_DEEPEST} deep")
        found, length, start = list[str](), 0, 0
        while match := _VARIABLE.search(text, start):
            end = match.end()
            if match[1]:
                value = "$"
            elif match[2]:
                value = self._look_up(match[2])
            else:
                close = _find_close(text, end)
                if close < 0:
                    raise self._place.refuse("a ${ has no } that closes it; write $$ for a plain $")
                value, end = self._replace_braced(text[end:close], depth), close + 1
            found += [text[start : match.start()], value]
            length += len(found[-2]) + len(value)
            if length > LONGEST:
                raise self._place.refuse(f"with the values of its variables it is longer than {LONGEST} characters")
            start = end
        return "".join([*found, text[start:]])

    def _replace_braced(self, inner: str, depth: int) -> str:
        form = _BRACED.fullmatch(inner)
        if not form:
            raise self._place.refuse("a ${…} holds no name of a variable; write $$ for a plain $")
        name, colon, operator, rest = form[1], form[2], form[3], form[4]
        value = self._environment.get(name)
        is_there = bool(value) if colon else value is not None
        if not operator:
            return self._look_up(name)
        if operator == "?" and not is_there:
            said = f": {quote(rest)}" if rest else ""
            raise self._place.refuse(f"the variable {quote(name)} is required and has no value{said}")
        if operator == "+":
            return self.replace(rest, depth + 1) if is_there else ""
        return value or "" if is_there else self.replace(rest, depth + 1)

    def _look_up(self, name: str) -> str:
        if name not in self._environment:
            self._place.note(f"uses the variable {quote(name)}, which is not set: an empty text takes its place")
        return self._environment.get(name, "")


class _Document:
    """Puts the values of variables into a document's texts, which share one limit of length."""

    def __init__(self, environment: Mapping[str, str], place: Place) -> None:
        self._environment = environment
        self._place = place
        self._left = _MOST

    def replace(self, value: Any, place: Place) -> Any:
        """Return a value with each text in it interpolated."""
        if isinstance(value, str):
            text = interpolate(value, self._environment, place) if "$" in value else value
            self._left -= len(text)
            if self._left < 0:
                raise self._place.refuse(f"with the values of variables it is longer than {_MOST} characters")
            return text
        if isinstance(value, dict):
            return {key: self.replace(each, place.at(key)) for key, each in value.items()}
        if isinstance(value, list):
            return [self.replace(each, place.item(index)) for index, each in enumerate(value)]
        if isinstance(value, Tagged):
            return Tagged(value.tag, self.replace(value.value, place))
        return value


def _find_close(text: str, start: int) -> int:
    """Return the place of the bracket that closes one before `start`; negative if there is none."""
    depth = 1
    for index in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if not depth:
            return index
    return -1
