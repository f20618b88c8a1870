"""Settings are written as YAML that holds the same values, with the reasons as comments."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.settings.initial.document import Draft, write

_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=30) | st.sampled_from(
    [
        "yes",
        "null",
        "~",
        "1e3",
        "0x1",
        "12:30",
        "- a",
        "a: b",
        "a #b",
        "a:",
        "--app",
        "-x",
        "1.5 MB",
        "=",
        "<<",
        "@a",
        "a,b",
    ]
)
_VALUES = st.none() | st.booleans() | st.integers() | _TEXTS | st.lists(_TEXTS, max_size=3)
_SECTIONS = st.dictionaries(_TEXTS, st.recursive(_VALUES, lambda inner: st.dictionaries(_TEXTS, inner, max_size=3)))


@given(_SECTIONS, _TEXTS)
def test_values_survive(values: dict[str, Any], reason: str) -> None:
    """PyYAML reads the values that were written, whatever they and the reasons contain."""
    assert (yaml.safe_load(write(Draft(values, {(key,): reason for key in values}))) or {}) == values


def test_reasons() -> None:
    """A reason stands above its key, at its depth, and a long one goes on in the next line."""
    draft = Draft()
    draft.set(("a", "b"), [1, "--app", "x y", "8000"], "why")
    draft.set(("c",), None, "one\ntwo")
    assert write(draft) == 'a:\n  # why\n  b: [1, --app, x y, "8000"]\n\n# one\n# two\nc: null\n'
    draft.set(("c",), 1, "word " * 40)
    assert max(map(len, write(draft).splitlines())) <= 102
