"""Words of a Dockerfile mean what a POSIX shell makes of them, as far as a FROM may hold them."""

from __future__ import annotations

import subprocess
import time
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.build.expansion import Unclear, expand, split_words, unquote

VALUES = {"A": "one", "EMPTY": "", "_b2": "two"}
NAMES = st.sampled_from(["A", "EMPTY", "_b2", "UNSET"])
PLAIN = st.sampled_from(["x", "1", ":", "-", "/", ".", "\\\\", "\\$", '\\"', "\\'"])


def modified(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return variables with another word in them, and words in double quotes."""
    sign = st.sampled_from([":-", "-", ":+", "+"])
    parts = st.lists(inner, max_size=3).map("".join)
    return st.builds(lambda name, sign, word: f"${{{name}{sign}{word}}}", NAMES, sign, parts)


SINGLE = st.sampled_from(["''", "'$A'", "'a\\b'", "'\"'"])
VARIABLES = NAMES.map(lambda name: f"${name}.") | NAMES.map(lambda name: f"${{{name}}}")
WORDS = st.lists(st.recursive(PLAIN | SINGLE | VARIABLES, modified, max_leaves=8), max_size=6).map("".join)


@given(st.lists(WORDS, min_size=1, max_size=8))
def test_words_mean_what_the_shell_makes_of_them(words: list[str]) -> None:
    """Quotes, escapes, and variables with and without a default, in one another, give what `sh` gives."""
    script = "".join(f'printf "%s\\n" {word}""\n' for word in words)
    done = subprocess.run(["sh", "-f", "-c", f"IFS=\n{script}"], env=VALUES, capture_output=True, text=True, check=True)
    assert [expand(word, VALUES) for word in words] == done.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ('"$A $_b2"', "one two"),
        ('"\\x\\""', '\\x"'),
        ("$A-$", "one-$"),
        ("${A:?no}${EMPTY?no}", "one"),
    ],
)
def test_words_in_quotes(word: str, expected: str) -> None:
    """In double quotes only a few characters are escaped; a dollar sign without a name stands for itself."""
    assert expand(word, VALUES) == expected


@pytest.mark.parametrize(
    "word",
    [
        *("'x", '"x', "${A", "${A:-x", "${}", "${:-x}", "${A!x}", "${A:}", "${A:", "${"),
        *("${A#o}", "${A%e}", "${A/o/i}", "${UNSET?no}", "${EMPTY:?no}", "$$", "$@"),
        *("$LATER", "${LATER:-x}", "${A:-$LATER}"),
        "${A:-" * 1000,
    ],
)
def test_words_that_cannot_be_told(word: str) -> None:
    """What is not closed, a pattern, a variable that must be set and is not, and one whose value is not known."""
    with pytest.raises(Unclear):
        expand(word, {**VALUES, "LATER": None})


def test_other_escape_character() -> None:
    """A backtick escapes where the Dockerfile says so, and then a backslash does not."""
    assert expand("`$A\\$A", VALUES, "`") == "$A\\one"


@given(st.text(alphabet="ab $'\"\\{}<:-+\t", max_size=30))
def test_any_text(text: str) -> None:
    """Whatever a word is, reading it ends, and without quotes, escapes and variables it stays what it is."""
    for read in (partial(expand, values=VALUES), unquote):
        try:
            found = read(text)
        except Unclear:
            assert set(text) & set("'\"$")
        else:
            assert found == text or set(text) & set("'\"$\\")
    assert [split for word in split_words(text) for split in split_words(word)] == split_words(text)
    if not set(text) & set("'\"\\"):
        assert split_words(text) == text.split()


def test_many_quotes() -> None:
    """A long word takes a time that grows with its length, not with the square of it."""
    begin = time.process_time()
    assert unquote("''" * 300_000) == ""
    assert time.process_time() - begin < 3


def test_values_that_multiply() -> None:
    """A word that its variables make longer than any name cannot be told."""
    assert expand("$A$A", {"A": "a" * 2000}) == "a" * 4000
    with pytest.raises(Unclear):
        expand("$A$A$A", {"A": "a" * 2000})
