"""The settings are checked without an engine, and what they amount to is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
STACK = """
services:
  web: {build: ., command: "uvicorn shop:app", depends_on: {migrate: {condition: service_completed_successfully}}}
  jobs: {build: ., command: "celery --app shop.jobs worker", depends_on: [web, db]}
  migrate: {build: ., command: "alembic upgrade head", depends_on: [db]}
  db: {image: "postgres:17"}
"""
OWN = """
repository: shop
roles: {web: {live: /live, ready: /ready}}
smoke: {compose: compose.yaml, profile: hardened, probes: [{rule: sells, steps: [{get: /prices}]}]}
budgets: {variants: {web: {shipped: 160 MB}}}
"""
TOLD = """\
Variants  shop:web
Roles     web (api), jobs (worker)
First     migrate
Services  db (postgres:17)
Probes    sells
Profile   hardened
Budgets   web
"""


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder; no engine can be reached."""
    words = [sys.executable, "-B", "-m", "weighbridge", "settings"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "DOCKER_HOST": "unix:///nope.sock"}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return the folder of an application with a compose file."""
    (tmp_path / "compose.yaml").write_text(STACK, encoding="utf-8")
    (tmp_path / "Dockerfile").write_text("FROM python:3.13-slim\n", encoding="utf-8")
    return tmp_path


def test_settings_and_compose_file_together(shop: Path) -> None:
    """The file's own settings, and what the compose file says besides, are listed as the smoke test uses them."""
    (shop / "weighbridge.yaml").write_text(OWN, encoding="utf-8")
    done = run(shop)
    assert (done.stderr, done.stdout, done.returncode) == ("", TOLD, 0)


def test_guesses_are_told(shop: Path) -> None:
    """What was guessed of the compose file is said on standard error, with the setting that changes it."""
    done = run(shop)
    assert done.returncode == 0
    assert "Budgets   none\n" in done.stdout
    assert "roles.web.live" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("smoke: {usr: 1}\n", "error: weighbridge.yaml: smoke.usr: there is no such setting; "),
        ("budgets: {variants: {wbe: {shipped: 1 MB}}}\n", "error: weighbridge.yaml: budgets: wbe is no variant: "),
    ],
    ids=["misspelt", "unfitting"],
)
def test_wrong_settings(shop: Path, text: str, said: str) -> None:
    """Settings with a wrong key, or that do not fit together, end with one line and exit code 2."""
    (shop / "weighbridge.yaml").write_text(text, encoding="utf-8")
    done = run(shop)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(said)


def test_no_settings(tmp_path: Path) -> None:
    """Where there is nothing to check, the command does not say that all is well."""
    assert run(tmp_path).returncode == 2
