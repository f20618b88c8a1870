"""Why a role ended, in the words of its own log: the last line is seldom the one that says it."""

from __future__ import annotations

import re

_TRACEBACK = "Traceback (most recent call last)"
_SHOWN_CHARACTERS = 300
LINES = 200
"""How much of a log is looked through, from its end: a traceback through a framework is long."""


def of_end(log: str, errors: str) -> str:
    """Return in one line what a log says of its container's end.

    That is the exception of the last traceback, as where a server logs one and then takes its leave; else the last line
    that tells of an error; and the last line of all, where that is another one.

    Args:
        log: The end of it, oldest line first.
        errors: A regular expression for lines that tell of an error.
    """
    lines = [line.rstrip() for line in log.splitlines() if line.strip()]
    if not lines:
        return "(no output)"
    found = _exception(lines) or next((line for line in reversed(lines) if re.search(errors, line)), "")
    last = lines[-1]
    told = [found, f"its log ends: {last.strip()}"] if found and found != last else [last]
    return "; ".join(each.strip()[:_SHOWN_CHARACTERS] for each in told)


def _exception(lines: list[str]) -> str:
    """Return the line after the frames of the last traceback; empty where there is none."""
    begins = [at for at, line in enumerate(lines) if _TRACEBACK in line]
    after = lines[begins[-1] + 1 :] if begins else []
    return next((line for line in after if not line[0].isspace()), "")
