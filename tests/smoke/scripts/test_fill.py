"""The script that fills a file system, on small file systems that the test makes."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.scripts import run
from weighbridge.smoke.scripts import fill

MOUNT = ["unshare", "--user", "--map-root-user", "--mount"]
STEPS = """
import json, os, subprocess, sys
folder, size, source = sys.argv[1:]
subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', folder], check=True)
def run(*words):
    done = subprocess.run([sys.executable, '-I', '-S', '-c', source, *words], capture_output=True, text=True)
    return json.loads(done.stdout)
def write():
    try:
        with open(folder + '/other', 'wb', buffering=0) as file:
            return file.write(b'x')
    except OSError as error:
        return error.errno
print(json.dumps([run(folder), write(), os.listdir(folder), run('--free', folder), write(), os.listdir(folder)]))
"""


def steps(folder: Path, size: str) -> list[object]:
    """Return the results of these steps on a file system of that size: fill, write, list, free, write, list."""
    if not shutil.which("unshare") or subprocess.run([*MOUNT, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount")
    source = Path(fill.__file__).read_text(encoding="utf-8")
    command = [*MOUNT, sys.executable, "-c", STEPS, str(folder), size, source]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    told: list[object] = json.loads(done.stdout)
    return told


def test_full_to_the_last_byte(tmp_path: Path) -> None:
    """After filling, not one byte can be written; once the file is removed, everything can."""
    full, written, listed, freed, again, rest = steps(tmp_path, "3m")
    assert full == freed == {"bytes": 3 * 1024 * 1024}
    assert isinstance(listed, list)
    assert (written, sorted(listed)) == (errno.ENOSPC, [".weighbridge-fill", "other"])
    assert (again, rest) == (1, ["other"])


def test_disk_that_is_too_large(tmp_path: Path) -> None:
    """A file system with a lot of free space is not touched."""
    full, written, listed, freed, *_ = steps(tmp_path, "100m")
    assert full == {"error": f"{tmp_path} has 100 MiB free: only a file system with up to 64 MiB free is filled"}
    assert (written, listed, freed) == (1, ["other"], {"bytes": 0})


def test_free_without_a_file(tmp_path: Path) -> None:
    """It is no error if there is nothing to remove."""
    assert run(fill, "--free", str(tmp_path)) == {"bytes": 0}


@pytest.mark.parametrize("option", [[], ["--free"]])
def test_no_such_folder(tmp_path: Path, option: list[str]) -> None:
    """To fill a folder that does not exist is an error in words; to free it does nothing."""
    told = run(fill, *option, str(tmp_path / "nowhere"))
    assert told == {"bytes": 0} if option else "No such file" in told["error"]


def test_disk_that_gives_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Filling ends even if a file system never becomes full, as one that compresses might not."""
    monkeypatch.setattr(fill, "_MOST_BYTES", 4096)
    with (tmp_path / "x").open("wb") as file:
        fill.write_until_full(file.fileno(), b"x" * 1024)
    assert (tmp_path / "x").stat().st_size == 9 * 1024
