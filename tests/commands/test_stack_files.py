"""What the settings do not say comes from compose files and env files beside them, and what they say wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from weighbridge.commands import stack_files
from weighbridge.errors import SettingsError
from weighbridge.settings.project import check

STACK = """
name: shop
services:
  web:
    build: .
    command: uvicorn shop:app --port 9000
    env_file: .env
  jobs: {build: ., command: celery --app shop.jobs worker --queues mail}
  db: {image: "postgres:17"}
"""
SPLIT = """
services:
  api: {build: api, command: uvicorn shop:app, depends_on: [cache]}
  worker: {build: {context: jobs, target: run}, command: celery --app jobs worker}
  cache: {image: "valkey/valkey:8"}
"""


def put(folder: Path, compose: str = STACK, name: str = "compose.yaml") -> Path:
    """Write a compose file and what it needs, and return the folder."""
    (folder / name).write_text(compose, encoding="utf-8")
    (folder / ".env").write_text("DATABASE_URL=postgresql://db/shop\nTOKEN='a b'\n", encoding="utf-8")
    for each in (folder, folder / "api", folder / "jobs"):
        each.mkdir(exist_ok=True)
        (each / "Dockerfile").write_text("FROM python:3.13-slim AS run\n", encoding="utf-8")
    return folder


def merge(*levels: Any) -> dict[str, Any]:
    """Return levels of settings as one, as a project's own settings are put over those of compose files."""
    merged: dict[str, Any] = {}
    for level in levels:
        for key, value in level.items():
            both = isinstance(value, dict) and isinstance(merged.get(key), dict)
            merged[key] = merge(merged[key], value) if both else value
    return merged


def describe(folder: Path, own: dict[str, Any]) -> Any:
    """Return the checked settings of a project with compose files."""
    found = stack_files.describe(own, folder)
    assert found is not None
    return check(merge(found.values, own))


def test_a_compose_file_is_enough(tmp_path: Path) -> None:
    """Roles with their kinds, one variant, the service that they name, and no API or worker besides."""
    settings = describe(put(tmp_path), {})
    assert {name: role.kind for name, role in settings.roles.items()} == {"jobs": "worker", "web": "api"}
    assert [role.variant for role in settings.roles.values()] == [None, None]
    assert (settings.repository, [*settings.variants], [*settings.services]) == ("shop", ["jobs"], ["db"])
    assert settings.get_api("web").port == 9000
    assert settings.roles["web"].environment["TOKEN"] == "a b"  # noqa: S105 - of the test
    assert (settings.smoke.data, settings.smoke.environment) == (None, {})


@pytest.mark.parametrize(
    "own",
    [
        {"smoke": {"compose": False}},
        {"roles": {"api": {"port": 1}}},
        {"smoke": {"services": {}}},
        {"smoke": {"compose": 5}},
    ],
)
def test_who_describes_the_stack_needs_no_compose_file(tmp_path: Path, own: dict[str, Any]) -> None:
    """The file is not looked at if the settings name roles or services, or want none; nor is there one by chance."""
    assert stack_files.describe(own, put(tmp_path)) is None
    assert stack_files.describe({}, tmp_path / "api") is None


def test_settings_override(tmp_path: Path) -> None:
    """Single keys are replaced, null removes, and what the settings say themselves is not told as a guess."""
    own: dict[str, Any] = {
        "roles": {"web": {"live": "/health", "port": 80}, "jobs": None},
        "smoke": {"compose": "compose.yaml", "services": {"db": {"image": "postgres:16"}}},
    }
    settings = describe(put(tmp_path), own)
    assert [*settings.roles] == ["web"]
    assert (settings.get_api("web").live, settings.get_api("web").port) == ("/health", 80)
    assert settings.get_api("web").command == ("uvicorn", "shop:app", "--port", "9000")
    assert settings.services["db"].image == "postgres:16"
    guessed, told = stack_files.describe({}, tmp_path), stack_files.describe(own, tmp_path)
    assert guessed is not None
    assert told is not None
    assert any("`roles.web.live`" in note for note in guessed.notes)
    assert not any("`roles.web.live`" in note for note in told.notes)


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"roles": {"api": {"live": "/x"}}}, "roles.api: compose.yaml has no such service; it has jobs, web"),
        ({"smoke": {"services": {"mail": None}}}, "smoke.services.mail: compose.yaml has no such service; it has db"),
    ],
)
def test_changes_of_what_there_is_not(tmp_path: Path, own: dict[str, Any], words: str) -> None:
    """A name that the compose file does not have is hardly meant as another role or service."""
    own = merge(own, {"smoke": {"compose": "compose.yaml"}})
    with pytest.raises(SettingsError) as caught:
        stack_files.describe(own, put(tmp_path))
    assert caught.value.message == words


def test_removing_what_is_left_out_anyway(tmp_path: Path) -> None:
    """A service that nobody needs is in no setting, and may still be removed by its name."""
    compose = STACK + "  adminer: {image: adminer, depends_on: [db]}\n"
    own: dict[str, Any] = {"smoke": {"compose": "compose.yaml", "services": {"adminer": None}}}
    assert [*describe(put(tmp_path, compose), own).services] == ["db"]


def test_what_the_settings_add(tmp_path: Path) -> None:
    """A role with a kind, and a service with an image, are new ones."""
    own = {
        "roles": {"beat": {"kind": "beat", "command": ["celery", "beat"]}},
        "smoke": {"compose": ["compose.yaml"], "services": {"mail": {"image": "mailpit"}}},
    }
    settings = describe(put(tmp_path), own)
    assert [*settings.roles] == ["jobs", "web", "beat"]
    assert [*settings.services] == ["db", "mail"]


def test_own_variants_of_one_build(tmp_path: Path) -> None:
    """If all roles come from one build, they run from each of the project's own variants."""
    settings = describe(put(tmp_path), {"variants": {"slim": {"target": "run"}, "fat": {}}})
    assert [*settings.variants] == ["slim", "fat"]
    assert {role.variant for role in settings.roles.values()} == {None}


def test_own_variants_of_several_builds(tmp_path: Path) -> None:
    """Each role runs from the own variant that is built in the same way; a build without one remains."""
    own = {"variants": {"jobs-image": {"context": "./jobs/", "dockerfile": "jobs/Dockerfile", "target": "run"}}}
    settings = describe(put(tmp_path, SPLIT), own)
    assert {name: role.variant for name, role in settings.roles.items()} == {"api": "api", "worker": "jobs-image"}
    assert sorted(settings.variants) == ["api", "jobs-image"]


def test_a_wrong_compose_file(tmp_path: Path) -> None:
    """It is an error of one line that names the file, or what Compose itself says of it."""
    with pytest.raises(SettingsError) as caught:
        stack_files.describe({}, put(tmp_path, "services: {web: {build: ., command: [1, {}]}}"))
    assert "\n" not in str(caught.value)
    assert "compose" in str(caught.value)


def test_env_files(tmp_path: Path) -> None:
    """Variables of env files stand below those of the settings, for all roles and for one, and later files win."""
    put(tmp_path)
    (tmp_path / "two.env").write_text("TOKEN=second\nMORE=${TOKEN}-${DATABASE_URL}\n", encoding="utf-8")
    settings = check(
        {
            "roles": {"api": {"env_file": "two.env", "environment": {"TOKEN": "own"}}},
            "smoke": {"env_file": [".env", "two.env"], "before": {"once": {"command": ["x"], "env_file": [".env"]}}},
        }
    )
    found = stack_files.read_env_files(settings, tmp_path)
    assert found.smoke.environment["MORE"] == "second-postgresql://db/shop"
    assert found.smoke.environment["REDIS_URL"] == settings.smoke.environment["REDIS_URL"]
    assert found.roles["api"].environment["TOKEN"] == "own"  # noqa: S105 - of the test
    assert found.smoke.before["once"].environment["TOKEN"] == "a b"  # noqa: S105 - of the test
    assert (found.smoke.env_file, found.roles["api"].env_file) == ((), ())
    assert stack_files.read_env_files(found, tmp_path) is found


def test_a_missing_env_file(tmp_path: Path) -> None:
    """It is an error that names the file and the setting."""
    settings = check({"roles": {"worker": {"env_file": ["none.env"]}}})
    with pytest.raises(SettingsError, match=r"none\.env.*roles\.worker\.env_file"):
        stack_files.read_env_files(settings, tmp_path)
