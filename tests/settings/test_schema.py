"""The schema for editors, beside the validator of the settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from weighbridge.errors import SettingsError
from weighbridge.settings.project import Settings, check
from weighbridge.settings.schema import build_schema

PROJECT = Path(__file__).parents[2]
READ = yaml.safe_load((PROJECT / "invoke.yaml").read_text(encoding="utf-8"))["weighbridge"]
OWN: dict[str, Any] = json.loads(json.dumps(READ))
"""Our own settings; what YAML's anchors share is there several times."""
VALIDATOR = Draft202012Validator(build_schema())
Place = tuple[str | int, ...]
ODD: tuple[Any, ...] = (None, "", "x", "a b", "/x", "5 MB", "5 XB", -1, 0, 7, 5000, 10**9, 1.5, [], ["a"], {}, {"a": 1})


def iterate_places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the place of every section and value."""
    yield place
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in parts:
        yield from iterate_places(each, (*place, key))


def replaced(place: Place, value: Any) -> Any:
    """Return our own settings with another value at one place."""
    if not place:
        return value
    settings: Any = deepcopy(OWN)
    inner = settings
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value
    return settings


def judge(settings: Any) -> str:
    """Return what the validator says; empty if the settings are fine."""
    try:
        check(settings)
    except SettingsError as error:
        return error.message
    return ""


def test_schema_is_one() -> None:
    """It is a schema of the dialect that it names."""
    Draft202012Validator.check_schema(build_schema())
    assert build_schema()["$schema"] == Draft202012Validator.META_SCHEMA["$schema"]


def test_page_has_the_schema() -> None:
    """The file that documents point to is the schema of today."""
    assert json.loads((PROJECT / "docs/settings.schema.json").read_text(encoding="utf-8")) == build_schema()


def test_own_settings() -> None:
    """This repository's settings fit."""
    assert [*VALIDATOR.iter_errors(OWN)] == []


# What requests send and expect may be anything, and is much.
PLACES = [place for place in iterate_places(OWN) if not {"body", "equals"} & {*place}]
BEYOND = (
    "is no variant",
    "no regular expression",
    "is not below",
    "has either `get` or `post`",
    "has either `header` or `cookie`",
    "keep exactly one field",
    "neither the replacement nor",
    "is below 6 MiB",
    "belong together",
    "growth has",
    "; choose from",
    "no role is of kind",
)
"""Words of the errors that come from rules that a schema does not state."""


@pytest.mark.slow
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_agrees_with_the_validator(value: Any) -> None:
    """With any value in any place, the schema refuses only what the validator refuses, and all of it that it can know.

    It cannot know what depends on a second key, and what a regular expression or a path has to be.
    """
    tried = 0
    for place in PLACES:
        settings = replaced(place, deepcopy(value))
        said, refused = judge(settings), not VALIDATOR.is_valid(settings)
        where = f"{place} = {value!r}: {said}"
        if refused:
            assert said, where
        elif said:
            assert any(words in said for words in BEYOND), where
        tried += 1
    assert tried > 50


@pytest.mark.parametrize(
    "section", [(), ("reports",), ("roles", "api"), ("smoke",), ("budgets",), ("variants", "multi")]
)
def test_misspelt_key(section: Place) -> None:
    """An unknown key is refused wherever it stands."""
    settings: Any = deepcopy(OWN)
    inner = settings
    for part in section:
        inner = inner[part]
    inner["reposotory"] = "x"
    assert judge(settings)
    assert not VALIDATOR.is_valid(settings)


def test_every_key_is_described_once() -> None:
    """Docstrings of the settings reach the editor."""
    schema = build_schema()
    assert schema["properties"]["repository"]["description"] == "Images are named `repository:variant`."
    assert {*schema["properties"]} == {*Settings.model_fields}
    assert schema["$defs"]["WorkerRole"]["properties"]["grace_seconds"]["description"].startswith("How long the role")
