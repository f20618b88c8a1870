"""What is kept of smoke tests that failed: complete folders, which never overwrite each other, and only the last."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from weighbridge.errors import SettingsError
from weighbridge.model.smoke import Check, Proof, TriedImage
from weighbridge.smoke import artifacts

HELD = Check(role="api", rule="live", outcome="passed", detail="200", seconds=0.1)
BROKEN = Check(role="worker", rule="ready", outcome="failed", detail="no answer", seconds=60)
GOOD = Proof(variant="single", seconds=1, checks=(HELD,), logs={"api": "not kept"})
FAILED = Proof(
    variant="multi",
    seconds=61,
    checks=(HELD, BROKEN),
    logs={"api": "one\r\ntwo é \ud800\n", "worker": "", "redis": "Ready"},
    images=(TriedImage(key="multi", image_id="sha256:1", config_digest="sha256:2"),),
)
NAME = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock for as long as the test runs."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> Clock:
            assert tz is UTC
            return cls(2026, 11, 24, 10, 0, 9, 999_999, tzinfo=UTC)

    monkeypatch.setattr(artifacts, "datetime", Clock)


def test_logs_and_checks_of_what_failed_are_written(tmp_path: Path) -> None:
    """Each container's log is a file, as it was printed, and so are the checks; variants that hold leave none."""
    files = artifacts.keep([GOOD, FAILED], tmp_path)
    (folder,) = (tmp_path / "smoke").iterdir()
    assert re.fullmatch(NAME, folder.name)
    assert files == tuple(folder / f"multi{name}" for name in (".json", "-api.log", "-worker.log", "-redis.log"))
    assert sorted(folder.iterdir()) == sorted(files)
    assert files[1].read_bytes() == b"one\r\ntwo \xc3\xa9 \\ud800\n"
    assert files[2].read_bytes() == b""
    found = json.loads(files[0].read_text(encoding="utf-8"))
    assert found["format"] == 1
    assert (found["image_id"], found["images"]) == ("sha256:1", {"multi": "sha256:1"})
    assert [(each["rule"], each["outcome"], each["ok"]) for each in found["checks"]] == [
        ("live", "passed", True),
        ("ready", "failed", False),
    ]
    assert "Ready" not in files[0].read_text(encoding="utf-8")
    assert folder.stat().st_mode & 0o777 == 0o755


def test_nothing_is_written_where_all_hold(tmp_path: Path) -> None:
    """Nothing is written for proofs that hold, not even a folder."""
    assert artifacts.keep([GOOD], tmp_path / "reports") == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("clock")
def test_two_runs_of_one_second_both_stay(tmp_path: Path) -> None:
    """Nothing is overwritten: later runs of the same second get a number, even if the folder with the name is empty."""
    (tmp_path / "smoke/2026-11-24T10-00-09Z-1").mkdir(parents=True)
    first, second = artifacts.keep([FAILED], tmp_path), artifacts.keep([FAILED], tmp_path)
    assert first[0].parent.name == "2026-11-24T10-00-09Z"
    assert second[0].parent.name == "2026-11-24T10-00-09Z-2"
    assert all(path.exists() for path in (*first, *second))
    assert list((tmp_path / "smoke/2026-11-24T10-00-09Z-1").iterdir()) == []


@pytest.mark.usefixtures("clock")
def test_last_ten_stay(tmp_path: Path) -> None:
    """The oldest folders go, by the time in their names and then by number; folders with other names stay."""
    runs = tmp_path / "smoke"
    older = [f"2026-11-24T09-00-{second:02}Z" for second in range(8)]
    numbered = [f"2026-11-24T09-30-00Z{number}" for number in ("", "-2", "-10")]
    foreign = ["notes", "2026-11-24", "2026-11-24T09-00-00Z-old", "x2026-11-24T09-00-00Z"]
    for name in (*older, *numbered, *foreign):
        (runs / name).mkdir(parents=True)
        (runs / name / "multi.json").write_text("{}")
    (runs / "2026-01-01T00-00-00Z").write_text("a file")
    (runs / "2026-01-01T00-00-01Z").symlink_to(tmp_path)
    artifacts.keep([FAILED], tmp_path)
    assert {path.name for path in runs.iterdir()} == {
        *older[2:],
        *numbered,
        *foreign,
        "2026-01-01T00-00-00Z",
        "2026-01-01T00-00-01Z",
        "2026-11-24T10-00-09Z",
    }


def test_crash_before_the_end_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a folder cannot be written completely, it does not appear, and its draft is removed."""

    def crash(_path: Path, _data: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", crash)
    with pytest.raises(KeyboardInterrupt):
        artifacts.keep([FAILED], tmp_path)
    assert list((tmp_path / "smoke").iterdir()) == []


def test_clean_removes_drafts_alone(tmp_path: Path) -> None:
    """Half-written folders of a killed run are removed; complete folders stay."""
    kept = artifacts.keep([FAILED], tmp_path)
    draft = tmp_path / "smoke/.draft-x"
    draft.mkdir()
    (draft / "multi.json").write_text("{")
    assert artifacts.clean(tmp_path) == 1
    assert not draft.exists()
    assert all(path.exists() for path in kept)
    assert artifacts.clean(tmp_path) == 0
    assert artifacts.clean(tmp_path / "nowhere") == 0


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in the place of the folder is an error on one line, which names the setting."""
    (tmp_path / "reports").write_text("")
    with pytest.raises(SettingsError, match=r"smoke cannot be written: .*reports\.directory") as caught:
        artifacts.keep([FAILED], tmp_path / "reports")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("clock")
def test_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure in the middle of writing is an error, too, and leaves no draft."""

    def full(_path: Path, _data: bytes) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SettingsError, match=r"smoke cannot be written: No space left on device"):
        artifacts.keep([FAILED], tmp_path)
    assert list((tmp_path / "smoke").iterdir()) == []
