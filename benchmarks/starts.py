"""Starts an image in one role at a time, and measures the seconds until it serves and its memory at idle.

A container is confined as in `invoke smoke`, has a new volume, and only Redis beside it. Its health check is switched
off, because it would slow down the start of those images that have one. The start is the moment that the engine
reports. An API serves when `/livez` answers 200; it is asked every 2 ms at the container's own address. A worker serves
when its log says `ready`, at the engine's time of that line. All times come from one clock, because the engine is on
this machine.
"""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal, assert_never

from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import Engine
from weighbridge.errors import EngineFault
from weighbridge.model.container import ContainerSpec
from weighbridge.model.scan import ScannedImage
from weighbridge.settings.project import Settings
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import services
from weighbridge.smoke.stack import runs, signals
from weighbridge.smoke.stack.blueprint import Blueprint
from weighbridge.smoke.stack.cast import Cast, use_alone
from weighbridge.smoke.stack.containers import Stack, run_stack
from weighbridge.smoke.stack.observations import Observations
from weighbridge.smoke.stack.runs import Run

RoleName = Literal["api", "worker"]
ROLES: tuple[RoleName, ...] = ("api", "worker")
READY = " ready."
"""The end of Celery's message when a worker begins to take jobs."""
IDLE_SECONDS = 2.0
"""How long a role is idle before its memory is read."""
MEMORY = Path(__file__).with_name("memory.py")
_POLL_SECONDS = 0.002
_ANSWER_SECONDS = 1.0
_LOOK_SECONDS = 1.0
_LABEL = "weighbridge.bench"
_SEE_LOG = "See its log above."
_ON_ENGINE = "See its log above. Run this command on the engine's own machine, where containers can be reached."


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start of one role."""

    seconds: float
    """From the container's start until the role serves."""
    memory_bytes: int
    """Resident memory of all its processes at idle; see `memory.py`."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A network with Redis in it, on which images are started."""

    stack: Stack
    client: BuildClient

    def start(self, image: str, role: RoleName) -> Start:
        """Start a role from an image, wait until it serves and is idle, read its memory, and remove the container.

        Raises:
            EngineFault: The role does not serve in time, or ends; the detail is the end of its log.
        """
        own = Run(f"{self.stack.run.id}-{secrets.token_hex(4)}", keep=False)
        blueprint = replace(self.stack.blueprint, cast=_cast(image), run=own)
        stack = replace(self.stack, blueprint=blueprint, observed=Observations())
        try:
            created = stack.engine.create_container(_make_spec(stack, role, self.stack.run))
            stack.engine.start(created.id)
            began, address = self._read_begin(created.id)
            if not address:  # it has ended already
                _check(stack, role, in_time=False)
            ended = self._await_role(stack, role, address)
            self._rest()
            return Start(seconds=ended - began, memory_bytes=_read_memory_bytes(stack, role))
        finally:
            stack.engine.remove_labelled(f"{_LABEL}={own.id}")

    def _await_role(self, stack: Stack, role: RoleName, address: str) -> float:
        """Wait until a role serves, and return when that was, in seconds since the epoch."""
        match role:
            case "api":
                return self._await_api(stack, address)
            case "worker":
                return self._await_worker(stack)
            case _:
                assert_never(role)

    def _read_begin(self, container: str) -> tuple[float, str]:
        """Return the start of a container in seconds since the epoch, and its address, empty if it has ended."""
        words = "{{.State.StartedAt}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        started, _, address = self._run_docker("inspect", "--format", words, container).strip().partition(" ")
        return _parse_time(started), address

    def _await_api(self, stack: Stack, address: str) -> float:
        port = stack.settings.get_api("api").port
        return _poll(stack, "api", _POLL_SECONDS, lambda: time.time() if _is_answering(address, port) else None)

    def _await_worker(self, stack: Stack) -> float:
        _poll(stack, "worker", 0.1, lambda: 1.0 if READY in stack.read_log("worker", 1000) else None)
        lines = self._run_docker("logs", "--timestamps", stack.build_name("worker")).splitlines()
        line = next((line for line in lines if READY in line), None)
        if line is None:  # the line is on standard error, which the client keeps separate
            raise EngineFault("The worker's `ready` is not on its standard output", advice=_SEE_LOG)
        return _parse_time(line.split()[0])

    def _run_docker(self, *words: str) -> str:
        """Run the command-line client for times and addresses, which our own engine client does not offer."""
        environment = self.client.build_environment(self.stack.engine.host)
        done = subprocess.run([self.client.path, *words], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise EngineFault(f"`docker {words[0]}` failed: {done.stderr.strip()}")
        return done.stdout

    def _rest(self) -> None:
        until = time.monotonic() + IDLE_SECONDS
        while time.monotonic() < until:
            self.stack.interruption.pause()


@contextmanager
def set_up_stage(
    engine: Engine, client: BuildClient, settings: Settings, redis: str, note: Callable[[str], None]
) -> Iterator[Stage]:
    """Set up the network and Redis; remove all containers, networks and volumes at the end, also after Ctrl-C.

    Raises:
        EngineFault: Redis does not start.
    """
    runs.sweep(engine, note)
    with signals.defer() as interruption, runs.begin(keep=False) as run:
        blueprint = Blueprint(settings=settings, cast=_cast(""), services={"redis": redis}, run=run)
        stack = Stack(engine=engine, blueprint=blueprint, interruption=interruption)
        with run_stack(stack, note):
            try:
                services.starts(stack, "redis")
            except CheckFailed as error:
                raise EngineFault(f"Redis did not start: {error}", advice="Look into the engine's log.") from error
            yield Stage(stack, client)


def _cast(image: str) -> Cast:
    """Return a cast in which all roles run from an image, of which nothing else is known."""
    return use_alone(image, ScannedImage(reference=image, image_id=image, platform=""))


def _make_spec(stack: Stack, role: RoleName, run: Run) -> ContainerSpec:
    """Return the specification of a role's container. Its volume is new, because the first user becomes the owner.

    Both belong to `run`, whose network the container joins, and by their own label also to this one start.
    """
    labels, volume = {**run.labels, _LABEL: stack.run.id}, stack.run.name
    stack.engine.create_volume(volume, labels)
    settings = stack.get_role(role)
    return ContainerSpec(
        name=stack.build_name(role),
        image=stack.blueprint.cast.name,
        network=run.name,
        command=settings.command or (),
        environment={**stack.settings.smoke.environment, **settings.environment},
        labels=labels,
        volumes={volume: "/data"},
        health_command=("NONE",),
        cpus=stack.settings.smoke.cpus,
    )


def _poll(stack: Stack, role: str, pause: float, ask: Callable[[], float | None]) -> float:
    """Call `ask` until it returns an answer, and return that; check once a second that the container still runs."""
    looked = time.monotonic()
    deadline = looked + stack.settings.smoke.timeout_seconds
    while (answer := ask()) is None:
        time.sleep(pause)
        stack.interruption.check()
        if time.monotonic() - looked > _LOOK_SECONDS:
            looked = time.monotonic()
            _check(stack, role, in_time=looked < deadline)
    return answer


def _check(stack: Stack, role: str, *, in_time: bool) -> None:
    state, log = stack.read_state(role), stack.read_log(role)
    if not state.running:
        raise EngineFault(
            f"{stack.blueprint.cast.name}: the {role} ended with code {state.exit_code}", advice=_SEE_LOG, detail=log
        )
    if not in_time:
        raise EngineFault(
            f"{stack.blueprint.cast.name}: the {role} does not serve in time", advice=_ON_ENGINE, detail=log
        )


def _is_answering(address: str, port: int) -> bool:
    connection = http.client.HTTPConnection(address, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _parse_time(time_of_engine: str) -> float:
    """Parse the engine's time, such as `2026-11-24T10:00:00.123456789Z`, into seconds since the epoch."""
    return datetime.fromisoformat(time_of_engine).timestamp()


def _read_memory_bytes(stack: Stack, role: str) -> int:
    command = ("python", "-I", "-S", "-c", MEMORY.read_text(encoding="utf-8"))
    result = stack.engine.execute(stack.build_name(role), command)
    if result.code:
        why = (result.streams.errors or result.streams.output).strip()
        raise EngineFault(f"{stack.blueprint.cast.name}: the memory of the {role} cannot be read: {why}")
    return int(json.loads(result.streams.output))
