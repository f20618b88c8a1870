"""One document has one spelling and one id."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.canonical import canonical, identify, parse
from backend.errors import Invalid

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(value=VALUES, indent=st.sampled_from([None, 0, 3]), escaped=st.booleans())
def test_spelling_does_not_matter(value: object, indent: int | None, escaped: bool) -> None:  # noqa: FBT001
    """However a document is spelled, its canonical text and so its id are the same, and nothing of it is lost."""
    spelled = json.dumps(value, indent=indent, ensure_ascii=escaped).encode()

    text = canonical(parse(spelled))

    assert canonical(value) == text
    assert value == parse(text)
    assert identify(text) == identify(canonical(parse(text)))


def test_keys_are_sorted_and_spaces_are_gone() -> None:
    """The canonical text is what anyone can make with a JSON library, and hash."""
    assert canonical(parse(b'{ "b": 1.0, "a": ["\\u00e9", null] }')) == '{"a":["é",null],"b":1.0}'.encode()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"NaN", "NaN is not a JSON number"),
        (b"[-Infinity]", "-Infinity is not a JSON number"),
        (b"[1e999]", "1e999 is too large a number"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"1" * 5000, "not JSON that can be stored"),
        (b"\xff\xfe\xfa", "not JSON that can be stored"),
        (b"", "not JSON that can be stored"),
        ('{"a": 1}'.encode("utf-16"), "not JSON that can be stored"),
        ('{"a": 1}'.encode("utf-32-le"), "not JSON that can be stored"),
        (b'\xef\xbb\xbf{"a": 1}', "not JSON that can be stored"),
        (b'"\xed\xa0\x80"', "not JSON that can be stored"),
        (b'{"a": [{"b": 1, "c": 2, "b": 1}]}', "the key 'b' twice"),
        (b'{"a": 1, "\\u0061": 1}', "the key 'a' twice"),
        pytest.param(b"[" + b"{}," * 10**6 + b"{}]", "more than 1000000 values", id="many"),
    ],
)
def test_what_is_no_json_is_refused(body: bytes, why: str) -> None:
    """Python reads more than RFC 8259 allows; we do not, and depth or size is no way to crash us."""
    with pytest.raises(Invalid, match=why):
        parse(body)


@pytest.mark.parametrize("bad", ["\\u0000", "x\\ud800", "\\\\\\u0000"])
def test_a_string_that_cannot_be_kept_is_named(bad: str) -> None:
    """The message says where the string is, in a value or a key."""
    with pytest.raises(Invalid, match=r"^The body\.a\.1: "):
        canonical(parse(f'{{"a": [0, "{bad}"]}}'.encode()))
    with pytest.raises(Invalid, match=r"^The body\.a, a key: "):
        canonical(parse(f'{{"a": {{"{bad}": 0}}}}'.encode()))


def test_an_escaped_backslash_is_no_nul() -> None:
    """The six characters backslash, u, 0, 0, 0, 0 are text like any other."""
    assert canonical(parse(rb'"\\u0000"')) == rb'"\\u0000"'


def test_integers_beyond_64_bits_keep_every_digit() -> None:
    """No number goes through a machine word."""
    assert canonical(parse(b"[123456789012345678901234567890]")) == b"[123456789012345678901234567890]"
