"""The script that adds up a folder's files, beside what `du` says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.scripts import run
from weighbridge.smoke.scripts import usage


def du(folder: Path) -> int:
    """Return what `du` counts below a folder, without the folder itself."""
    words = ["du", "--summarize", "--block-size=1", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0]) - folder.lstat().st_blocks * 512


def test_as_du_counts(tmp_path: Path) -> None:
    """Hard links count once, a sparse file by its blocks, a symbolic link not by its target."""
    folder = tmp_path / "data"
    (folder / "deep/er").mkdir(parents=True)
    (folder / "a").write_bytes(b"x" * 100_000)
    (folder / "deep/b").hardlink_to(folder / "a")
    (folder / "deep/er/c").write_bytes(b"y")
    (tmp_path / "outside").write_bytes(b"z" * 500_000)
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "deep/link").symlink_to(folder, target_is_directory=True)
    with (folder / "sparse").open("wb") as file:
        file.truncate(10**9)
    found = run(usage, str(folder))
    assert found == {"bytes": du(folder), "files": 3}
    assert 100_000 <= found["bytes"] < 500_000


def test_empty_and_missing_folder(tmp_path: Path) -> None:
    """Where there is nothing, nothing is counted."""
    assert run(usage, str(tmp_path)) == {"bytes": 0, "files": 0}
    assert run(usage, str(tmp_path / "none")) == {"bytes": 0, "files": 0}


@pytest.mark.parametrize("count", [3, 4])
def test_limit_of_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Up to the limit, files are counted; one more gives an error instead of a sum."""
    monkeypatch.setattr(usage, "MOST_ENTRIES", 3)
    for number in range(count):
        os.mknod(tmp_path / str(number))
    told = {"bytes": 0, "files": 3} if count == 3 else {"error": f"{tmp_path} has more than 3 files and folders"}
    assert usage.measure(str(tmp_path)) == told
