"""How a rule says that it does not hold."""

from __future__ import annotations


class CheckFailed(Exception):
    """A rule does not hold. Its text is one line: what was seen, and where it helps, what to do."""
