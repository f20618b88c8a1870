"""Reads env files by Compose's rules: `.env` beside a compose file, and those that `env_file` names."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping
from pathlib import Path

from weighbridge import files
from weighbridge.errors import SettingsError
from weighbridge.settings.compose.interpolation import interpolate
from weighbridge.settings.compose.places import Place
from weighbridge.settings.yaml_syntax import LONGEST

_EXPORT = re.compile(r"export[ \t\r\f\v]+")
_NAME = re.compile(r"([^=:\n]*)([=:\n])")
_ALLOWED = re.compile(r"[\w.\-\[\]]+")
_BLANK = " \t\r\f\v\x85\xa0"
_ESCAPE = re.compile(r"""\\(?:([abfnrtv"\\])|(\$)|0([0-7]{3}))""")
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}


_NONE: Mapping[str, str] = {}


def read_variables(
    path: Path,
    environment: Mapping[str, str],
    place: Place,
    *,
    earlier: Mapping[str, str] = _NONE,
    is_raw: bool = False,
) -> dict[str, str]:
    """Return the variables of an env file.

    Args:
        path: The file.
        environment: The variables that values may use and that names without a value take over.
        place: Where the file is named, or the file itself.
        earlier: The variables of earlier files, which values may use, too, after those of this file.
        is_raw: Whether values stand for themselves, without quotes and variables (`format: raw`).

    Raises:
        SettingsError: The file cannot be read, or a line is wrong; the error shows no value.
    """
    try:
        text = files.read(path, LONGEST).decode("utf-8-sig")
    except OSError as error:
        raise place.refuse(f"the env file cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise place.refuse("the env file cannot be read: it is no UTF-8") from None
    return _parse_raw(text, place) if is_raw else parse(text, environment, place, earlier)


def parse(
    text: str, environment: Mapping[str, str], place: Place, earlier: Mapping[str, str] = _NONE
) -> dict[str, str]:
    """Return the variables of an env file's text; see `read_variables`.

    Raises:
        SettingsError: A line is wrong.
    """
    parser = _Parser(f"{text}\n", environment, place, earlier)
    while parser.read_variable():
        pass
    return parser.variables


class _Parser:
    """Takes one variable after the other from a text."""

    def __init__(self, text: str, environment: Mapping[str, str], place: Place, earlier: Mapping[str, str]) -> None:
        self.variables: dict[str, str] = {}
        self._text = text
        self._at = 0
        self._environment = environment
        self._lookup = ChainMap({**environment}, self.variables, {**earlier})
        self._place = place
        self._length = 0
        self._counted, self._line = 0, 1

    def read_variable(self) -> bool:
        """Read the next variable; False if there is none."""
        self._skip_comments()
        if self._at >= len(self._text):
            return False
        if export := _EXPORT.match(self._text, self._at):
            self._at = export.end()
        found = _NAME.match(self._text, self._at)
        name = found[1].strip() if found else ""
        if not found or not _ALLOWED.fullmatch(name):
            if found and not name and found[2] == "\n":
                self._at = found.end()
                return True
            raise self._refuse("there is no name of a variable; it has letters, digits and _.-[] only")
        self._at = found.end()
        if found[2] == "\n":
            if name in self._environment:
                self._keep(name, self._environment[name])
            return True
        self._keep(name, self._read_value())
        return True

    def _keep(self, name: str, value: str) -> None:
        self.variables[name] = value
        self._length += len(value)
        if self._length > LONGEST:
            raise self._refuse(f"the values are longer than {LONGEST} characters")

    def _skip_comments(self) -> None:
        while self._at < len(self._text):
            if self._text[self._at].isspace():
                self._at += 1
            elif self._text[self._at] == "#":
                self._at = self._text.find("\n", self._at) + 1 or len(self._text)
            else:
                return

    def _read_value(self) -> str:
        while self._text[self._at] in _BLANK:
            self._at += 1
        mark = self._text[self._at]
        if mark not in "\"'":
            end = self._text.index("\n", self._at)
            value = self._text[self._at : end].partition(" #")[0].rstrip()
            value = self._interpolate(value)
            self._at = end + 1
            return value
        value = self._read_quoted(mark)
        return self._interpolate(_ESCAPE.sub(_unescape, value)) if mark == '"' else value

    def _read_quoted(self, mark: str) -> str:
        signs, at = list[str](), self._at + 1
        while at < len(self._text):
            sign = self._text[at]
            if sign == mark:
                self._at = at + 1
                return "".join(signs)
            if sign == "\\" and self._text[at + 1 : at + 2] == mark:
                sign, at = mark, at + 1
            elif sign == "\\":
                sign, at = self._text[at : at + 2], at + 1
            signs.append(sign)
            at += 1
        raise self._refuse("a quoted value does not end")

    def _interpolate(self, value: str) -> str:
        place = self._find_line()
        text = interpolate(value, self._lookup, place)
        self._place.notes.extend(f"{place.file}: {note}" for note in place.notes)
        return text

    def _refuse(self, words: str) -> SettingsError:
        return self._find_line().refuse(words)

    def _find_line(self) -> Place:
        """Return the place of the line that is read, whose notes are its own."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        line = f"line {self._line}"
        return Place(self._place.file, f"{self._place.path}: {line}" if self._place.path else line)


def _unescape(found: re.Match[str]) -> str:
    if found[1]:
        return _ESCAPED[found[1]]
    return "$$" if found[2] else chr(int(found[3], 8))


def _parse_raw(text: str, place: Place) -> dict[str, str]:
    found = dict[str, str]()
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            name, equals, value = line.partition("=")
            if not equals or not name.strip():
                raise place.refuse(f"line {number}: there is no variable with a value")
            found[name.strip()] = value
    return found
