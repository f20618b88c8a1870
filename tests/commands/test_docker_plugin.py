"""Where the plugin of Docker's client is linked, and what is left alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from weighbridge.commands import docker_plugin
from weighbridge.errors import SettingsError


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the program in an environment of its own; DOCKER_CONFIG names a folder that does not exist yet."""
    path = tmp_path / "environment" / "bin" / "docker-weigh"
    path.parent.mkdir(parents=True)
    path.touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    return path


def test_link(program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The link appears where the client looks, may be made again, and is removed again."""
    link = tmp_path / "config" / "cli-plugins" / "docker-weigh"
    for _ in range(2):
        docker_plugin.run()
        assert link.readlink() == program
    docker_plugin.run(remove=True)
    assert not link.exists()
    capsys.readouterr()
    docker_plugin.run(remove=True)
    assert capsys.readouterr().out.split() == f"There is no {link}.".split()


def test_link_of_an_environment_that_has_gone(program: Path, tmp_path: Path) -> None:
    """A link of ours that leads nowhere is replaced."""
    link = tmp_path / "config" / "cli-plugins" / "docker-weigh"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "gone" / "docker-weigh")
    docker_plugin.run()
    assert link.readlink() == program


@pytest.mark.parametrize("remove", [False, True])
@pytest.mark.usefixtures("program")
def test_what_is_not_ours(tmp_path: Path, *, remove: bool) -> None:
    """A file of the user's with that name stays."""
    link = tmp_path / "config" / "cli-plugins" / "docker-weigh"
    link.parent.mkdir(parents=True)
    link.write_text("theirs")
    with pytest.raises(SettingsError, match="is not ours"):
        docker_plugin.run(remove=remove)
    assert link.read_text() == "theirs"


def test_not_installed(program: Path) -> None:
    """Without the program there is nothing to link to, and nothing is made."""
    program.unlink()
    with pytest.raises(SettingsError, match="docker-weigh does not exist"):
        docker_plugin.run()
    assert not docker_plugin.locate_folder().exists()
