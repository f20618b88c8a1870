"""Compose is found on PATH and asked; what it prints or refuses comes back. Compose itself: tests/live."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from weighbridge.engine import compose
from weighbridge.errors import SettingsError

SECOND = 'if [ "$*" = "PREFIXversion --short" ]; then echo 2.26.1; exit; fi'


def install(folder: Path, **programs: str) -> Mapping[str, str]:
    """Write programs of a shell's lines, and return the variables under which they alone are found."""
    for name, lines in programs.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{lines}\n", encoding="utf-8")
        path.chmod(0o755)
    return {"PATH": str(folder), "HOME": str(folder)}


def test_no_compose(tmp_path: Path) -> None:
    """Where there is no Compose, a Docker client without it, or version 1, there is no answer."""
    assert compose.render([], tmp_path, environment=install(tmp_path)) is None
    assert compose.render([], tmp_path, environment=install(tmp_path, docker="exit 1")) is None
    old = install(tmp_path, docker_compose='[ "$1" = version ] && echo 1.29.2')
    assert compose.render([], tmp_path, environment=old) is None
    assert compose.render([], tmp_path, environment=install(tmp_path, docker_compose="echo what")) is None


def test_plugin_is_asked_first(tmp_path: Path) -> None:
    """The plug-in is asked before the program of its own, with files, folder and profiles."""
    lines = f'{SECOND.replace("PREFIX", "compose ")}\nfor each in "$@"; do echo "$each"; done'
    variables = install(tmp_path, docker=lines, docker_compose="exit 1")
    text = compose.render([tmp_path / "a.yaml", tmp_path / "b c.yaml"], tmp_path, profiles=["x"], environment=variables)
    assert (text or "").splitlines() == [
        "compose",
        f"--file={tmp_path}/a.yaml",
        f"--file={tmp_path}/b c.yaml",
        f"--project-directory={tmp_path}",
        "--profile=x",
        "config",
        "--format",
        "json",
    ]


def test_program_of_its_own(tmp_path: Path) -> None:
    """Without the plug-in the other program answers, in the project's folder, with the variables given."""
    lines = f"{SECOND.replace('PREFIX', '')}\necho '{json.dumps({'a': 1})}' $PWD $SAID"
    variables = {**install(tmp_path, docker="exit 1", docker_compose=lines), "SAID": "hello"}
    (tmp_path / "project").mkdir()
    text = compose.render([], tmp_path / "project", environment=variables)
    assert text == f'{{"a": 1}} {tmp_path}/project hello\n'


def test_refused_files(tmp_path: Path) -> None:
    """What Compose refuses is one line with its message, without its warnings."""
    said = 'echo \'time="now" level=warning msg="old"\' >&2; printf "service a\\n  is wrong.\\n" >&2; exit 15'
    variables = install(tmp_path, docker_compose=f"{SECOND.replace('PREFIX', '')}\n{said}")
    with pytest.raises(SettingsError) as caught:
        compose.render([], tmp_path, environment=variables)
    assert str(caught.value) == (
        "`docker-compose config` refuses the compose files: service a is wrong. Correct it in them."
    )


def test_compose_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after a time."""
    monkeypatch.setattr(compose, "_CONFIG_SECONDS", 0.5)
    lines = f"{SECOND.replace('PREFIX', '')}\nexec /bin/sleep 60"
    with pytest.raises(SettingsError, match="did not end within"):
        compose.render([], tmp_path, environment=install(tmp_path, docker_compose=lines))
