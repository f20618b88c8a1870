"""What the wheel holds, and what the tools of Python's packaging say of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.package.conftest import build

PROJECT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
BESIDE_CODE = {
    "build/standins/debian.Dockerfile",
    "build/standins/python.Dockerfile",
    "build/standins/mariadb.Dockerfile",
    "build/standins/mariadb.sh",
    "build/standins/postgres.Dockerfile",
    "build/standins/postgres.sh",
    "build/standins/rabbitmq.Dockerfile",
    "build/standins/rabbitmq.sh",
    "build/standins/redis.Dockerfile",
    "py.typed",
    "render/html/d3-hierarchy.LICENSE",
    "render/html/d3-hierarchy.min.js",
    "render/html/report.html",
    "render/html/script.js",
    "render/html/style.css",
}
"""The package's files that are no Python: templates, stand-ins, and the mark of a typed package."""
pytestmark = pytest.mark.slow


def test_files(wheel: Path) -> None:
    """The wheel holds the package's modules, the few files beside them, and what every wheel has; nothing else."""
    paths = (path for path in (PROJECT / "weighbridge").rglob("*") if path.is_file() and path.suffix != ".pyc")
    listed = [path.relative_to(PROJECT).as_posix() for path in paths]
    about = f"weighbridge-{SETTINGS['project']['version']}.dist-info"
    records = {f"{about}/{name}" for name in ("METADATA", "WHEEL", "entry_points.txt", "licenses/LICENSE", "RECORD")}
    names = {*zipfile.ZipFile(wheel).namelist()}
    assert names == {*listed} | records
    assert {name.removeprefix("weighbridge/") for name in listed if not name.endswith(".py")} == BESIDE_CODE


def test_same_bytes_from_the_same_commit(wheel: Path, tmp_path: Path) -> None:
    """Another folder, another umask and another time give the same wheel."""
    source = tmp_path / "a copy"
    source.mkdir()
    for name in ("weighbridge", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copyfile
        copy(PROJECT / name, source / name)
    for path in source.rglob("*"):
        os.utime(path, (10**9, 10**9))
    before = os.umask(0o077)
    try:
        other = build(tmp_path / "out", source)
    finally:
        os.umask(before)
    assert other.name == wheel.name
    assert other.read_bytes() == wheel.read_bytes()


@pytest.mark.parametrize(
    "words",
    [
        ("twine", "check", "--strict"),
        ("check_wheel_contents",),
    ],
    ids=" ".join,
)
def test_tools_that_judge_a_wheel(wheel: Path, words: tuple[str, ...]) -> None:
    """The tools that people run before they publish find nothing."""
    done = subprocess.run([sys.executable, "-m", *words, str(wheel)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_tool_that_judges_pyproject() -> None:
    """pyproject.toml is as the standards want it."""
    words = [sys.executable, "-m", "validate_pyproject", "pyproject.toml"]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_metadata(wheel: Path) -> None:
    """The wheel needs few libraries; those of the bill of materials are an extra."""
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (name for name in opened.namelist() if name.endswith("/METADATA"))
        told = message_from_bytes(opened.read(name))
    needed = [each for each in told.get_all("Requires-Dist", []) if "extra ==" not in each]
    extra = {each.partition(">")[0] for each in told.get_all("Requires-Dist", []) if "extra == 'bom'" in each}
    assert len(needed) == len(SETTINGS["project"]["dependencies"]) <= 14
    assert extra == {"cyclonedx-python-lib", "packageurl-python"}
    assert told["Requires-Python"] == ">=3.11"
    assert told["License-Expression"] == "MIT"
