"""Settings come from the environment and from secret files, and a wrong setting is an error on one line."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own variables out."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_defaults_suit_the_image(tmp_path: Path) -> None:
    """Without any variable, both roles find Redis by its Compose name and SQLite on the volume."""
    settings = load_settings(tmp_path / "missing")

    assert (settings.redis_url, settings.database_url) == ("redis://redis:6379/0", "sqlite:////data/weighbridge.db")
    assert (settings.api_token, settings.worker_concurrency, settings.visibility_timeout_seconds) == (None, 2, 120)


def test_a_job_has_25_seconds_and_is_tried_again_for_three_minutes() -> None:
    """Where nobody sets the visibility timeout: waits of 1, 2, 4, … and at most 60 seconds."""
    settings = Settings()
    limits = settings.job_seconds, settings.job_kill_seconds, settings.max_retry_wait_seconds

    assert (limits, settings.max_retries, settings.restore_seconds) == ((25, 28, 60), 8, 10)


@given(st.integers(min_value=10) | st.integers(10, 200))
@example(10)
def test_no_live_job_is_given_to_another_worker(timeout: int) -> None:
    """Whatever the visibility timeout: the longest wait and then the longest job end before it."""
    settings = Settings(visibility_timeout_seconds=timeout)

    assert 0 < settings.job_seconds < settings.job_kill_seconds
    assert settings.max_retry_wait_seconds > 0
    assert settings.max_retry_wait_seconds + settings.job_kill_seconds < timeout
    assert 0 < settings.restore_seconds <= timeout / 10
    assert 8 <= settings.max_retries <= 180 / settings.max_retry_wait_seconds + 8


def test_a_secret_file_counts_and_the_environment_counts_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mounted file needs no variable; its last line break is no part of the secret."""
    (tmp_path / "api_token").write_text("from-file\n")
    (tmp_path / "redis_url").write_text("redis://:filed@redis/0")
    monkeypatch.setenv("REDIS_URL", "redis://:pass%20word@redis/1")
    settings = load_settings(tmp_path)

    assert settings.secrets() == ("from-file", "pass%20word")


def test_a_secret_file_may_begin_with_the_mark_of_utf_8(tmp_path: Path) -> None:
    """Editors of Windows write it, and it is no part of a URL."""
    (tmp_path / "redis_url").write_text("redis://:filed@redis/0", encoding="utf-8-sig")
    (tmp_path / "database_url").write_text("sqlite:////data/x.db", encoding="utf-8-sig")
    settings = load_settings(tmp_path)

    assert (settings.redis_url, settings.database_url) == ("redis://:filed@redis/0", "sqlite:////data/x.db")


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
        ("REDIS_URL", "redis://user:hunter22@host:66000/0"),
        ("REDIS_URL", "redis://user:hunter22@[host/0"),
        ("REDIS_URL", "redis://user:hunter22@host/notanumber"),
        ("REDIS_URL", "redis://"),
        ("DATABASE_URL", "mysql://user:hunter22@host"),
        ("DATABASE_URL", "postgresql://user:hunter22@host:port/x"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "sqlite://data/reports.db"),
        ("WORKER_CONCURRENCY", "hunter22"),
        ("VISIBILITY_TIMEOUT_SECONDS", "9"),
        ("LOG_LEVEL", "hunter22"),
        ("API_TOKEN", " \t "),
    ],
)
def test_a_bad_value_ends_the_process_in_one_line(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the variable, speaks plainly and does not repeat the value, which may hold a password."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as caught:
        load_settings()
    told = capsys.readouterr().err

    assert caught.value.code == 2
    assert told.startswith(f"The setting {name} is wrong: ")
    assert (told.count("\n"), "hunter22" in told, "Value error" in told) == (1, False, False)


@pytest.mark.parametrize(
    ("url", "part"),
    [("redis://h:port/0", "port"), ("redis://h:66000/0", "port"), ("redis:///0", "host"), ("redis://[h/0", "host")],
)
def test_a_bad_url_is_told_by_its_part(
    url: str, part: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever mistyped a port is not told about schemes."""
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(SystemExit):
        load_settings()

    assert part in capsys.readouterr().err


def test_a_token_is_bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP drops blanks around a header's value, so they are no part of the token here either."""
    monkeypatch.setenv("API_TOKEN", " to ken\t")

    assert load_settings().secrets() == ("to ken",)


def test_a_secret_file_that_is_no_text_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line with the file's name, nothing of what is in it, and status 2."""
    (tmp_path / "redis_url").write_bytes(b"redis://:hunter22\xff@redis/0")
    with pytest.raises(SystemExit) as caught:
        load_settings(tmp_path)

    assert caught.value.code == 2
    assert capsys.readouterr().err == f"The secret file {tmp_path}/redis_url cannot be read: it is not UTF-8\n"


@pytest.mark.services  # a program of its own, by a user that may not read the file
def test_a_secret_file_that_may_not_be_read_is_named() -> None:
    """Its owner is somebody else, as with a secret that is mounted for root."""
    with TemporaryDirectory() as folder:  # pytest's own lies in folders that are for root alone
        Path(folder).chmod(0o755)
        Path(folder, "api_token").write_text("hunter22")
        Path(folder, "api_token").chmod(0)
        drop = "import os; os.geteuid() or os.setuid(65534); "
        load = f"import pathlib; load_settings(pathlib.Path({folder!r}))"
        program = f"from backend.settings import load_settings; {drop}{load}"
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (
        2,
        f"The secret file {folder}/api_token cannot be read: Permission denied\n",
    )


def test_no_secret_is_in_the_representation() -> None:
    """Settings may end up in a traceback."""
    settings = Settings(redis_url="redis://:hunter22@redis/0", database_url="postgresql://u:hunter22@db/x")

    assert "hunter22" not in repr(settings)


def test_every_setting_has_a_row_in_the_documents() -> None:
    """The table of docs/service.md names each variable that users may set, with its default, and no other."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| `?([^`|]+?)`? \|", (ROOT / "docs/service.md").read_text(), re.MULTILINE)
    fields = {name: field.default for name, field in Settings.model_fields.items() if "weighbridge_" not in name}

    assert dict(rows) == {name.upper(): "none" if default is None else str(default) for name, default in fields.items()}


@pytest.mark.parametrize(("name", "value"), [("RETENTION_DAYS", "0"), ("RETENTION_BYTES", "999999")])
def test_a_limit_that_would_delete_everything_is_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slip of the pen costs no report; an empty variable, as Compose hands it over, is none."""
    monkeypatch.setenv(name, "")
    assert load_settings().retention_days is None
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        load_settings()

    assert f"The setting {name} is wrong: " in capsys.readouterr().err
