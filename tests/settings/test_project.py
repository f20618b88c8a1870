"""Settings are checked once, and an error names the key."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from weighbridge.errors import SettingsError
from weighbridge.settings.project import Settings, check

PROJECT = Path(__file__).parents[2]
VARIANTS: dict[str, Any] = {"single": {"target": "single"}, "multi": {}}


def test_the_projects_own() -> None:
    """invoke.yaml of this project is fine, and its variants are stages of the Dockerfile."""
    settings = check(yaml.safe_load((PROJECT / "invoke.yaml").read_text(encoding="utf-8"))["weighbridge"])
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    for variant in settings.variants.values():
        assert f" AS {variant.target}\n" in dockerfile


def test_defaults() -> None:
    """Variants are all that must be set."""
    settings = check({"variants": VARIANTS})
    assert settings.name_image("multi") == "backend:multi"
    assert settings.variants["multi"].target is None
    assert settings.bases.map_roles() == {"python": "python:3.13-slim-trixie", "redis": "redis:8-alpine"}


def test_frozen() -> None:
    """Settings cannot be changed."""
    with pytest.raises(ValidationError, match="frozen"):
        check({"variants": VARIANTS}).__setattr__("repository", "other")


@pytest.mark.parametrize(
    ("values", "place"),
    [
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
    assert str(caught.value).startswith(f"settings: {place}")
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
    """Whatever YAML contains gives settings or a `SettingsError`, even if the variants, checked first, are right."""
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
    """All other names are refused before an engine sees them."""
    with pytest.raises(SettingsError, match=r"^settings: repository: "):
        check({"variants": VARIANTS, "repository": name})


@given(st.permutations(["a", "b", "c"]), st.lists(st.sampled_from(["a", "b", "c"])))
def test_chosen(order: list[str], names: list[str]) -> None:
    """The named variants come once each, in the order of the settings; without names, all come."""
    chosen = check({"variants": {name: {} for name in order}}).select_variants(names)
    assert chosen == tuple(name for name in order if name in (names or order))


def test_unknown_variant() -> None:
    """The error names the unknown variants, and the advice the known ones."""
    with pytest.raises(SettingsError) as caught:
        check({"variants": VARIANTS}).select_variants(["nope", "multi", "also"])
    assert str(caught.value) == "Unknown variant also, nope. Choose from single, multi (variants in the settings)."


def test_empty_variant() -> None:
    """An empty name, as of an unset variable in a script, is an error: nothing would be tested."""
    with pytest.raises(SettingsError, match=r"^Unknown variant ''\. "):
        check({"variants": VARIANTS}).select_variants([""])


@pytest.mark.parametrize("host", ["docker.io", "registry.example.com:5000", "localhost", "[::1]:5000", "10.0.0.1:1"])
def test_hosts_that_may_get_a_login(host: str) -> None:
    """A registry is named as in references, and the hosts beside it have no port."""
    settings = check({"variants": VARIANTS, "registries": {"token_hosts": {host: ["login.example.com"]}}})
    assert settings.registries.token_hosts == {host: ("login.example.com",)}


@pytest.mark.parametrize(
    "hosts",
    [
        {"https://registry.example.com": ["a"]},
        {"Registry.example.com": ["a"]},
        {"registry.example.com:123456": ["a"]},
        {"a": ["login.example.com:443"]},
        {"a": ["https://login.example.com"]},
        {"a": ["*.example.com"]},
        {"a": "login.example.com"},
    ],
)
def test_hosts_that_are_none(hosts: dict[str, object]) -> None:
    """A URL, capital letters, a pattern or a port where none can be are refused by the key's name."""
    with pytest.raises(SettingsError, match=r"registries\.token_hosts"):
        check({"variants": VARIANTS, "registries": {"token_hosts": hosts}})
