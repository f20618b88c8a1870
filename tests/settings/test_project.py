"""Settings are checked once, and what is wrong with them is told by the key's name."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invoke.config import Config
from pydantic import ValidationError

from weighbridge.errors import SettingsError
from weighbridge.settings.project import Settings, check, from_config

PROJECT = Path(__file__).parents[2]
VARIANTS: dict[str, Any] = {"single": {"target": "single"}, "multi": {}}


def settings_in(folder: Path) -> Settings:
    """Return the settings as a task gets them: invoke.yaml of a folder, then INVOKE_… variables."""
    config = Config(project_location=folder)
    config.load_project()
    config.load_shell_env()
    return from_config(dict(config.items()), Config.global_defaults())


def test_the_projects_own() -> None:
    """invoke.yaml of this project is fine, and its variants are stages of the Dockerfile."""
    settings = settings_in(PROJECT)
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    for variant in settings.variants.values():
        assert f" AS {variant.target}\n" in dockerfile


def test_defaults() -> None:
    """Variants are all that must be set."""
    settings = check({"variants": VARIANTS})
    assert settings.reference("multi") == "backend:multi"
    assert settings.variants["multi"].target is None
    assert settings.bases.by_role() == {"python": "python:3.13-slim-trixie", "redis": "redis:8-alpine"}


def test_variable_that_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment says it, invoke.yaml is not what to correct."""
    monkeypatch.setenv("INVOKE_REPOSITORY", "Shop")
    with pytest.raises(SettingsError, match=r"Correct INVOKE_REPOSITORY, which sets it\.$"):
        settings_in(PROJECT)


def test_frozen() -> None:
    """Nobody changes settings on the way."""
    with pytest.raises(ValidationError, match="frozen"):
        check({"variants": VARIANTS}).__setattr__("repository", "other")


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({}, "variants: "),
        ({"variants": {}}, "variants: "),
        ({"variants": ["multi"]}, "variants: "),
        ({"variants": None}, "variants: "),
        ({"variants": {"Multi": {}}}, "variants.Multi: "),
        ({"variants": {"a b": {}}}, "variants.a b: "),
        ({"variants": {"multi": {"tarjet": "x"}}}, "variants.multi.tarjet: "),
        ({"variants": {"multi": {"arguments": {"A": 1}}}}, "variants.multi.arguments.A: "),
        ({"variants": VARIANTS, "reposotory": "x"}, "reposotory: "),
        ({"variants": VARIANTS, "repository": 1}, "repository: "),
        ({"variants": VARIANTS, "reports": "x"}, "reports: "),
        ({"variants": VARIANTS, "roles": {"api": {"port": 0}}}, "roles.api.port: "),
        ({"variants": VARIANTS, "roles": {"api": {"port": "many"}}}, "roles.api.port: "),
        ({"variants": VARIANTS, "roles": {"api": {"slow_job": ["x"]}}}, "roles.api.slow_job: "),
        ({"variants": VARIANTS, "roles": {"worker": {"command": []}}}, "roles.worker.command: "),
        ({"variants": VARIANTS, "roles": {"worker": {"command": "celery"}}}, "roles.worker.command: "),
        ({"variants": VARIANTS, "smoke": {"timeout_seconds": -1}}, "smoke.timeout_seconds: "),
        ({"variants": VARIANTS, "smoke": {"user": "nobody"}}, "smoke.user: "),
        ({"variants": VARIANTS, "changes": {"a": {"append": "{unique}"}}}, "changes.a.file: "),
        ({"variants": VARIANTS, "changes": {"a": {"file": "x"}}}, "changes.a: "),
        ({"variants": VARIANTS, "changes": {"a": {"file": "x", "append": "# same"}}}, "changes.a: "),
        ({"variants": VARIANTS, "changes": {"a": {"file": "x", "replace": "{unique}"}}}, "changes.a: "),
        ({"variants": VARIANTS, "changes": {"A": {"file": "x", "append": "{unique}"}}}, "changes.A: "),
        (
            {"variants": VARIANTS, "changes": {"a": {"file": "x", "find": "(", "append": "{unique}"}}},
            "changes.a.find: ",
        ),
        ({"variants": VARIANTS, "changes": {"a": {"file": "x", "find": "a{9999999999}"}}}, "changes.a.find: "),
    ],
)
def test_wrong(values: dict[str, Any], place: str) -> None:
    """A misspelt key, a wrong type or a value out of range is named by its path, in one line."""
    with pytest.raises(SettingsError) as caught:
        check(values)
    assert str(caught.value).startswith(f"invoke.yaml: {place}")
    assert "\n" not in str(caught.value)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


KEYS = st.sampled_from([*(name for name in Settings.model_fields if name != "variants"), "other"])
SOUND: st.SearchStrategy[Any] = st.dictionaries(st.sampled_from(["a", "b"]), st.just({}), min_size=1)


@given(SOUND | json, st.dictionaries(KEYS, json))
def test_anything_else_is_an_error_of_ours(variants: Any, others: dict[str, Any]) -> None:
    """Whatever YAML can hold, it is settings or a `SettingsError`, also where the variants, checked first, are fine."""
    with suppress(SettingsError):
        assert check({"variants": variants, **others}).variants.keys() == variants.keys()


@pytest.mark.parametrize(
    "name", ["a", "0", "a.b", "a_b", "a__b", "a-b", "a---b", "a/b", "team-1/sub.part/backend", "a" * 200]
)
def test_repository(name: str) -> None:
    """Names by the grammar of the OCI distribution specification are fine, with up to 200 characters."""
    assert check({"variants": VARIANTS, "repository": name}).repository == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "A",
        "a//b",
        "a..b",
        "a/.b",
        "a./b",
        "a___b",
        "a._b",
        "-a",
        "a-",
        "/a",
        "a/",
        "a:1",
        "a@b",
        "a b",
        "a\n",
        "a" * 201,
    ],
)
def test_repository_that_no_engine_takes(name: str) -> None:
    """Everything else is refused before an engine sees it."""
    with pytest.raises(SettingsError, match=r"^invoke.yaml: repository: "):
        check({"variants": VARIANTS, "repository": name})


@given(st.permutations(["a", "b", "c"]), st.lists(st.sampled_from(["a", "b", "c"])))
def test_chosen(order: list[str], names: list[str]) -> None:
    """The wanted variants come once each, in the order of invoke.yaml; no wish means all."""
    chosen = check({"variants": {name: {} for name in order}}).chosen(names)
    assert chosen == tuple(name for name in order if name in (names or order))


def test_unknown_variant() -> None:
    """What is unknown is named, and what is known is offered."""
    with pytest.raises(SettingsError) as caught:
        check({"variants": VARIANTS}).chosen(["nope", "multi", "also"])
    assert str(caught.value) == "Unknown variant also, nope. Choose from single, multi (invoke.yaml, variants)."


def test_empty_variant() -> None:
    """`--variant "$NOTHING"` of a script chooses nothing, and must not pass for a test that found nothing wrong."""
    with pytest.raises(SettingsError, match=r"^Unknown variant ''\. "):
        check({"variants": VARIANTS}).chosen([""])


def test_environment_overrides_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """INVOKE_REPORTS_DIRECTORY and the like set one key for one run."""
    monkeypatch.setenv("INVOKE_REPORTS_DIRECTORY", "/elsewhere")
    monkeypatch.setenv("INVOKE_SMOKE_TIMEOUT_SECONDS", "7")
    settings = settings_in(PROJECT)
    assert (settings.reports.directory, settings.smoke.timeout_seconds) == ("/elsewhere", 7)


def test_keys_of_invoke_are_no_mistake() -> None:
    """Invoke keeps its own settings in the same mapping; they are left out, and ours are not."""
    own = Config.global_defaults()
    assert "run" in own
    assert from_config({**own, "variants": VARIANTS}, own).variants.keys() == VARIANTS.keys()
    with pytest.raises(SettingsError, match="ruin"):
        from_config({**own, "ruin": {}, "variants": VARIANTS}, own)
