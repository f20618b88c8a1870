"""Merges what several files say of one thing, by Compose's rules."""

from __future__ import annotations

from typing import Any

from weighbridge.settings.compose.shapes import Mark, settle


def merge(earlier: Any, later: Any) -> Any:
    """Return what two values are together, in the form that `shapes` gives them.

    Sections are merged key by key, lists are put together without repeating an item, anything else is replaced.
    """
    if isinstance(earlier, dict) and isinstance(later, dict):
        merged = dict(earlier)
        for key, value in later.items():
            if value is Mark.RESET:
                merged.pop(key, None)
            else:
                merged[key] = merge(merged[key], value) if key in merged else settle(value)
        return merged
    if isinstance(earlier, tuple) and isinstance(later, tuple):
        return tuple(dict.fromkeys((*earlier, *later)))
    return settle(later)
