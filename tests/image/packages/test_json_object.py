"""Descriptions in JSON: what is of the right type and size is read, all else is as if it were not there."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.packages import damaged
from weighbridge.image.packages.json_object import LONGEST_TEXT, read_keys, read_object, read_text, read_texts

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters())),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), VALUES))
def test_round_trip(fields: dict[str, object]) -> None:
    """An object that Python's json wrote is read as it was; its texts and keys come back where they can be written."""
    found = read_object(json.dumps(fields, allow_nan=True).encode())
    assert repr(found) == repr(fields)
    for name, value in fields.items():
        text = read_text(found, name)
        assert text == (value if isinstance(value, str) and len(value) <= LONGEST_TEXT else text)
        assert all(isinstance(each, str) for each in read_texts(found, name))
        assert set(read_keys(found, name)) <= (set(value) if isinstance(value, dict) else set())


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'"a"', b"1", b"{", b"[" * 200_000, b'{"a":' * 200_000, b'{"a": ' + b"1" * 5000 + b"}", b"\0", b"{}x"],
)
def test_no_object(content: bytes) -> None:
    """A document that is no object, is damaged or nests too deep is an empty one."""
    assert read_object(content) == {}


def test_bytes_that_are_no_unicode() -> None:
    """They are surrogates, as in the paths of a layer; a byte order mark is passed over."""
    assert read_object(b'\xef\xbb\xbf{"name": "caf\xe9"}') == {"name": "caf\udce9"}


@pytest.mark.parametrize("value", ["x" * (LONGEST_TEXT + 1), "\ud800", 1, None, True, ["x"], {"x": 1}])
def test_no_text(value: object) -> None:
    """What is too long, cannot be written or is another type is no text."""
    assert read_text({"name": value}, "name") == ""


def test_keys() -> None:
    """Keys of several fields come once, in their order; fields that are no objects have none."""
    fields = {"a": {"x": 1, "y": 2}, "b": {"y": 3, "z": None, "\ud800": 4}, "c": ["w"]}
    assert read_keys(fields, "b", "a", "c", "d") == ("y", "z", "x")


@given(damaged(b"{", b"}", b"[", b"]", b'"', b":", b",", b"name", b"null", b"1e9", b"\\ud800"))
def test_anything(content: bytes) -> None:
    """Nothing is raised."""
    fields = read_object(content)
    assert all(read_text(fields, name).encode("utf-8", "surrogateescape") is not None for name in fields)
