"""Checks the shape of values in a compose file, and gives each the one form that files are merged in.

In that form a section is a dict, a list that grows in a merge is a tuple, and anything else is replaced.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Final, TypeVar

from weighbridge.settings.compose.places import Place
from weighbridge.settings.compose.units import parse_duration, parse_size
from weighbridge.settings.compose.words import split_words
from weighbridge.settings.yaml_syntax import Tagged

Handler = Callable[[Any, Place], Any]
"""Takes a value and its place; returns the value in the form for merging, or raises a SettingsError."""


class Mark(Enum):
    """A value that stands for something else."""

    RESET = "what earlier files say is removed"


@dataclass(frozen=True, slots=True)
class Whole:
    """A value that replaces that of an earlier file, whatever it is."""

    value: Any


_Parsed = TypeVar("_Parsed")
_YES, _NO = {"1", "true", "yes", "y", "on"}, {"0", "false", "no", "n", "off"}
_LARGEST: Final = 2**31
_GO_PLAIN = range(-4, 21)
"""The powers of ten for which Compose writes a number without an exponent."""


def take(value: Any, place: Place, handler: Handler) -> Any:
    """Return what a handler makes of a value, which may be under `!reset` or `!override`."""
    if not isinstance(value, Tagged):
        return handler(value, place)
    return Mark.RESET if value.tag == "!reset" else Whole(handler(value.value, place))


def take_section(value: Any, place: Place, handlers: Mapping[str, Handler], null: tuple[str, ...] = ()) -> Any:
    """Return a section, with each value as its handler gives it; a key without a handler is noted and left out.

    Args:
        value: The section.
        place: Where it stands.
        handlers: Key -> what reads its value.
        null: Keys whose handler is asked even if the value is null; all others are then as if left out.
    """
    found = {}
    for key, each in take_mapping(value, place).items():
        if key.startswith("x-"):
            continue
        if key not in handlers:
            place.at(key).leave_out()
        elif each is not None or key in null:
            found[key] = take(each, place.at(key), handlers[key])
    return found


def take_item(value: Any, place: Place, handlers: Mapping[str, Handler]) -> dict[str, Any]:
    """Return a section that files are not merged in, such as the long form of a port."""
    item: dict[str, Any] = settle(take_section(value, place, handlers))
    return item


def settle(value: Any) -> Any:
    """Return a value that no earlier one exists for, without the marks that would say what becomes of that."""
    if isinstance(value, Whole):
        return settle(value.value)
    if isinstance(value, dict):
        return {key: settle(each) for key, each in value.items() if each is not Mark.RESET}
    return value


def take_each(value: Any, place: Place, handler: Handler) -> dict[str, Any]:
    """Return a section of any keys, with each value as the handler gives it."""
    return {key: take(each, place.at(key), handler) for key, each in take_mapping(value, place).items()}


def take_mapping(value: Any, place: Place) -> dict[str, Any]:
    """Return a section."""
    if not isinstance(value, dict):
        raise place.refuse("it has to be a section with keys")
    return value


def take_list(value: Any, place: Place) -> list[Any]:
    """Return a list."""
    if not isinstance(value, list):
        raise place.refuse("it has to be a list")
    return value


def take_text(value: Any, place: Place) -> str:
    """Return a text; a number is taken as it is written."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise place.refuse("it has to be a text")
    return spell(value)


def take_texts(value: Any, place: Place) -> tuple[str, ...]:
    """Return a list of texts."""
    return tuple(take_text(each, place.item(index)) for index, each in enumerate(take_list(value, place)))


def take_flag(value: Any, place: Place) -> bool:
    """Return true or false; a word for it may come from a variable."""
    word = str(value).lower()
    if not isinstance(value, bool | str) or word not in _YES | _NO:
        raise place.refuse("it has to be true or false")
    return word in _YES


def take_count(value: Any, place: Place) -> int:
    """Return a whole number, 0 or more."""
    if not isinstance(value, bool) and isinstance(value, int | str):
        word = str(value)
        if word.isdecimal() and word.isascii() and len(word) < len(str(_LARGEST)):
            return int(word)
    raise place.refuse("it has to be a whole number")


def take_duration(value: Any, place: Place) -> float:
    """Return the seconds of a duration."""
    return _parse(parse_duration, value, place)


def take_size(value: Any, place: Place) -> int:
    """Return the bytes of a size."""
    return _parse(parse_size, value, place)


def take_command(value: Any, place: Place) -> Whole:
    """Return the words of a command, None for null; a text is split."""
    if value is None:
        return Whole(None)
    if not isinstance(value, str):
        return Whole(take_texts(value, place))
    found = _parse(split_words, value, place)
    if found.is_cut:
        place.note("ends at the first ; & | < or > outside of quotes: Compose starts no shell")
    return Whole(found.words)


def take_variables(value: Any, place: Place) -> dict[str, Any]:
    """Return what `environment`, `labels` or `args` hold, as a section or as a list of NAME=VALUE.

    A name without a value has None. In a list names are interpolated, so that errors do not show them.
    """
    if isinstance(value, dict):
        return {name: take(each, place.at(name), _take_value) for name, each in value.items()}
    found = dict[str, str | None]()
    for each in take_texts(value, place):
        name, equals, text = each.partition("=")
        if not name or name != name.strip():
            raise place.refuse("it has an item without a name, or with a blank beside its name")
        found[name] = text if equals else None
    return found


def spell(value: str | float) -> str:
    """Return a single value as a text, as Compose writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, float):
        return str(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{value:+}".replace("inf", "Inf")
    exact = Decimal(repr(value)).normalize()
    if not value or exact.adjusted() in _GO_PLAIN:
        return format(exact, "f")
    return repr(value) if "e" in repr(value) else f"{exact:e}"


def _take_value(value: Any, place: Place) -> str | None:
    if value is not None and not isinstance(value, str | int | float):
        raise place.refuse("a value has to be a text, a number, true, false or null")
    return None if value is None else spell(value)


def _parse(parse: Callable[[str], _Parsed], value: Any, place: Place) -> _Parsed:
    try:
        return parse(take_text(value, place))
    except ValueError as error:
        raise place.refuse(str(error)) from error
