"""A role of the service in a container of its own, within the memory that compose.yaml grants it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from weighbridge.build import bases, buildkit
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine

PROJECT = Path(__file__).parents[2]
_COUNT_KILLS = """
import pathlib
for name in ("memory.events", "memory.events.local", "memory/memory.oom_control", "memory.oom_control"):
    path = pathlib.Path("/sys/fs/cgroup") / name
    if path.is_file():
        print(dict(line.split() for line in path.read_text().splitlines())["oom_kill"])
        break
"""


@dataclass(frozen=True, slots=True)
class Limited:
    """The container."""

    name: str
    client: docker_cli.BuildClient
    engine: DockerEngine

    def docker(self, *words: str) -> str:
        """Run the client on the engine and return what it prints."""
        return docker(self.client, self.engine, *words).strip()

    def run_python(self, code: str) -> str:
        """Run code in the container, and return what it prints."""
        return self.docker("exec", self.name, "python", "-c", code)

    def find_fault(self) -> str:
        """Return why it did not fit into its memory, or nothing.

        The engine tells of a kill once the container has ended; of a kill inside one that goes on, its control group.
        """
        state = self.docker("inspect", "--format", "{{.State.Status}} {{.State.OOMKilled}}", self.name)
        if state != "running false":
            return state
        kills = self.run_python(_COUNT_KILLS)
        return "" if kills == "0" else f"{kills} processes killed"


def docker(client: docker_cli.BuildClient, engine: DockerEngine, *words: str) -> str:
    """Run the client on the engine and return what it prints."""
    environment = dict(client.build_environment(engine.host))
    done = subprocess.run([client.path, *words], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


@contextmanager
def build_image(
    engine: DockerEngine, client: docker_cli.BuildClient, python_base: bases.BaseImage, purpose: str
) -> Iterator[str]:
    """Build this repository's image under a name of its own, yield that, and remove it."""
    reference = f"weighbridge-test-{purpose}-{os.getpid()}:multi"
    wanted = buildkit.Build(
        variant="multi",
        reference=reference,
        context=PROJECT,
        dockerfile=PROJECT / "Dockerfile",
        target="multi",
        arguments={"PYTHON_IMAGE": python_base.reference},
    )
    buildkit.build(client, engine, wanted)
    try:
        yield reference
    finally:
        engine.remove_image(reference)


@contextmanager
def run_role(
    engine: DockerEngine, client: docker_cli.BuildClient, image: str, service: str, options: Sequence[str]
) -> Iterator[Limited]:
    """Run a service of compose.yaml with its command and its limits, and remove it.

    Args:
        engine: Where to run it.
        client: Runs it.
        image: Of which image.
        service: Its name in compose.yaml.
        options: Of `docker run`, besides the limits: where it finds others.
    """
    role = yaml.safe_load((PROJECT / "compose.yaml").read_text(encoding="utf-8"))["services"][service]
    memory, processes = str(role["mem_limit"]), str(role["pids_limit"])
    limits = ["--memory", memory, "--memory-swap", memory, "--pids-limit", processes]
    limits += ["--read-only", "--cap-drop", "ALL", "--tmpfs=/tmp:mode=1777,size=64m"]
    name = docker(client, engine, "run", "--detach", *limits, *options, image, *role.get("command", ())).strip()
    try:
        yield Limited(name, client, engine)
    finally:
        docker(client, engine, "rm", "--force", "--volumes", name)
