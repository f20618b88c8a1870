"""Finds in a role's log why it ended: the last line is seldom the one that says so."""

from __future__ import annotations

import re

_TRACEBACK = "Traceback (most recent call last)"
_SHOWN_CHARACTERS = 300
LINES = 200
"""How many lines to search, from the end of a log: a traceback through a framework is long."""


def find_reason(log: str, errors: str) -> str:
    """Return in one line why a container ended, according to its log.

    That is the exception of the last traceback, because a server may log one and then exit normally. Without a
    traceback it is the last line that reports an error. The very last line follows, if it is another one.

    Args:
        log: The end of the log, oldest line first.
        errors: A regular expression that matches lines that report an error.
    """
    lines = [line.rstrip() for line in log.splitlines() if line.strip()]
    if not lines:
        return "(no output)"
    found = _find_exception(lines) or next((line for line in reversed(lines) if re.search(errors, line)), "")
    last = lines[-1]
    reasons = [found, f"its log ends: {last.strip()}"] if found and found != last else [last]
    return "; ".join(each.strip()[:_SHOWN_CHARACTERS] for each in reasons)


def _find_exception(lines: list[str]) -> str:
    """Return the line after the frames of the last traceback; empty if there is no traceback."""
    begins = [at for at, line in enumerate(lines) if _TRACEBACK in line]
    after = lines[begins[-1] + 1 :] if begins else []
    return next((line for line in after if not line[0].isspace()), "")
