"""Runs the service as `compose.yaml` limits it: a Redis, an API and two workers, in containers of its own.

The API is asked at the container's own address, so the engine must be on this machine.
"""

from __future__ import annotations

import http.client
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighbridge.build import bases
from weighbridge.engine import docker_cli
from weighbridge.engine.client import connect
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.errors import BUILD_FIRST, EngineFault, NoSuchImage
from weighbridge.settings import yaml_syntax
from weighbridge.settings.project import Settings

PORT = 8000
VARIANT = "multi"
"""What is measured."""
WORKERS = ("worker-1", "worker-2")
_MEMORY = Path(__file__).with_name("memory.py")
_START_SECONDS = 60.0


@dataclass(slots=True)
class ServiceStack:
    """The running service; `name` begins the names of all containers."""

    name: str
    client: BuildClient
    host: str
    image: str
    address: str = ""
    """Of the API. It may be another one after a kill."""
    port: int = PORT

    def docker(self, *words: str, code: str | None = None) -> str:
        """Run the engine's client, and return what it prints.

        Raises:
            EngineFault: It failed.
        """
        environment = dict(self.client.build_environment(self.host))
        command = [str(self.client.path), *words]
        done = subprocess.run(command, env=environment, input=code, capture_output=True, text=True, check=False)
        if done.returncode:
            raise EngineFault(f"docker {words[0]} failed: {done.stderr.strip()[-300:]}")
        return done.stdout.strip()

    def measure_memory(self, role: str) -> int:
        """Return the bytes of memory that the processes of a container have."""
        words = ("exec", "--interactive", f"{self.name}-{role}", "python", "-")
        return int(self.docker(*words, code=_MEMORY.read_text(encoding="utf-8")))

    def kill(self, role: str) -> None:
        """End a container as a lack of memory would, and start it again, as `restart` in compose.yaml does."""
        self.docker("kill", "--signal", "KILL", f"{self.name}-{role}")
        self.docker("start", f"{self.name}-{role}")
        self.find_address()

    def find_address(self) -> None:
        """Find out where the API is."""
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        self.address = self.docker("inspect", "--format", form, f"{self.name}-api")

    def was_short_of_memory(self) -> bool:
        """Return whether the kernel has ended a process of any container for want of memory."""
        roles = (f"{self.name}-{role}" for role in ("redis", "api", *WORKERS))
        return "true" in self.docker("inspect", "--format", "{{.State.OOMKilled}}", *roles).split()

    def count_locked(self) -> int:
        """Return how many lines of the logs say that the database is locked."""
        logs = (self.docker("logs", f"{self.name}-{role}") for role in ("api", *WORKERS))
        return sum(text.count("database is locked") for text in logs)

    def wait(self) -> None:
        """Wait until the API is ready.

        Raises:
            EngineFault: It is not, in a minute.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not _is_ready(self.address):
            if time.monotonic() > deadline:
                raise EngineFault(
                    f"The API does not answer at {self.address}", advice="Run this on the engine's own machine."
                )
            time.sleep(0.1)


@contextmanager
def run_service(settings: Settings, project: Path) -> Iterator[ServiceStack]:
    """Run the service from this repository's image until the block ends; then remove all of it, whatever happened.

    Raises:
        NoSuchImage: The variant is not built.
        EngineError: There is no engine, no Redis image, or the service does not start.
    """
    image = settings.name_image(VARIANT)
    with connect() as engine:
        if not engine.has_image(image):
            raise NoSuchImage(f"The engine has no image {image}", advice=BUILD_FIRST)
        redis = bases.find_base_image(engine, "redis", settings.bases.redis).reference
        host = engine.host
    document: Any = yaml_syntax.read_compose(project / "compose.yaml")
    worker = document["services"]["worker"]
    stack = ServiceStack(f"weighbridge-bench-{secrets.token_hex(4)}", docker_cli.find(), host, image)
    name = stack.name
    commands = dict.fromkeys(WORKERS, worker["command"])
    environment = ["--env", f"REDIS_URL=redis://{name}-redis:6379/0", "--env", "LOG_LEVEL=WARNING"]
    application = ["--volume", f"{name}:/data", *environment, image]
    try:
        stack.docker("network", "create", name)
        stack.docker("run", "--detach", *_confine(stack, "redis", worker), redis)
        for role in ("api", *WORKERS):
            stack.docker("run", "--detach", *_confine(stack, role, worker), *application, *commands.get(role, ()))
        stack.find_address()
        stack.wait()
        yield stack
    finally:
        for words in (
            ("rm", "--force", "--volumes", *(f"{name}-{role}" for role in ("redis", "api", *WORKERS))),
            ("network", "rm", name),
            ("volume", "rm", name),
        ):
            with suppress(EngineFault):
                stack.docker(*words)


def _confine(stack: ServiceStack, role: str, worker: Mapping[str, Any]) -> list[str]:
    """Return the options of a container, with the limits of compose.yaml."""
    memory, name = str(worker["mem_limit"]), f"{stack.name}-{role}"
    options = ["--name", name, "--network", stack.name, "--init", "--memory", memory, "--memory-swap", memory]
    options += ["--pids-limit", str(worker["pids_limit"]), "--log-opt", "max-size=10m"]
    if role == "redis":
        return options
    return [*options, "--read-only", "--cap-drop", "ALL", "--tmpfs=/tmp:mode=1777,size=64m"]


def _is_ready(address: str) -> bool:
    connection = http.client.HTTPConnection(address, PORT, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
