"""Breaks the marks by which the log of a CI job takes text for a command, so that text from an image stays text.

GitHub's runner obeys `::command::` after the blanks at the start of a line, and `##[command]` anywhere in it (its
`ActionCommand.cs`). It splits lines at carriage returns, too, and compares as the language of the machine does, which
skips invisible characters; so we put a visible character between the two signs. GitLab folds what stands between
`section_start:` and `section_end:`.
"""

from __future__ import annotations

import os
import re
from typing import Any, Literal, TextIO, assert_never, cast

Syntax = Literal["text", "json", "markup"]
"""What a stream gets: lines for people, JSON, or a document in which `&#58;` is a colon (HTML, XML, Markdown)."""
# Characters that a comparison may skip: controls but for line ends and ESC, and Unicode's Default_Ignorable_Code_Point.
_SKIPPED = (
    "[\x00-\x08\x0e-\x1a\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
)
_COLOUR = r"\x1b\[[0-9;]*m"
_LINE_ENDS = r"\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
_LINE_START = rf"(?:\A|[{_LINE_ENDS}])(?:[^\S{_LINE_ENDS}]|{_COLOUR}|{_SKIPPED[:-1]})*"
_AT_LINE_START = re.compile(f"({_LINE_START}):(?={_SKIPPED}:)")
_ANYWHERE = re.compile(rf"(#{_SKIPPED}#{_SKIPPED})\[")
_SECTION = re.compile(rf"(section_(?:start|end){_SKIPPED}):")
_CODE = re.compile(r"(<(script|style)\b[^>]*>.*?</\2>)", re.DOTALL)
_DATA = '<script type="application/json"'


def guard(stream: TextIO, syntax: Syntax) -> TextIO:
    """Return a stream that breaks such marks in all that is written to it; the same stream outside of such a log.

    Each call of its `write` has to get whole lines.
    """
    return cast("TextIO", _Guarded(stream, syntax)) if _is_in_github() or _is_in_gitlab() else stream


def break_marks(text: str, syntax: Syntax) -> str:
    """Return text without the marks of the log that we write to; in JSON and markup, it means the same as before.

    Args:
        text: Whole lines.
        syntax: What the text is.
    """
    match syntax:
        case "text":
            return _replace(text, at_line_start=r"\1: ", bracket=r"\1 [", colon=r"\1 :")
        case "json":  # a line of JSON begins with a quote or a bracket
            return _replace(text, at_line_start=None, bracket=r"\1\\u005b", colon=r"\1\\u003a")
        case "markup":
            parts = _CODE.split(text)  # between two texts: the code, and the name of its tag
            parts[::3] = [
                _replace(part, at_line_start=r"\1&#58;", bracket=r"\1&#91;", colon=r"\1&#58;") for part in parts[::3]
            ]
            parts[1::3] = [
                break_marks(part, "json") if part.startswith(_DATA) else part for part in parts[1::3]
            ]  # other code is ours
            del parts[2::3]
            return "".join(parts)
    assert_never(syntax)


def _replace(text: str, *, at_line_start: str | None, bracket: str, colon: str) -> str:
    if _is_in_github():
        text = _ANYWHERE.sub(bracket, text)
        text = _AT_LINE_START.sub(at_line_start, text) if at_line_start else text
    return _SECTION.sub(colon, text) if _is_in_gitlab() else text


def _is_in_github() -> bool:
    return bool(os.environ.get("GITHUB_ACTIONS"))


def _is_in_gitlab() -> bool:
    return bool(os.environ.get("GITLAB_CI"))


class _Guarded:
    """A stream for text in front of another one."""

    def __init__(self, stream: TextIO, syntax: Syntax) -> None:
        self._stream = stream
        self._syntax: Syntax = syntax

    def write(self, text: str) -> int:
        self._stream.write(break_marks(text, self._syntax))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
