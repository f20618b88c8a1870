"""Settings come from the environment and from secret files, and a bad one is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own variables out."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_defaults_suit_the_image(tmp_path: Path) -> None:
    """Without any variable, both roles find Redis by its Compose name and SQLite on the volume."""
    settings = load_settings(tmp_path / "missing")

    assert (settings.redis_url, settings.database_url) == ("redis://redis:6379/0", "sqlite:////data/weighbridge.db")
    assert (settings.api_token, settings.worker_concurrency, settings.visibility_timeout_seconds) == (None, 2, 3600)


def test_a_secret_file_counts_and_the_environment_counts_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mounted file needs no variable; its last line break is no part of the secret."""
    (tmp_path / "api_token").write_text("from-file\n")
    (tmp_path / "redis_url").write_text("redis://:filed@redis/0")
    monkeypatch.setenv("REDIS_URL", "redis://:pass%20word@redis/1")
    settings = load_settings(tmp_path)

    assert settings.secrets() == ("from-file", "pass%20word")


def test_an_empty_token_is_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose turns an unset variable into an empty one, which must not become a password."""
    monkeypatch.setenv("API_TOKEN", "")
    (tmp_path / "api_token").write_text("\n")

    assert load_settings(tmp_path).api_token is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "amqp://user:hunter22@host"),
        ("REDIS_URL", "redis://user:hunter22@host:port/0"),
        ("DATABASE_URL", "mysql://user:hunter22@host"),
        ("WORKER_CONCURRENCY", "hunter22"),
        ("VISIBILITY_TIMEOUT_SECONDS", "0"),
        ("LOG_LEVEL", "hunter22"),
    ],
)
def test_a_bad_value_ends_the_process_in_one_line(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the variable and does not repeat the value, which may hold a password."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as caught:
        load_settings()
    told = capsys.readouterr().err

    assert caught.value.code == 2
    assert told.startswith(f"The setting {name} makes no sense: ")
    assert (told.count("\n"), "hunter22" in told) == (1, False)


def test_no_secret_is_in_the_representation() -> None:
    """Settings may end up in a traceback."""
    settings = Settings(redis_url="redis://:hunter22@redis/0", database_url="postgresql://u:hunter22@db/x")

    assert "hunter22" not in repr(settings)
