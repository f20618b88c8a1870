"""Whether an engine's folder seems open, in the words in which the readers would say why it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.model.engine import DataRoot
from weighbridge.sources.local.access import find_obstacle


def test_folder_that_is_open(tmp_path: Path) -> None:
    """Also one that a link leads to."""
    (tmp_path / "link").symlink_to(tmp_path)
    for path in (tmp_path, tmp_path / "link"):
        assert not find_obstacle(DataRoot(path=str(path), store="overlay2"))


@pytest.mark.parametrize(
    ("name", "reason"),
    [("nowhere", "No such file or directory"), ("file", "Not a directory"), ("loop", "symbolic links")],
)
def test_folder_that_is_not(tmp_path: Path, name: str, reason: str) -> None:
    """Whatever the system says."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert reason in find_obstacle(DataRoot(path=str(tmp_path / name), store="overlay2"))


def test_what_the_engine_says(tmp_path: Path) -> None:
    """It counts before anything is tried; in a containerd's folder only its readers know their way."""
    assert find_obstacle(DataRoot(path=str(tmp_path), store="overlay2", obstacle="it is far away")) == "it is far away"
    assert not find_obstacle(DataRoot(path=str(tmp_path / "nowhere"), store="containerd"))
