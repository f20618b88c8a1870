"""Which commit the working tree stands on, when it was made and where it comes from, asked of the real Git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from weighbridge.errors import SettingsError
from weighbridge.git import Revision, read_revision, read_source_time, read_source_url

UNKNOWN = Revision(commit=None, dirty=False)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with one commit, untouched by the user's own configuration."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    for name, value in {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}.items():
        monkeypatch.setenv(name, value)
    git(tmp_path, "init", "--quiet")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "--message=m")
    return tmp_path


def git(folder: Path, *words: str) -> str:
    """Run Git and return what it prints."""
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_clean_tree(repository: Path) -> None:
    """The revision has the commit's full hash, from any folder inside."""
    (repository / "sub").mkdir()
    assert read_revision(repository / "sub") == Revision(commit=git(repository, "rev-parse", "HEAD"), dirty=False)


@pytest.mark.parametrize("name", ["a", "new"])
def test_changed_tree(repository: Path, name: str) -> None:
    """A file that changed makes the tree dirty, and so does a new one: both get into the image."""
    (repository / name).write_text("2")
    assert read_revision(repository).dirty


def test_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a repository, before its first commit, and without Git there is no commit, and that is no error."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert read_revision(tmp_path) == UNKNOWN
    git(tmp_path, "init", "--quiet")
    assert read_revision(tmp_path) == UNKNOWN
    assert read_revision(tmp_path / "missing") == UNKNOWN
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_revision(tmp_path) == UNKNOWN


def test_dirty_tree_is_marked(repository: Path) -> None:
    """What is called by the commit is what the commit holds; all else has a mark behind it."""
    commit = git(repository, "rev-parse", "HEAD")
    assert read_revision(repository).described == commit
    (repository / "a").write_text("2")
    assert read_revision(repository).described == f"{commit}-dirty"
    assert UNKNOWN.described == ""


def test_time_is_the_commits(repository: Path) -> None:
    """The time is when the commit was made, not when its change was, and stays so in a tree that differs."""
    dates = {"GIT_AUTHOR_DATE": "2001-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2002-02-02T02:02:02+0200"}
    who = ("-c", "user.name=n", "-c", "user.email=e")
    command = ["git", *who, "commit", "--quiet", "--allow-empty", "--message=m"]
    subprocess.run(command, cwd=repository, env={**os.environ, **dates}, check=True)
    assert read_source_time(repository) == 1012608122
    (repository / "a").write_text("2")
    assert read_source_time(repository) == 1012608122


def test_time_of_the_environment_comes_first(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SOURCE_DATE_EPOCH is believed as it stands; empty counts as not set."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert read_source_time(repository) == 0
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "")
    assert read_source_time(repository) == int(git(repository, "show", "--no-patch", "--format=%ct"))


@pytest.mark.parametrize("value", ["now", "-1", "1.5", "\u0661", "9" * 12])
def test_time_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A variable that holds no time is an error of the user's, and not passed over."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
    with pytest.raises(SettingsError, match=r"SOURCE_DATE_EPOCH is .* which is not a time\. Set it "):
        read_source_time(tmp_path)


def test_no_commit_has_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a repository and before its first commit nothing is known, and now is no substitute."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert read_source_time(tmp_path) is None
    git(tmp_path, "init", "--quiet")
    assert read_source_time(tmp_path) is None


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("https://example.org/team/project.git", "https://example.org/team/project.git"),
        ("https://user:secret@example.org:8443/x", "https://example.org:8443/x"),
        ("https://token@example.org/x?private_token=secret#secret", "https://example.org/x"),
        ("ssh://git@example.org:22/x.git", "ssh://example.org:22/x.git"),
        ("git@example.org:team/x.git", "ssh://example.org/team/x.git"),
        ("/srv/git/x.git", ""),
        ("../x", ""),
        ("file:///srv/git/x.git", ""),
        ("https://[::1", ""),
        ("", ""),
    ],
)
def test_source_holds_no_secret(repository: Path, remote: str, expected: str) -> None:
    """The source URL can be published: it has no user and no password, and is not a folder of this machine."""
    if remote:
        git(repository, "config", "remote.origin.url", remote)
    assert read_source_url(repository) == expected
