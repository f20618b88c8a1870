"""Tokens have scopes, there may be several, and they follow their files."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from backend import logs
from backend.settings import load_settings
from backend.tokens import Tokens

NAMES = ("API_TOKEN", "READ_TOKENS", "WRITE_TOKENS", "ADMIN_TOKENS", "READS_NEED_TOKEN")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own variables out."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def _load(folder: Path) -> Tokens:
    return Tokens(load_settings(folder), folder)


def _scopes(tokens: Tokens, *given: bytes) -> list[list[str]]:
    return [sorted(tokens.find_scopes(token)) for token in given]


def test_each_setting_has_its_scopes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From files or the environment, several at once; the one token of today may do everything."""
    (tmp_path / "read_tokens").write_text("# dashboards\nr1\n  r2 \n\n")
    (tmp_path / "write_tokens").write_text("w1 w2")
    (tmp_path / "admin_tokens").write_text("é\n")
    monkeypatch.setenv("API_TOKEN", " to ken ")
    tokens = _load(tmp_path)
    read, write, everything = ["read"], ["read", "write"], ["admin", "read", "write"]

    assert _scopes(tokens, b"r1", b"r2", b"w1", b"w2") == [read, read, write, write]
    assert _scopes(tokens, "é".encode(), b"to ken") == [everything, everything]
    assert _scopes(tokens, b"", b"#", b"dashboards", b"w1 w2", b"\xe9", b"to") == [[]] * 6


@pytest.mark.parametrize("later", [False, True])
def test_files_of_windows_editors_mean_the_same(tmp_path: Path, *, later: bool) -> None:
    """The mark of UTF-8 at their start is no part of a token, and does not make tokens of a comment's words."""
    lines = {"write_tokens": "# build servers\r\nw1\r\nw2\r\n", "read_tokens": "r1\r\n", "api_token": "to ken\r\n"}
    for name in lines if later else ():
        (tmp_path / name).write_text("first-one")
    tokens = _load(tmp_path)
    for name, text in lines.items():
        (tmp_path / name).write_text(text, encoding="utf-8-sig", newline="")
    tokens = tokens if later else _load(tmp_path)

    assert [bool(each) for each in _scopes(tokens, b"w1", b"w2", b"r1", b"to ken")] == [True] * 4
    assert _scopes(tokens, b"#", b"build", b"servers", "\ufeff#".encode(), "\ufeffr1".encode()) == [[]] * 5


def test_a_token_is_rotated_without_a_restart(tmp_path: Path) -> None:
    """The new one beside the old one, then without it: from the next request on."""
    file = tmp_path / "write_tokens"
    file.write_text("old")
    tokens = _load(tmp_path)
    seen = []
    for text in ("old\nnew", "new", ""):
        file.write_text(text)
        seen.append([bool(tokens.find_scopes(token)) for token in (b"old", b"new")])

    assert seen == [[True, True], [False, True], [False, False]]


def test_a_service_with_tokens_never_opens(tmp_path: Path) -> None:
    """Not when its file is emptied, is removed or cannot be read; a first file closes an open service."""
    file = tmp_path / "write_tokens"
    tokens = _load(tmp_path)
    assert not tokens.is_needed()
    file.write_text("token")
    assert tokens.is_needed()
    file.write_bytes(b"\xff")
    assert (tokens.is_needed(), _scopes(tokens, b"\xff")) == (True, [[]])
    file.unlink()
    assert (tokens.is_needed(), _scopes(tokens, b"token", b"")) == (True, [[], []])


def test_the_environment_counts_more_than_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after the file has changed, as with every other setting."""
    (tmp_path / "write_tokens").write_text("filed")
    monkeypatch.setenv("WRITE_TOKENS", "from-environment")
    tokens = _load(tmp_path)
    (tmp_path / "write_tokens").write_text("filed again")

    assert [bool(tokens.find_scopes(token)) for token in (b"from-environment", b"filed", b"again")] == [
        True,
        False,
        False,
    ]


def test_reads_cannot_need_a_token_that_nobody_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line and status 2 instead of a service that answers nobody."""
    monkeypatch.setenv("READS_NEED_TOKEN", "true")
    with pytest.raises(SystemExit) as caught:
        load_settings(tmp_path)
    told = capsys.readouterr().err
    (tmp_path / "read_tokens").write_text("r1")

    assert (caught.value.code, told.count("\n")) == (2, 1)
    assert told.startswith("The setting READS_NEED_TOKEN is wrong: needs a token: ")
    assert load_settings(tmp_path).reads_need_token


def test_no_log_shows_a_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither one of the start nor one that came later."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    (tmp_path / "read_tokens").write_text("token-of-the-start")
    settings = load_settings(tmp_path)
    tokens = Tokens(settings, tmp_path)
    logs.configure("INFO", settings.secrets())
    try:
        (tmp_path / "read_tokens").write_text("token-of-the-start token-that-came-later")
        tokens.find_scopes(b"x")
        logging.getLogger("x").info("token-of-the-start and token-that-came-later")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(capture=False)
    told = [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()]

    assert told == [f"{tmp_path}/read_tokens was read again: 2 tokens, before it were 1", "*** and ***"]
