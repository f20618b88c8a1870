"""Writes settings as YAML, each with the reason for it as a comment above."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from weighbridge.quoting import flatten

_PLAIN = re.compile(
    r"(?:--?)?[A-Za-z_/](?:[A-Za-z0-9_./+@-]|:(?=[A-Za-z0-9_/.-])|(?<=[a-z]) (?=[a-z]))*|[0-9.]+ [A-Za-z]+"
)
"""Texts that need no quotes in YAML, unless they are a word for something else."""
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_WIDTH = 100
Path = tuple[str, ...]


@dataclass(slots=True)
class Draft:
    """Settings as they will be written."""

    values: dict[str, Any] = field(default_factory=dict)
    reasons: dict[Path, str] = field(default_factory=dict)
    """Keys from the top -> why; several lines are several sentences."""

    def set(self, path: Path, value: Any, why: str = "") -> None:
        """Set the value of a key, and say why."""
        section = self.values
        for key in path[:-1]:
            section = section.setdefault(key, {})
        section[path[-1]] = value
        if why:
            self.reasons[path] = why


def write(draft: Draft) -> str:
    """Return the text of a file with these settings."""
    return "\n".join(_write_section(draft.values, draft.reasons, ())) + "\n"


def write_scalar(value: Any) -> str:
    """Return a value, or a list of values, on one line."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(write_scalar, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _write_section(section: Mapping[str, Any], reasons: Mapping[Path, str], above: Path) -> Iterator[str]:
    indent = "  " * len(above)
    for key, value in section.items():
        here = (*above, key)
        if not above and key != next(iter(section)):
            yield ""
        for sentence in reasons.get(here, "").splitlines():
            for line in textwrap.wrap(flatten(sentence), _WIDTH, break_long_words=False, break_on_hyphens=False):
                yield f"{indent}# {line}"
        if isinstance(value, Mapping) and value:
            yield f"{indent}{write_scalar(key)}:"
            yield from _write_section(value, reasons, here)
        else:
            yield f"{indent}{write_scalar(key)}: {write_scalar(value)}"
