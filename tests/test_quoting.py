"""Foreign text in messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.quoting import LISTED, TEXT_LENGTH, listed, quoted


@given(st.text() | st.text().map(lambda text: text * 1000))
def test_any_text_fits(text: str) -> None:
    """Whatever the text, it is printable, on one line, and no longer than it may be."""
    assert quoted(text).isprintable()
    assert len(quoted(text)) <= TEXT_LENGTH


def test_plain_text_stays() -> None:
    """Only what is long or cannot be printed is changed."""
    assert quoted("é: a/b:1 — 日本") == "é: a/b:1 — 日本"
    assert quoted("a\x1b[31m\n\tb\u202e\udcff") == "a [31m b"
    assert quoted("a" * 200) == "a" * (TEXT_LENGTH - 1) + "…"


def test_many_names() -> None:
    """Of many names the first are listed, and the others counted."""
    assert listed(["a", "b\n"]) == "a, b"
    assert listed(range(LISTED + 2)).endswith(f"{LISTED - 1} and 2 more")
