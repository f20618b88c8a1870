"""Variables in texts are replaced by Compose's rules, and no value of one is ever shown."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import SettingsError
from weighbridge.settings.compose.interpolation import interpolate, interpolate_all
from weighbridge.settings.compose.places import Place
from weighbridge.settings.yaml_syntax import LONGEST, Tagged

KNOWN = {"SET": "set", "EMPTY": "", "SECRET": "s3cr3t-value"}
NAMES = st.sampled_from(["SET", "EMPTY", "UNSET", "SECRET"])


def replace(text: str, environment: Mapping[str, str] = KNOWN) -> str:
    """Interpolate a text."""
    return interpolate(text, environment, Place("compose.yaml", "services.a.image"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$SET", "set"),
        ("${SET}", "set"),
        ("$SET.x$UNSET-", "set.x-"),
        ("${UNSET:-d}${EMPTY:-d}${SET:-d}", "ddset"),
        ("${UNSET-d}${EMPTY-d}${SET-d}", "dset"),
        ("${UNSET:+a}${EMPTY:+a}${SET:+a}", "a"),
        ("${UNSET+a}${EMPTY+a}${SET+a}", "aa"),
        ("${SET:?e}${SET?e}${EMPTY?e}", "setset"),
        ("${UNSET:-${UNSET:-${SET}}}", "set"),
        ("${SET:-${UNSET:?never asked}}", "set"),
        ("${UNSET:-a$$b}", "a$b"),
        ("${UNSET:-{a}}", "{a}"),
        ("${UNSET:-}}", "}"),
        ("${UNSET:-a:-b}", "a:-b"),
        ("${UNSET:-a\nb}", "a\nb"),
        ("$$SET $$${SET} $$$$", "$SET $set $$"),
        ("$5 $ $é a$", "$5 $ $é a$"),
    ],
)
def test_forms(text: str, value: str) -> None:
    """Each form has its value."""
    assert replace(text) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${UNSET:?say which}", "the variable UNSET is required and has no value: say which"),
        ("${EMPTY:?}", "the variable EMPTY is required and has no value"),
        ("${UNSET?not ${SECRET}}", "the variable UNSET is required and has no value: not ${SECRET}"),
        ("${}", "a ${…} holds no name of a variable; write $$ for a plain $"),
        ("${ SET}", "a ${…} holds no name of a variable; write $$ for a plain $"),
        ("${SET!x}", "a ${…} holds no name of a variable; write $$ for a plain $"),
        ("$SECRET ${SET", "a ${ has no } that closes it; write $$ for a plain $"),
        ("${UNSET:-" * 60 + "}" * 60, "defaults stand in defaults more than 50 deep"),
    ],
)
def test_refused(text: str, said: str) -> None:
    """What is wrong is said of its place, and the value of no variable is shown."""
    with pytest.raises(SettingsError) as caught:
        replace(text)
    assert str(caught.value) == f"compose.yaml: services.a.image: {said}. Correct it in compose.yaml."


def test_unset() -> None:
    """A variable that is not set is a note, unless the text says what to do without it."""
    place = Place("compose.yaml", "services.a.image")
    assert interpolate("$UNSET${ALSO}${UNSET-d}${UNSET:+a}${EMPTY}", KNOWN, place) == "d"
    assert place.notes == [
        "services.a.image uses the variable UNSET, which is not set: an empty text takes its place",
        "services.a.image uses the variable ALSO, which is not set: an empty text takes its place",
    ]


def test_document() -> None:
    """Texts are replaced at any depth, and under a tag; keys and other values stay."""
    value = {"$SET": ["$SET", 1, None, {"a": Tagged("!override", ["${SET}"])}]}
    expected = {"$SET": ["set", 1, None, {"a": Tagged("!override", ["set"])}]}
    assert interpolate_all(value, KNOWN, Place("compose.yaml")) == expected


def test_bounds() -> None:
    """Values that are used many times end in an error, soon."""
    start = time.monotonic()
    large = {"L": "x" * (LONGEST // 2)}
    with pytest.raises(SettingsError, match=f"longer than {LONGEST} characters"):
        replace("$L" * 400_000, large)
    with pytest.raises(SettingsError, match=f"longer than {10 * LONGEST} characters"):
        interpolate_all(["$L"] * 100_000, large, Place("compose.yaml"))
    with pytest.raises(SettingsError, match="no } that closes it"):
        replace("${A:-" * 200_000)
    assert time.monotonic() - start < 5


def test_deep_document() -> None:
    """A document that is nested deeper than Python follows is an error of one line."""
    value: Any = "x"
    for _ in range(100_000):
        value = [value]
    with pytest.raises(SettingsError, match="nested too deeply"):
        interpolate_all(value, KNOWN, Place("compose.yaml"))


@given(st.one_of(st.text(), st.text(alphabet="${}:-?+AB_1 \n")), st.dictionaries(NAMES, st.text()))
def test_any_text(text: str, environment: Mapping[str, str]) -> None:
    """Whatever the text, there is a value or a SettingsError of one line."""
    said = ""
    try:
        assert isinstance(replace(text, environment), str)
    except SettingsError as error:
        said = str(error)
    assert said.isprintable()


@given(st.text())
def test_dollars(text: str) -> None:
    """A text whose dollars are written twice comes back as it was."""
    assert replace(text.replace("$", "$$")) == text


@given(st.lists(st.tuples(NAMES, st.sampled_from(["", ":", None]), st.sampled_from("-+?"), st.text("ab")), max_size=5))
def test_secrets(forms: list[tuple[str, str | None, str, str]]) -> None:
    """No error and no note shows a variable's value."""
    text = "".join(
        f"${{{name}}}" if colon is None else f"${{{name}{colon}{sign}{rest}}}" for name, colon, sign, rest in forms
    )
    place = Place("compose.yaml", "services.a.image")
    shown = ""
    try:
        interpolate(f"{text}${{", KNOWN, place)
    except SettingsError as error:
        shown = str(error)
    assert shown
    assert KNOWN["SECRET"] not in " ".join([shown, *place.notes])
