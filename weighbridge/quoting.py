"""Foreign text made fit to be shown: names, reasons and output that registries, archives, images and programs tell."""

from __future__ import annotations

import re
from collections.abc import Iterable

TEXT_LENGTH = 120
"""What one foreign text may take of a line."""
LISTED = 12
"""How many names a message lists."""
_MARK = "\ufffd"
"""What stands for a sign that cannot be shown."""
_LONGEST = 1000
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


def quoted(text: object, length: int = TEXT_LENGTH) -> str:
    """Return text on one line, without control characters and surrogates, its end left out where it is long."""
    return shortened(on_one_line(str(text)[: 8 * length], mark=" "), length)


def listed(names: Iterable[object]) -> str:
    """Return names with commas between; of many the first."""
    known = [quoted(name) for name in names]
    return ", ".join(known[:LISTED]) + (f" and {len(known) - LISTED} more" if len(known) > LISTED else "")


def cut(text: str, length: int) -> str:
    """Return text as `on_one_line` does, its end left out where it is long."""
    return shortened(on_one_line(text), length)


def on_one_line(text: str, mark: str = _MARK) -> str:
    """Return text without line ends, and with a mark for each other sign that terminals obey or that nobody sees.

    Where the mark is a space, several of them, and of line ends and blanks, are one.
    """
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() or sign.isspace() else mark for sign in text)
    return " ".join(text.split())


def printable(text: str) -> str:
    """Return text with a mark for each sign that terminals obey or that nobody sees."""
    return "".join(sign if sign.isprintable() else _MARK for sign in text)


def shortened(text: str, length: int, end: str = "…") -> str:
    """Return text of at most so many signs; `end` stands for what is left out."""
    return text if len(text) <= length else text[: length - len(end)] + end


def escaped(text: str, longest: int = _LONGEST) -> str:
    """Return text in which each sign that is not printable is an escape: nothing hides or reorders the rest.

    Those are control signs, signs that turn the direction of writing, line separators and undecodable bytes. A long
    text loses its middle.
    """
    if len(text) > longest:
        text = f"{text[: longest // 2]} … {text[-longest // 2 :]}"
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def held_by_xml(text: str) -> str:
    """Return the text as XML can hold it: line ends as one sign, and a mark for each sign that it has no way to say."""
    return _NO_XML.sub(_MARK, text.replace("\r\n", "\n").replace("\r", "\n"))
