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


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_whole_output() -> None:
    """As `python -c` without site-packages, it prints what was seen as one JSON object."""
    source = Path(probe.__file__).read_text(encoding="utf-8")
    done = subprocess.run([sys.executable, "-I", "-S", "-c", source], capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    assert set(seen) == {"processes", "root_is_read_only", "writes"}
    assert len(seen["processes"]) > 0
    assert set(seen["processes"][0]) == {"name", "has_capabilities", "no_new_privileges"}
    assert "/" in seen["writes"]
