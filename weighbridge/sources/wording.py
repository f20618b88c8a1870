"""Foreign text made fit for a message: names and reasons that registries, archives and programs tell."""

from __future__ import annotations

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
