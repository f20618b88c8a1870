"""Sizes have a unit, and texts fit where they go; what does not fit is refused on one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ByteSize, TypeAdapter

from weighbridge.errors import SettingsError
from weighbridge.settings.project import check
from weighbridge.settings.values import Size

UNITS = ("B", "kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB")


def noise(value: Any) -> Size:
    """Return what one size is read as."""
    return check({"variants": {"multi": {}}, "budgets": {"noise": value}}).budgets.noise


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("160 MB", Size(160_000_000, "160 MB")),
        ("152 MiB", Size(159_383_552, "152 MiB")),
        (" 900kB ", Size(900_000, "900 kB")),
        ("1.5 kB", Size(1500, "1.5 kB")),
        ("0 B", Size(0, "0 B")),
        ("0.0015 kB", Size(1, "0.0015 kB")),
        (1000, Size(1000, "1000")),
    ],
)
def test_size(value: Any, expected: Size) -> None:
    """MB is 10^6 and MiB is 2^20; a fraction of a byte is cut off."""
    read = noise(value)
    assert (read.bytes, read.written) == (expected.bytes, expected.written)


@given(st.integers(0, 10**9), st.integers(0, 3), st.sampled_from(UNITS))
def test_size_is_that_of_pydantic(digits: int, places: int, unit: str) -> None:
    """Pydantic's own sizes, which it calculates with floats, are the same except for rounding."""
    number = Decimal(digits).scaleb(-places)
    theirs = TypeAdapter(ByteSize).validate_python(f"{number:f} {unit}")
    assert noise(f"{number:f} {unit}").bytes == pytest.approx(theirs, rel=1e-12, abs=1)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (160, "160 has no unit: write `160 MB`, or `160 B` if bytes are meant"),
        (999, "999 has no unit"),
        (0, "0 has no unit"),
        (160.5, "160.5 has no unit, and there are no fractions of a byte"),
        (-5000, "-5000 is below zero"),
        ("160", "'160' is no size with a unit, such as `160 MB` or `152 MiB`: one of B, kB, MB"),
        ("160000000", "'160000000' is no size with a unit"),
        ("160 M", "'160 M' is no size with a unit"),
        ("160 mb", "'160 mb' is no size with a unit"),
        ("160 Mb", "'160 Mb' is no size with a unit"),
        ("160 KB", "'160 KB' is no size with a unit"),
        ("-1 MB", "'-1 MB' is no size with a unit"),
        ("1,5 MB", "'1,5 MB' is no size with a unit"),
        ("\u0661 MB", "is no size with a unit"),
        ("MB", "'MB' is no size with a unit"),
        ("", "'' is no size with a unit"),
        (True, "True is no size with a unit"),
        (["1 MB"], "is no size with a unit"),
        ({"bytes": 5000, "written": "5000"}, "is no size with a unit"),
    ],
)
def test_size_without_its_unit_is_refused(value: Any, reason: str) -> None:
    """An ambiguous text is no size; the error names the key and the reason on one line."""
    with pytest.raises(SettingsError) as caught:
        noise(value)
    assert reason in str(caught.value)
    assert str(caught.value).startswith("settings: budgets.noise: ")
    assert "\n" not in str(caught.value)


PATHS = ("reports.directory", "variants.a.dockerfile", "variants.a.context", "changes.c.file")
ARGUMENTS = (
    "variants.a.target",
    "variants.a.arguments.X",
    "roles.api.environment.X",
    "roles.worker.environment.X",
    "smoke.environment.X",
    "smoke.faults.environment.X",
    "roles.api.headers.X",
)


def make_settings(place: str, text: str) -> dict[str, Any]:
    """Return settings that are right but for the text at one place."""
    values: dict[str, Any] = {"variants": {"a": {}}, "changes": {"c": {"file": "x", "append": "{unique}"}}}
    *sections, key = place.split(".")
    inner = values
    for name in sections:
        inner = inner.setdefault(name, {})
    inner[key] = text
    return values


@pytest.mark.parametrize("place", [*PATHS, *ARGUMENTS])
@pytest.mark.parametrize(("sign", "why"), [("\0", "a null character"), ("\ud800", "half of a character")])
def test_text_that_no_system_call_can_take(place: str, sign: str, why: str) -> None:
    """YAML can write characters that no path, argument or variable can hold; they are refused by the key."""
    check(make_settings(place, "ä b"))
    with pytest.raises(SettingsError, match=rf"^settings: {place}: it contains {why}") as caught:
        check(make_settings(place, f"a{sign}b"))
    assert str(caught.value).isprintable()


def test_command_and_names_that_no_system_call_can_take() -> None:
    """The same holds for the words of a command and for the names of variables."""
    for values in (
        {"roles": {"api": {"command": ["a", "b\0"]}}},
        {"roles": {"worker": {"health": ["\ud800"]}}},
        {"roles": {"api": {"environment": {"a\0": "b"}}}},
        {"variants": {"a": {"arguments": {"\ud800": "b"}}}},
    ):
        with pytest.raises(SettingsError, match="it contains ") as caught:
            check({"variants": {"a": {}}, **values})
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("place", PATHS)
def test_longest_path(place: str) -> None:
    """A name has at most 255 bytes and a path 4095, as the system's limits say; both are bytes of UTF-8."""
    fine = ("x" * 255, "ä" * 127 + "x", "/".join(["x" * 255] * 15 + ["y" * 255]))
    for text in fine:
        check(make_settings(place, text))
    for text in ("x" * 256, "ä" * 128, "/".join(["x" * 255] * 15 + ["y" * 255]) + "/"):
        with pytest.raises(SettingsError, match=rf"^settings: {place}: no path is longer than 4095 bytes, and no name"):
            check(make_settings(place, text))
    assert (os.pathconf("/", "PC_NAME_MAX"), os.pathconf("/", "PC_PATH_MAX")) == (255, 4096)


def test_sections_take_little_to_define() -> None:
    """Importing the settings builds no validator, of which a report needs one, and compiles no annotations."""
    program = """
import json, sys
from pydantic_core import SchemaValidator
from weighbridge.settings import project
from weighbridge.settings.values import Section

def walk(kind):
    yield kind
    for each in kind.__subclasses__():
        yield from walk(each)

def list_built():
    kinds = ((each, vars(each)["__pydantic_validator__"]) for each in walk(Section))
    return sorted(each.__name__ for each, checks in kinds if type(checks) is SchemaValidator)

before = list_built()
project.check({"variants": {"a": {}}, "smoke": {"services": {}}})
modules = {each.__module__ for each in walk(Section)}
print(json.dumps([before, list_built(), [each for each in modules if hasattr(sys.modules[each], "annotations")]]))
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    generic = ["Limit"]  # pydantic builds it where it gets its parameter
    assert json.loads(done.stdout) == [generic, [*generic, "Settings"], []]
