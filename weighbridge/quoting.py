"""Foreign text made fit for a message: names and reasons that registries, archives and programs tell."""

from __future__ import annotations

import re
from collections.abc import Iterable

TEXT_LENGTH = 120
"""What one foreign text may take of a line."""
LISTED = 12
"""How many names a message lists."""


def quoted(text: object, length: int = TEXT_LENGTH) -> str:
    """Return text on one line, without control characters and surrogates, its end left out where it is long."""
    line = " ".join("".join(each if each.isprintable() else " " for each in str(text)[: 8 * length]).split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def listed(names: Iterable[object]) -> str:
    """Return names with commas between; of many the first."""
    known = [quoted(name) for name in names]
    return ", ".join(known[:LISTED]) + (f" and {len(known) - LISTED} more" if len(known) > LISTED else "")


_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


def printable(text: str) -> str:
    """Return text that a container may have had a part in without what terminals obey."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def held_by_xml(text: str) -> str:
    """Return the text as XML can hold it: line ends as one sign, and a mark for each sign that it has no way to say."""
    return _NO_XML.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def on_one_line(text: str) -> str:
    """Return text that a container may have had a part in, without line ends and without what terminals obey."""
    return printable(" ".join(text.split()))
