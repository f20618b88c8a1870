"""The exception by which a rule says that it does not hold."""

from __future__ import annotations


class CheckFailed(Exception):
    """A rule does not hold. The text is one line: what the rule saw and, where that helps, what to do."""
