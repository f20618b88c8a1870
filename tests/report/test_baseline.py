"""Baselines are found in a real repository; what cannot be compared is refused with a reason."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reports import MB, image, report
from weighbridge.errors import NewerRecord, SettingsError, UnreadableRecord
from weighbridge.model.report import Pull, Report
from weighbridge.report import baseline, records


def git(folder: Path, *words: str) -> str:
    """Run Git and return what it prints."""
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, message: str = "m") -> str:
    """Make a commit and return its hash."""
    git(folder, "-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "--allow-empty", f"--message={message}")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository without commits, on `main`, with an empty folder `reports`; the working folder."""
    for name, value in {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CEILING_DIRECTORIES": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "project"
    (folder / "reports").mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    monkeypatch.chdir(folder)
    return folder


def record(project: Path, hour: int, commit: str | None, **fields: Any) -> Report:
    """Save a record of that hour and return it."""
    made = report(image(), recorded_at=f"2026-11-20T{hour:02}:00:00Z", commit=commit, **fields)
    records.save(made, project / "reports")
    return made


def find(project: Path, text: str) -> Report:
    """Find a baseline in the project."""
    return baseline.find(text, project / "reports", project)


def test_commit(project: Path) -> None:
    """A commit's record is the newest one of exactly that commit, without uncommitted changes."""
    first, second = commit(project), commit(project)
    git(project, "tag", "v1", first)
    record(project, 1, first)
    newest = record(project, 2, first)
    record(project, 3, first, dirty=True)
    latest = record(project, 4, second)
    for name in (first, first[:8], "HEAD~1", "v1", "main~1"):
        assert find(project, name) == newest
    for name in ("HEAD", "@", second):
        assert find(project, name) == latest


def test_commit_without_a_record_of_its_own(project: Path) -> None:
    """HEAD means the commit, not its branch: a record of an older commit does not count."""
    record(project, 1, commit(project))
    commit(project)
    with pytest.raises(SettingsError, match=r"--baseline HEAD has no record in .*reports\. Check it out, run "):
        find(project, "HEAD")


def test_branch(project: Path) -> None:
    """A branch's record is the newest of any commit on it, whatever is checked out."""
    old, tip = commit(project), commit(project)
    git(project, "switch", "--quiet", "--create", "topic")
    topic = record(project, 3, commit(project))
    main = record(project, 2, old)
    record(project, 1, tip)
    record(project, 4, None)
    assert find(project, "main") == main  # recorded later, though its commit is the older one
    assert find(project, "topic") == topic


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("master",), "master"),
        (("master", "main"), "main"),
        (("main", "origin/master"), "origin/master"),
        (("origin/main", "origin/HEAD", "main"), "origin/HEAD"),
    ],
)
def test_last_is_of_the_main_branch(project: Path, names: tuple[str, ...], chosen: str) -> None:
    """The main branch is origin's default, or else a branch with a usual name; `last` is its newest record."""
    git(project, "switch", "--quiet", "--create", "topic")
    made = {}
    for hour, name in enumerate(names):
        git(project, "switch", "--quiet", "--orphan", f"for-{hour}")
        head = commit(project, name)
        kind = "remotes" if "/" in name else "heads"
        git(project, "update-ref", f"refs/{kind}/{name}", head)
        made[name] = record(project, hour, head)
    record(project, 22, made[chosen].commit, dirty=True)
    assert find(project, "last") == made[chosen]


def test_last_without_a_main_branch(project: Path) -> None:
    """The error names the branches that were looked for."""
    commit(project)
    git(project, "branch", "--move", "trunk")
    with pytest.raises(SettingsError, match=r"last finds no main branch; it tried origin/HEAD, .*, master\. Give a "):
        find(project, "last")


def test_path(project: Path) -> None:
    """A record is also found by its path, whatever its commit and tree."""
    made = record(project, 1, None, dirty=True)
    (path,) = (project / "reports").iterdir()
    assert find(project, str(path)) == made
    assert find(project, f"reports/{path.name}") == made
    path.rename("main")  # a file without the suffix, named as a branch
    assert find(project, "main") == made


def test_what_is_no_record(project: Path) -> None:
    """A missing file is a wrong option; a file with other content is an unreadable record."""
    with pytest.raises(SettingsError, match=r"--baseline reports/x\.json cannot be read: No such file"):
        find(project, "reports/x.json")
    Path("x.json").write_text("{}")
    with pytest.raises(UnreadableRecord, match=r"x\.json is not a record") as caught:
        find(project, "x.json")
    assert "elete" not in str(caught.value)  # it may be a file of the user's own


def test_folder_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing folder has no records; a folder that cannot be opened is an error."""
    assert records.read_history(tmp_path / "missing").reports == ()
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"file cannot be read: Not a directory\. Make it a readable folder, "):
        records.read_history(tmp_path / "file")


@pytest.mark.parametrize(
    "text", ["nothing", "", "--all", "--since=yesterday", "--git-dir", "HEAD~9", "main..HEAD", "reports"]
)
def test_what_names_nothing(project: Path, text: str) -> None:
    """A text that is neither a file nor a commit is an error, and is never passed to Git as an option."""
    commit(project)
    with pytest.raises(SettingsError, match=r"is neither a record nor a commit\. Give the path of a record, a branch"):
        find(project, text)


def test_why_there_is_no_record(project: Path) -> None:
    """The error counts the records with uncommitted changes, and names the files that are not records."""
    record(project, 1, commit(project), dirty=True)
    for number in range(7):
        (project / "reports" / f"x{number}.json").write_text("{}")
    expected = (
        r"main has no record in .*, only 1 with uncommitted changes; "
        r"unreadable: x0\.json, x1\.json, x2\.json, x3\.json, x4\.json and 2 more\. "
    )
    with pytest.raises(SettingsError, match=expected):
        find(project, "main")


def test_shallow_clone(project: Path, tmp_path: Path) -> None:
    """In a shallow clone, as in CI, the commit may be missing; the advice says how to fetch it."""
    first = commit(project)
    commit(project)
    git(tmp_path, "clone", "--quiet", "--depth=1", project.as_uri(), "clone")
    (tmp_path / "clone" / "reports").mkdir()
    record(tmp_path / "clone", 1, first)
    for text in ("HEAD~1", "main", "last"):
        with pytest.raises(SettingsError, match="git fetch --unshallow"):
            find(tmp_path / "clone", text)


def test_outside_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a repository a baseline can only be a path."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for text in ("last", "HEAD"):
        with pytest.raises(SettingsError, match="the path of a record"):
            find(tmp_path, text)


def test_repository_of_somebody_else(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git refuses another user's repository, as in CI's containers; the error says so, not that a branch is missing."""
    record(project, 1, commit(project))
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(SettingsError, match=r"Git finds no commits: detected dubious ownership .* status` says how"):
        find(project, "last")


def test_no_git(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Git the error says that Git is missing; a record is still found by its path."""
    made = record(project, 1, commit(project))
    monkeypatch.setenv("PATH", str(project))
    with pytest.raises(SettingsError, match=r"Git finds no commits: git: No such file"):
        find(project, "last")
    (path,) = (project / "reports").glob("*.json")
    assert find(project, str(path)) == made


@pytest.mark.parametrize(
    ("text", "fields", "words"),
    [
        ("main", {}, "main, 3f2a9c1, 2026-11-20"),
        ("last", {}, "the main branch, 3f2a9c1, 2026-11-20"),
        ("3f2a9", {}, "3f2a9c1, 2026-11-20"),
        ("reports/x.json", {"dirty": True}, "x.json, 3f2a9c1-dirty, 2026-11-20"),
        ("x.json", {"commit": None}, "x.json, no commit, 2026-11-20"),
    ],
)
def test_label(text: str, fields: dict[str, Any], words: str) -> None:
    """A baseline's label has the name that the user gave, its commit and its day."""
    assert baseline.describe(text, report(**fields)) == words


def test_variants_are_paired() -> None:
    """Variants in both reports are compared, in the later one's order; a new variant is refused with a reason."""
    before = report(image("multi"), image("single"), image("gone"))
    after = report(image("single"), image("new"), image("multi", redis_mb=31))
    found = baseline.compare(before, after, "main")
    assert (found.label, found.report) == ("main", before)
    assert [(each.variant, each.delta_bytes) for each in found.comparisons] == [("single", 0), ("multi", MB)]
    assert found.refusals == {"new": "the baseline has no such variant"}


def test_refusal_names_the_command_as_the_user_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal names the command of the program if the user called the program, else that of Invoke."""
    monkeypatch.setattr("weighbridge.quoting._spelling", "weighbridge ")
    found = baseline.compare(report(image(base=None)), report(image()), "main")
    assert "`weighbridge build`" in found.refusals["multi"]


def test_cost_of_unlike_basis_is_dropped() -> None:
    """With exact and estimated pulls, the shipped bytes are compared but the cost of a pull is unknown."""
    estimated = Pull(bytes=1, basis="estimated")
    (same,) = baseline.compare(report(image()), report(image(redis_mb=31)), "main").comparisons
    (unlike,) = baseline.compare(report(image(pull=estimated)), report(image(redis_mb=31)), "main").comparisons
    assert same.difference.cost == Pull(bytes=31 * MB // 3 + 1000, basis="exact")
    assert unlike.difference == replace(same.difference, cost=None)


@given(*4 * [st.integers(0, 1000)])
def test_drift_and_own_growth_close(base: int, redis: int, later_base: int, later_redis: int) -> None:
    """The base's drift counts only to the base, and drift and own growth add up to the difference."""
    before, after = image(base_mb=base, redis_mb=redis), image(base_mb=later_base, redis_mb=later_redis)
    (found,) = baseline.compare(report(before), report(after), "main").comparisons
    assert found.growth.base_bytes == (later_base - base) * MB
    assert found.delta_bytes - found.growth.base_bytes == (later_redis - redis) * MB


def test_newer_record_is_not_taken_for_none(project: Path) -> None:
    """A record of a newer version, named by its path or by its commit, is reported as that."""
    made = record(project, 1, commit(project))
    path = next((project / "reports").iterdir())
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(
        NewerRecord, match=r"[.]json was written by a newer version of Weighbridge: .* Use that version"
    ):
        find(project, str(path))
    found = rf"has no record in .*; written by a newer version: {path.name}[.] Use the newer version, or "
    with pytest.raises(SettingsError, match=found):
        find(project, str(made.commit))


@pytest.mark.parametrize("text", ["x" * 256, "y/" * 5000, "x" * 131_000, "\x1b[2J" * 60, "a\nb"])
def test_text_that_can_be_no_path(project: Path, text: str) -> None:
    """A text that is longer than a path may be is neither a record nor a commit, and its error is a short line."""
    commit(project)
    with pytest.raises(SettingsError, match=r"^--baseline .* is neither a record nor a commit[.] Give ") as caught:
        find(project, text)
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["fifo.json", "x" * 300 + ".json", "folder.json"])
def test_record_that_cannot_be_opened(project: Path, name: str) -> None:
    """A FIFO is not waited for; what is no regular file is an error with the reason."""
    os.mkfifo(project / "fifo.json")
    (project / "folder.json").mkdir()
    with pytest.raises(SettingsError, match=r"cannot be read: (it is not a regular file|File name too|Is a directory)"):
        find(project, name)
