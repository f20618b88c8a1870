"""What a release is made of: its text, and the workflow that builds and publishes it."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
SCRIPT = PROJECT / ".github" / "release_notes.py"
WORKFLOW: dict[Any, Any] = yaml.safe_load((PROJECT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
CHANGELOG = """# Changelog

## Unreleased

- nothing yet

## 0.2.0 - 2026-12-01

### Added

- one thing

## [0.1.0]

- the first
"""


def load() -> ModuleType:
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("release_notes", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("version", "text"), [("0.2.0", "### Added\n\n- one thing"), ("0.1.0", "- the first")])
def test_section_of_a_version(version: str, text: str) -> None:
    """The release says what the changelog says of that version, and no more."""
    assert load().find_notes(f"v{version}", version, CHANGELOG) == text


@pytest.mark.parametrize(
    ("tag", "version", "words"),
    [
        ("v0.3.0", "0.2.0", "The tag is v0.3.0, and pyproject.toml has version 0.2.0."),
        ("0.2.0", "0.2.0", "The tag is 0.2.0, and "),
        ("v0.3.0", "0.3.0", "CHANGELOG.md says nothing of 0.3.0. "),
        ("v0.2", "0.2", "CHANGELOG.md says nothing of 0.2. "),
    ],
)
def test_release_that_does_not_fit(tag: str, version: str, words: str) -> None:
    """A tag of another version, or a version without text, stops the release."""
    with pytest.raises(SystemExit) as caught:
        load().find_notes(tag, version, CHANGELOG)
    assert str(caught.value).startswith(words)


def test_script_is_run_by_its_path() -> None:
    """Today's version has no section yet, and the script says so."""
    done = subprocess.run([sys.executable, str(SCRIPT), "v9.9.9"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("The tag is v9.9.9, and pyproject.toml has version ")


def test_least_permissions() -> None:
    """Only the job that publishes has an identity, and only the one that announces may write; both build nothing."""
    jobs = WORKFLOW["jobs"]
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "permissions" not in jobs["build"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["announce"]["permissions"] == {"contents": "write"}
    assert jobs["publish"]["environment"] == "release"
    assert all("run" not in step for step in jobs["publish"]["steps"])


def test_what_others_wrote_is_pinned() -> None:
    """Each action is pinned by a commit, with its version beside it, as in the other workflow."""
    lines = (PROJECT / ".github/workflows/release.yml").read_text(encoding="utf-8").splitlines()
    used = [line for line in lines if "uses:" in line]
    assert all(re.search(r"uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line) for line in used), used
    other = (PROJECT / ".github/workflows/weigh.yml").read_text(encoding="utf-8")
    action = (PROJECT / "action.yml").read_text(encoding="utf-8")
    for line in used:
        name, pin = line.partition("uses: ")[2].split("@")
        elsewhere = re.findall(rf"uses: {re.escape(name)}@(.*)", other + action)
        assert {*elsewhere} <= {pin}


def test_no_token_and_no_text_from_outside() -> None:
    """There is no secret to lose, and no expression stands in a script."""
    text = (PROJECT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    assert "secrets." not in text
    scripts = [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]
    assert scripts
    for script in scripts:
        assert "${{" not in script
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
