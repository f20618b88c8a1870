"""Files that containers are given: copies, which any user can read and which nobody's originals depend on."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from weighbridge.errors import SettingsError
from weighbridge.settings.project import Settings, check
from weighbridge.smoke.stack import copies


def settings(mounts: dict[str, Any], **smoke: Any) -> Settings:
    """Return settings whose API is given these files."""
    return check({"roles": {"api": {"mounts": mounts}}, "smoke": smoke})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with a file, a program, and a folder with a link and a socket in it."""
    folder = tmp_path / "project"
    (folder / "conf/inner").mkdir(parents=True)
    (folder / "app.toml").write_text("a = 1")
    (folder / "app.toml").chmod(0o600)
    (folder / "conf/run.sh").write_text("#!/bin/sh")
    (folder / "conf/run.sh").chmod(0o700)
    (folder / "conf/inner/x").write_text("x")
    (folder / "conf/inner").chmod(0o700)
    (folder / "conf/link").symlink_to("/etc/hostname")
    here = Path.cwd()
    os.chdir(folder)  # the address of a socket may not be long
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("conf/socket")
    finally:
        os.chdir(here)
    return folder


def modes(path: Path) -> dict[str, int]:
    """Return the permissions of everything below a folder."""
    return {
        str(each.relative_to(path)): each.lstat().st_mode & 0o777 for each in path.rglob("*") if not each.is_symlink()
    }


def test_copies(tmp_path: Path, project: Path) -> None:
    """Files, folders and texts are copied, for any user to read; links stay links, and sockets stay away."""
    before = modes(project)
    (tmp_path / "copies").mkdir()
    mounts = {"/etc/app.toml": "app.toml", "/etc/conf": "conf", "/etc/key": {"content": "é"}}
    found = copies.make(settings(mounts), project, tmp_path / "copies")
    assert found.keys() == {("api", path) for path in mounts}
    file, folder, text = (Path(found["api", path]) for path in mounts)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("a = 1", 0o444)
    assert (text.read_text(encoding="utf-8"), text.stat().st_mode & 0o777) == ("é", 0o444)
    assert modes(folder) == {"run.sh": 0o555, "inner": 0o755, "inner/x": 0o444}
    assert folder.stat().st_mode & 0o777 == 0o755
    assert os.readlink(folder / "link") == "/etc/hostname"  # noqa: PTH115 - as it is
    assert modes(project) == before


def test_who_is_given_what(tmp_path: Path) -> None:
    """Services have their own; a command that runs first has those of its role, or of the first API, and its own."""
    text = {"content": "x"}
    chosen = check(
        {
            "roles": {"api": {"mounts": {"/a": text}}, "worker": {"mounts": {"/w": text}}},
            "smoke": {
                "services": {"db": {"image": "postgres:17", "mounts": {"/init": text}}},
                "before": {
                    "migrate": {"mounts": {"/m": text}},
                    "seed": {"role": "worker"},
                    "load": {"image": "loader:1"},
                },
            },
        }
    )
    assert {*copies.make(chosen, tmp_path, tmp_path)} == {
        ("api", "/a"),
        ("worker", "/w"),
        ("migrate", "/a"),
        ("migrate", "/m"),
        ("seed", "/w"),
        ("db", "/init"),
    }
    assert copies.is_needed(chosen)
    assert not copies.is_needed(check({}))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nowhere", "roles.api.mounts: nowhere does not exist. Correct the path"),
        ("conf/socket", "roles.api.mounts: conf/socket is neither a file nor a folder"),
    ],
)
def test_what_cannot_be_mounted(tmp_path: Path, project: Path, source: str, words: str) -> None:
    """What is missing or is no file is an error that names the setting."""
    with pytest.raises(SettingsError) as caught:
        copies.make(settings({"/x": source}), project, tmp_path)
    assert str(caught.value).startswith(words)


def test_too_much(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the copy of a data set: all that a folder holds counts together."""
    size = sum(path.lstat().st_size for path in (project / "conf").rglob("*"))
    monkeypatch.setattr(copies, "_MOST_BYTES", size)
    (tmp_path / "copies").mkdir()
    copies.make(settings({"/x": "conf"}), project, tmp_path / "copies")
    monkeypatch.setattr(copies, "_MOST_BYTES", size - 1)
    with pytest.raises(SettingsError, match=rf"roles.api.mounts: conf holds {size} bytes, and at most {size - 1} are"):
        copies.make(settings({"/x": "conf"}), project, tmp_path)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_file_that_cannot_be_read(tmp_path: Path, project: Path) -> None:
    """A file of somebody else is an error on one line, and not a traceback."""
    (project / "app.toml").chmod(0)
    with pytest.raises(SettingsError, match=r"app.toml cannot be copied: Permission denied"):
        copies.make(settings({"/x": "app.toml"}), project, tmp_path)
