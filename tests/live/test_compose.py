"""`compose.yaml` builds and ends healthy, with the plug-in and with the stand-alone program."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from weighbridge.build.bases import BaseImage, tell_compose
from weighbridge.engine.subnets import choose_subnet

pytestmark = pytest.mark.engine

PROJECT = Path(__file__).parents[2]
_OF_THE_FILE = {"PYTHON_IMAGE", "REDIS_IMAGE", "REDIS_PASSWORD", "WEIGHBRIDGE_CA_BUNDLE"}
"""Variables that would hide those that we write."""
PROGRAMS = {"plug-in": ("docker", "compose"), "stand-alone": ("docker-compose",)}


@pytest.fixture(params=PROGRAMS)
def compose(
    request: pytest.FixtureRequest, python_base: BaseImage, redis_base: BaseImage, tmp_path: Path
) -> Iterator[list[str]]:
    """Compose v2, on a project of the test's own with a port and a subnet of its own; removed at the end.

    The subnet is named because an engine's address pools may be used up, which Compose, unlike us, does not mend.
    """
    program = PROGRAMS[request.param]
    if not shutil.which(program[0]):
        pytest.skip(f"{program[0]} is not there")
    probe = subprocess.run([*program, "version", "--short"], capture_output=True, text=True, check=False)
    if probe.returncode or not probe.stdout.lstrip("v").startswith(("2", "5")):
        pytest.skip(f"{' '.join(program)} is not there in version 2 or later")
    override = tmp_path / "override.yaml"
    network = {"default": {"ipam": {"config": [{"subnet": choose_subnet(())}]}}}
    override.write_text(json.dumps({"networks": network}), encoding="utf-8")
    tell_compose(tmp_path, (python_base, redis_base))
    variables = tmp_path / ".env"
    with variables.open("a", encoding="utf-8") as file:
        file.write(f"PORT={free_port()}\n")
    files = ["--file", str(PROJECT / "compose.yaml"), "--file", str(override), "--env-file", str(variables)]
    command = [*program, *files, "--project-name", f"weighbridge-test-{secrets.token_hex(4)}"]
    yield command
    run([*command, "down", "--volumes", "--timeout", "5"])


def free_port() -> int:
    """Return a port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run(command: list[str]) -> str:
    """Run Compose and return what it prints; a failure shows its last lines."""
    environment = {name: value for name, value in os.environ.items() if name not in _OF_THE_FILE}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    return done.stdout


def test_compose_builds_and_ends_healthy(compose: list[str]) -> None:
    """`build` completes, `up --wait` ends with three healthy after the migration, and the API is ready on its port."""
    run([*compose, "build", "backend"])
    run([*compose, "up", "--wait", "--wait-timeout", "90"])

    listed = run([*compose, "ps", "--format", "json"])
    rows = json.loads(listed) if listed.startswith("[") else [json.loads(line) for line in listed.splitlines()]
    port = run([*compose, "port", "backend", "8000"]).strip().rpartition(":")[2]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
        ready = json.load(answer)
    migration = run([*compose, "logs", "--no-log-prefix", "migrate"]).strip()
    stranger = run([*compose, "exec", "-T", "-e", "REDISCLI_AUTH=", "redis", "redis-cli", "ping"])

    assert {row["Service"]: row["Health"] for row in rows} == dict.fromkeys(["backend", "worker", "redis"], "healthy")
    assert ready["ready"] is True
    assert migration.endswith("The database has schema 0002")
    assert "NOAUTH" in stranger


def test_compose_uses_the_password(
    compose: list[str], python_base: BaseImage, redis_base: BaseImage, tmp_path: Path
) -> None:
    """Redis accepts the password that we write, and not the default; it becomes healthy with it."""
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(PROJECT / "compose.yaml", project)
    tell_compose(project, (python_base, redis_base))
    (password,) = re.findall("^REDIS_PASSWORD=(.+)$", (project / ".env").read_text(encoding="utf-8"), re.MULTILINE)
    compose = [*compose, "--env-file", str(project / ".env")]
    run([*compose, "up", "--wait", "--wait-timeout", "60", "redis"])
    answers = [
        run([*compose, "exec", "-T", "-e", f"REDISCLI_AUTH={each}", "redis", "redis-cli", "ping"]).strip()
        for each in (password, "weighbridge")
    ]
    configured = json.loads(run([*compose, "config", "--format", "json"]))["services"]

    assert answers[0] == "PONG"
    assert "NOAUTH" in answers[1]
    assert configured["worker"]["environment"]["REDIS_URL"] == f"redis://:{password}@redis:6379/0"
