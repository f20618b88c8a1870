"""A package's description in JSON, read so that no content of it raises anything or grows without bounds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

LONGEST_TEXT = 300
"""Of a name or a version. npm allows names of 214 letters."""


def read_object(content: bytes) -> Mapping[str, object]:
    """Return the object that a document is; empty where it is something else or damaged."""
    try:
        # As in the paths of a layer, undecodable bytes are surrogates. JSON's own parser refuses deep nesting.
        value = json.loads(content.decode("utf-8", "surrogateescape").removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def read_text(fields: Mapping[str, object], name: str) -> str:
    """Return a field that is a text; empty where it is missing, something else, too long or no Unicode."""
    value = fields.get(name)
    return value if isinstance(value, str) and is_text(value) else ""


def read_texts(fields: Mapping[str, object], name: str) -> Iterator[str]:
    """Yield the texts of a field that is a list, of any length; all else in it is passed over."""
    value = fields.get(name)
    return (each for each in value if isinstance(each, str)) if isinstance(value, list) else iter(())


def read_keys(fields: Mapping[str, object], *names: str) -> tuple[str, ...]:
    """Return the names in fields that are objects, each once, in the order of the document."""
    objects = [value for value in map(fields.get, names) if isinstance(value, dict)]
    return tuple(dict.fromkeys(key for value in objects for key in value if is_text(key)))


def is_text(value: str) -> bool:
    """Tell whether a text is short enough for a name and can be written."""
    try:
        return len(value) <= LONGEST_TEXT and value.encode("utf-8", "surrogateescape") is not None
    except UnicodeEncodeError:  # half of a pair, which JSON can write as `\ud800`
        return False
