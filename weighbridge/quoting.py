"""Makes foreign text safe to show: names, reasons and output from registries, archives, images and programs."""

from __future__ import annotations

import re
from collections.abc import Iterable

TEXT_LENGTH = 120
"""How many characters of a foreign text a line shows."""
LISTED = 12
"""How many names a message lists."""
_MARK = "\ufffd"
"""Replaces a character that cannot be shown."""
_LONGEST = 1000
_NO_XML = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""Characters that XML 1.0 cannot hold, not even escaped. Python compiles it on first use, which takes a while."""


_spelling = "invoke "
"""How the user's command line begins, up to a command's name. One process has one command line."""


def use_spelling(start: str) -> None:
    """Let texts name commands as this user calls them: `weighbridge report`, or `invoke image.report`."""
    global _spelling  # noqa: PLW0603 - see there
    _spelling = start


def spell_commands(text: str) -> str:
    """Return one of our own texts with `invoke NAME`, in backticks, as this user calls it."""
    return text.replace("`invoke ", f"`{_spelling}")


def quote(text: object, length: int = TEXT_LENGTH) -> str:
    """Return text on one line, without control characters and surrogates; a long one loses its end."""
    return shorten(flatten(str(text)[: 8 * length], mark=" "), length)


def join_names(names: Iterable[object]) -> str:
    """Return names separated by commas; of many names, the first few and the number of the others."""
    known = [quote(name) for name in names]
    return ", ".join(known[:LISTED]) + (f" and {len(known) - LISTED} more" if len(known) > LISTED else "")


def cut(text: str, length: int) -> str:
    """Return text as `flatten` does; a long one loses its end."""
    return shorten(flatten(text), length)


def flatten(text: str, mark: str = _MARK) -> str:
    """Return text on one line, and put `mark` in place of control characters and invisible ones.

    A run of line ends and blanks becomes a single blank.
    """
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() or sign.isspace() else mark for sign in text)
    return " ".join(text.split())


def replace_unprintable(text: str) -> str:
    """Return text with a mark in place of each control character and each invisible one."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else _MARK for sign in text)


def shorten(text: str, length: int, end: str = "…") -> str:
    """Return at most `length` characters of a text; `end` replaces what is cut off."""
    return text if len(text) <= length else text[: length - len(end)] + end


def escape(text: str, longest: int = _LONGEST) -> str:
    """Return text with an escape in place of each unprintable character, so that none hides or reorders the others.

    Unprintable are control characters, characters that change the direction of writing, line separators and undecodable
    bytes. A long text loses its middle.
    """
    if len(text) > longest:
        text = f"{text[: longest // 2]} … {text[-longest // 2 :]}"
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def replace_invalid_xml(text: str) -> str:
    """Return text that XML can hold: with plain line feeds, and a mark in place of each character that XML excludes."""
    return re.sub(_NO_XML, _MARK, text.replace("\r\n", "\n").replace("\r", "\n"))
