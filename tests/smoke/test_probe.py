"""The script that runs inside containers, run on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from weighbridge.smoke import probe


def test_written(tmp_path: Path) -> None:
    """A folder that takes a file is told, and the file does not stay."""
    assert probe.try_to_write(str(tmp_path)) == "written"
    assert not list(tmp_path.iterdir())


def test_error_is_named(tmp_path: Path) -> None:
    """A folder that takes none is told by the name of the error."""
    assert probe.try_to_write(str(tmp_path / "missing")) == "ENOENT"


def test_mounts_where_files_may_belong(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's own folders are left out, not those whose names only begin like them."""
    folders = ("/", "/proc", "/proc/acpi", "/sys/fs", "/dev/shm", "/developer", "/sysdata", "/a/dev")  # noqa: S108
    lines = "".join(f"1 2 0:3 / {folder} {'ro' if folder == '/' else 'rw'},noatime - x y z\n" for folder in folders)
    monkeypatch.setattr(Path, "read_text", lambda _, encoding: lines if encoding else "")
    monkeypatch.setattr(Path, "is_dir", lambda _: True)
    assert probe.mounts() == {"/": True, "/developer": False, "/sysdata": False, "/a/dev": False}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_whole_output() -> None:
    """As `python -c` without site-packages, it prints what was seen as one JSON object."""
    source = Path(probe.__file__).read_text(encoding="utf-8")
    done = subprocess.run([sys.executable, "-I", "-S", "-c", source], capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    assert set(seen) == {"processes", "root_is_read_only", "writes"}
    assert len(seen["processes"]) > 0
    assert set(seen["processes"][0]) == {"pid", "name", "uids", "has_capabilities", "no_new_privileges"}
    assert len(seen["processes"][0]["uids"]) == 4
    assert "/" in seen["writes"]
