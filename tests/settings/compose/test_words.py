"""Commands are split as Compose splits them."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.settings.compose.words import split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        ("  a\tb \n c ", ("a", "b", "c")),
        ("a 'b c' \"d e\"", ("a", "b c", "d e")),
        (r"a\ b 'c\d' \"", ("a b", r"c\d", '"')),
        (r'"a \"b\" \n \\"', (r'a "b" n \ '.rstrip(),)),
        ("'' \"\"", ("", "")),
        ("a'b'\"c\"d", ("abcd",)),
        ("$(a b) x$(c)y `d e`", ("$(a b)", "x$(c)y", "`d e`")),
        ("a #b ~ * $X {c}", ("a", "#b", "~", "*", "$X", "{c}")),
    ],
)
def test_words(text: str, words: tuple[str, ...]) -> None:
    """Quotes keep blanks together; nothing is replaced."""
    found = split_words(text)
    assert found.words == words
    assert not found.is_cut


@pytest.mark.parametrize("text", ["a b; c", "a b && c", "a b| c", "a b <c", "a b > c", "a b 2>c"])
def test_operators(text: str) -> None:
    """Compose ends at an operator of the shell, and so do we, and say so."""
    found = split_words(text)
    assert found.words == ("a", "b")
    assert found.is_cut


@pytest.mark.parametrize("text", ["'a", '"a', "a\\", "(a)", "a (b", "a)(", "a)", "`a", "$(a"])
def test_open(text: str) -> None:
    """An open quote, and a bracket outside of quotes, is an error."""
    with pytest.raises(ValueError, match="open quote"):
        split_words(text)


@given(st.lists(st.text()))
def test_quoted_words(words: list[str]) -> None:
    """Words that Python quotes for a shell come back."""
    assert split_words(shlex.join(words)).words == tuple(words)


@given(st.text(alphabet="ab \\'\"()$`;&|<>\n"))
def test_any_text(text: str) -> None:
    """Whatever the text, there are words or a ValueError."""
    said = "quote"
    try:
        split_words(text)
    except ValueError as error:
        said = str(error)
    assert "quote" in said
