"""Foreign text on one line, in messages and in XML."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weighbridge import quoting
from weighbridge.quoting import (
    LISTED,
    TEXT_LENGTH,
    cut,
    escape,
    flatten,
    join_names,
    quote,
    replace_unprintable,
    shorten,
)


@given(st.text() | st.text().map(lambda text: text * 1000))
def test_any_text_fits(text: str) -> None:
    """Whatever the text, it is printable, on one line, and no longer than it may be."""
    assert quote(text).isprintable()
    assert len(quote(text)) <= TEXT_LENGTH


def test_plain_text_stays() -> None:
    """Only what is long or cannot be printed is changed."""
    assert quote("é: a/b:1 — 日本") == "é: a/b:1 — 日本"
    assert quote("a\x1b[31m\n\tb\u202e\udcff") == "a [31m b"
    assert quote("a" * 200) == "a" * (TEXT_LENGTH - 1) + "…"


def test_many_names() -> None:
    """Of many names the first are listed, and the others counted."""
    assert join_names(["a", "b\n"]) == "a, b"
    assert join_names(range(LISTED + 2)).endswith(f"{LISTED - 1} and 2 more")


@given(st.text())
def test_line_has_no_sign_that_terminals_obey(text: str) -> None:
    """Whatever the text and the mark, it is one line that stays as it is when it is made one again."""
    for mark in ("\ufffd", " "):
        line = flatten(text, mark)
        assert line.isprintable()
        assert line == " ".join(line.split(" ")) == flatten(line, mark)


def test_what_cannot_be_shown_is_marked() -> None:
    """Line ends and blanks are one space, what terminals obey is a mark, or one space with them."""
    assert flatten(" a\x1b[31m\r\n\tb\u202e\u2028 c\xa0") == "a\ufffd[31m b\ufffd c"
    assert flatten(" a\x1b[31m\r\n\tb\u202e\u2028 c\xa0", mark=" ") == "a [31m b c"
    assert replace_unprintable(" a\x1b[31m\r\n") == " a\ufffd[31m\ufffd\ufffd"
    assert cut("a\nbc\x1b", 4) == "a b…"


@pytest.mark.parametrize(
    ("text", "end", "short"), [("abcd", "…", "abcd"), ("abcde", "…", "abc…"), ("abcde", " …", "ab …"), ("", "…", "")]
)
def test_long_text_loses_its_end(text: str, end: str, short: str) -> None:
    """What takes the place of the end counts to the length."""
    assert shorten(text, 4, end) == short


@given(st.text(), st.integers(1, 50))
def test_nothing_hides_in_an_escaped_text(text: str, longest: int) -> None:
    """Every sign of it can be seen; where all can be and it is not long, it stays."""
    assert escape(text, longest).isprintable()
    assert not (text.isprintable() and len(text) <= longest) or escape(text, longest) == text


def test_escapes_are_those_of_python() -> None:
    """Control signs, turned writing and undecodable bytes become their numbers; of a long text the middle goes."""
    assert escape("a\n\x1b\u202e\udcff") == r"a\n\x1b\u202e\udcff"
    assert escape("abcdefgh", 6) == "abc … fgh"


@given(st.text(st.characters()))
@example("\x1b]0;title\x07\u202e\x9b")
def test_one_line(text: str) -> None:
    """Whatever the text, it becomes one line that prints as it is; one that was so stays the same."""
    line = flatten(text)
    assert line.isprintable()
    assert flatten(line) == line
    assert len(line) <= len(text)


# Signs of all kinds, often those that XML cannot hold or would change.
texts = st.text(st.one_of(st.characters(), st.sampled_from("\0\x1b\t\r\n\x85\u2028\ufffe\ud800\U0010ffff<>&'\"]")))


@given(texts)
def test_only_what_xml_cannot_hold_is_replaced(text: str) -> None:
    """Signs that XML has stay, one for one."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    held = quoting.replace_invalid_xml(text)
    assert len(held) == len(lines)
    for sign, kept in zip(lines, held, strict=True):
        code = ord(sign)
        allowed = code in {9, 10} or 0x20 <= code < 0xD800 or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF
        assert kept == (sign if allowed else "\ufffd")
