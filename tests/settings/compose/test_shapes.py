"""Values of compose files have the shape that is wanted, or their place is in the error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from weighbridge.errors import SettingsError
from weighbridge.settings.compose import shapes
from weighbridge.settings.compose.places import Place
from weighbridge.settings.compose.shapes import Mark, Whole
from weighbridge.settings.yaml_syntax import Tagged

PLACE = Place("compose.yaml", "services.a.x")


@pytest.mark.parametrize(
    ("take", "value", "taken"),
    [
        (shapes.take_text, "a", "a"),
        (shapes.take_text, 5, "5"),
        (shapes.take_texts, ["a", 1], ("a", "1")),
        (shapes.take_flag, True, True),
        (shapes.take_flag, "Yes", True),
        (shapes.take_flag, "off", False),
        (shapes.take_count, 3, 3),
        (shapes.take_count, "0", 0),
        (shapes.take_duration, "1m", 60.0),
        (shapes.take_size, 10, 10),
        (shapes.take_size, "1k", 1024),
        (shapes.take_command, None, Whole(None)),
        (shapes.take_command, "a 'b c'", Whole(("a", "b c"))),
        (shapes.take_command, ["a b"], Whole(("a b",))),
        (shapes.take_variables, ["A=1", "B", "C="], {"A": "1", "B": None, "C": ""}),
        (shapes.take_variables, {"A": 1, "B": None, "C": True}, {"A": "1", "B": None, "C": "true"}),
        (shapes.take_variables, {"A": Tagged("!reset", None)}, {"A": Mark.RESET}),
    ],
)
def test_taken(take: Callable[[Any, Place], Any], value: Any, taken: Any) -> None:
    """A value of the right shape is taken."""
    assert take(value, PLACE) == taken


@pytest.mark.parametrize(
    ("take", "value", "said"),
    [
        (shapes.take_mapping, [], ": it has to be a section with keys"),
        (shapes.take_list, "hidden", ": it has to be a list"),
        (shapes.take_text, None, ": it has to be a text"),
        (shapes.take_text, True, ": it has to be a text"),
        (shapes.take_text, {"hidden": 1}, ": it has to be a text"),
        (shapes.take_texts, ["a", ["hidden"]], "[1]: it has to be a text"),
        (shapes.take_flag, 1, ": it has to be true or false"),
        (shapes.take_flag, "hidden", ": it has to be true or false"),
        (shapes.take_count, -1, ": it has to be a whole number"),
        (shapes.take_count, 1.5, ": it has to be a whole number"),
        (shapes.take_count, True, ": it has to be a whole number"),
        (shapes.take_count, "9" * 5000, ": it has to be a whole number"),
        (shapes.take_count, "²", ": it has to be a whole number"),
        (shapes.take_duration, 5, ": it has to be a duration, such as 1m30s or 500ms"),
        (shapes.take_size, "hidden", ": it has to be a size, such as 64m or 1gb"),
        (shapes.take_command, "'hidden", ": it has an open quote, or a bracket outside of quotes"),
        (shapes.take_variables, ["=hidden"], ": it has an item without a name, or with a blank beside its name"),
        (shapes.take_variables, {"A": ["hidden"]}, ".A: a value has to be a text, a number, true, false or null"),
    ],
)
def test_refused(take: Callable[[Any, Place], Any], value: Any, said: str) -> None:
    """A value of another shape is an error that names its place, and does not show it."""
    with pytest.raises(SettingsError) as caught:
        take(value, PLACE)
    assert str(caught.value) == f"compose.yaml: services.a.x{said}. Correct it in compose.yaml."


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (0, "0"),
        (-5, "-5"),
        (1.0, "1"),
        (0.0, "0"),
        (1.50, "1.5"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (123456789.125, "123456789.125"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (float("nan"), "NaN"),
    ],
)
def test_spelling(value: float, text: str) -> None:
    """A number is written as Compose writes it, which is Go's `%v`."""
    assert shapes.spell(value) == text


def test_section() -> None:
    """A key that is not known is noted, one with an x- is the user's own, and null is as if left out."""
    place = Place("compose.yaml", "services.a")
    value = {"x-mine": 1, "known": 1, "gone": None, "none": None, "gpus": "all"}
    handlers = dict.fromkeys(("known", "gone", "none"), lambda each, _: (each,))
    assert shapes.take_section(value, place, handlers, null=("none",)) == {"known": (1,), "none": (None,)}
    assert place.notes == ["services.a.gpus is not understood and is left out"]


def test_tags() -> None:
    """`!reset` and `!override` say what becomes of earlier files; in an item of a list there is none."""
    handlers = {"a": shapes.take_text, "b": shapes.take_text}
    value = {"a": Tagged("!reset", None), "b": Tagged("!override", "x")}
    assert shapes.take_section(value, PLACE, handlers) == {"a": Mark.RESET, "b": Whole("x")}
    assert shapes.take_item(value, PLACE, handlers) == {"b": "x"}
