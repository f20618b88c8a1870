"""An engine of a few lines for the tests of smoke, and a stack on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn, cast

import pytest

from weighbridge.engine.protocol import Engine
from weighbridge.errors import EngineFault
from weighbridge.model.container import CommandResult, ContainerSpec, ContainerState, Created, SignalName, Streams
from weighbridge.model.scan import ScannedImage
from weighbridge.model.smoke import Check, Proof
from weighbridge.settings.project import Settings, check
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack.blueprint import Blueprint
from weighbridge.smoke.stack.cast import use_alone
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.runs import Run
from weighbridge.smoke.stack.signals import Interruption

RUNNING = ContainerState(
    status="running",
    health="healthy",
    health_output="",
    exit_code=0,
    out_of_memory=False,
)

WRITES = {"/": "EROFS", "/data": "written", "/tmp": "written"}  # noqa: S108 - in a container
PROCESS = {
    "pid": 1,
    "name": "python",
    "started": 100,
    "uids": [10001] * 4,
    "has_capabilities": False,
    "no_new_privileges": True,
}
SERVES = {"protocol": "tcp", "address": "0.0.0.0", "port": 8000}  # noqa: S104 - in a container


class FakeEngine:
    """Gives prepared answers; the last state stays."""

    warnings: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()
    outside: frozenset[int] = frozenset({10001})

    def __init__(
        self,
        *states: ContainerState,
        log: str = "",
        errors: str = "",
        outputs: Iterable[str | CommandResult | EngineFault] = (),
    ) -> None:
        self.states = [*states] or [RUNNING]
        self.text, self.errors, self.outputs = log, errors, [*outputs]
        self.started: list[str] = []
        self.removed: list[str] = []
        self.signals: list[str] = []
        self.commands: list[Sequence[str]] = []
        self.specs: list[ContainerSpec] = []
        self.volumes: dict[str, str] = {}
        self.changed: tuple[str, ...] = ()

    def create_container(self, spec: ContainerSpec) -> Created:
        """Note the spec."""
        self.specs.append(spec)
        return Created(id=spec.name, warnings=self.warnings)

    def create_volume(self, name: str, _labels: Mapping[str, str], options: Mapping[str, str] | None = None) -> None:
        """Note the volume and its options; if it has any, they are those of a tmpfs."""
        assert not options or (options["type"], options["device"]) == ("tmpfs", "tmpfs")
        self.volumes[name] = options["o"] if options else ""

    def start(self, container: str) -> None:
        """Note what is started, which must be what was created."""
        assert container in {spec.name for spec in self.specs}
        self.started.append(container)

    def has_image(self, reference: str) -> bool:
        """Tell whether the image is known."""
        return reference in self.known

    def read_state(self, _container: str) -> ContainerState:
        """Return the next state."""
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def read_log(self, _container: str, lines: int | None, *, times: bool = False) -> str:
        """Return the end of the log; every line is of the first second of 2026."""
        wanted = [*self.errors.splitlines(), *self.text.splitlines()][-(lines or 0) :]
        return "\n".join(f"2026-01-01T00:00:01Z {line}" if times else line for line in wanted)

    def read_streams(self, _container: str, lines: int | None) -> tuple[str, str]:
        """Return the end of what was written to standard output and to standard error."""
        output, errors = ("\n".join(text.splitlines()[-(lines or 0) :]) for text in (self.text, self.errors))
        return output, errors

    def execute(
        self,
        _container: str,
        command: Sequence[str],
        _seconds: float,
        on_line: Callable[[str], None] | None = None,
    ) -> CommandResult:
        """Return the next result, which may be a fault; a number in front of a standard output is the exit code."""
        self.commands.append(command)
        told = self.outputs.pop(0)
        if isinstance(told, EngineFault):
            raise told
        if isinstance(told, CommandResult):
            return told
        code, _, output = told.partition(" ")
        if on_line:
            for line in output.splitlines():
                on_line(line)
        return CommandResult(code=int(code), streams=Streams(output=output))

    def converse(self, _container: str, _command: Sequence[str]) -> NoReturn:
        """No program stays here."""
        raise EngineFault("not here")

    def list_changed_files(self, _container: str) -> tuple[str, ...]:
        """Return what the container has changed of its own file system."""
        return self.changed

    def list_users(self, _container: str) -> frozenset[int]:
        """Return who the processes run as, outside."""
        return self.outside

    def remove_container(self, container: str) -> bool:
        """Note what is removed."""
        self.removed.append(container)
        return True

    def send_signal(self, _container: str, name: SignalName) -> None:
        """Note the signal."""
        self.signals.append(name)


def stack_on(
    engine: object,
    api: Mapping[str, object] | None = None,
    worker: Mapping[str, object] | None = None,
    **smoke: object,
) -> Stack:
    """Return a stack on a fake, whose waits are short; the engine has the images of its services."""
    return stack_of(engine, settings(api, worker, **smoke))


def stack_of(engine: object, chosen: Settings, environment: Mapping[str, str] | None = None) -> Stack:
    """Return a stack of these settings on a fake; the engine has the images of its services."""
    blueprint = Blueprint(
        settings=chosen,
        cast=use_alone("good", contents(image_id="app:good", command=(), health_check=())),
        services={name: service.image for name, service in chosen.services.items()},
        run=Run("00000000-1-00000000", keep=False),
        environment=environment or {},
    )
    return Stack(engine=cast("Engine", engine), blueprint=blueprint, interruption=Interruption())


def with_image(stack: Stack, **changes: Any) -> Stack:
    """Return the same stack, whose image differs in these fields."""
    blueprint = stack.blueprint
    cast_ = use_alone("good", replace(blueprint.find_image("api"), **changes))
    return replace(stack, blueprint=replace(blueprint, cast=cast_))


def started(engine: FakeEngine, seconds: float = 5, **smoke: Any) -> Stack:
    """Return a stack whose services and roles have been started, with short time limits."""
    stack = stack_on(engine, timeout_seconds=seconds, **smoke)
    for kind in (*stack.services, "api", "worker"):
        stack.start(kind)
    return stack


def refused(rule: Callable[[], object]) -> str:
    """Return why a rule does not hold."""
    with pytest.raises(CheckFailed) as caught:
        rule()
    return str(caught.value)


def probed(**changes: object) -> FakeEngine:
    """Return an engine in whose container the probe sees, at each look, that all is well, but for the changes."""
    return FakeEngine(outputs=[seen_by_probe(**changes)] * 9)


def seen_by_probe(**changes: object) -> str:
    """Return what the probe prints, after its exit code."""
    facts = {
        "processes": [PROCESS],
        "root_is_read_only": True,
        "writes": WRITES,
        "listening": [SERVES],
        "memory_bytes": 1000,
        **changes,
    }
    return f"0 {json.dumps(facts)}"


def answered(*answers: tuple[int, object]) -> str:
    """Return what the script of requests prints of answers, each a status and JSON, after its exit code."""
    return f"0 {json.dumps([{'status': status, 'body': json.dumps(body)} for status, body in answers])}"


def contents(**changes: Any) -> ScannedImage:
    """Return an image that every rule on images lets pass, but for the changes."""
    good: dict[str, Any] = {
        "reference": "app:good",
        "image_id": "sha256:good",
        "platform": "linux/amd64",
        "user": "10001:10001",
        "command": ("uvicorn",),
        "health_check": ("CMD", "check"),
        "ports": ("8000/tcp",),
    }
    return ScannedImage(**{**good, **changes})


def settings(
    api: Mapping[str, object] | None = None, worker: Mapping[str, object] | None = None, **smoke: object
) -> Settings:
    """Return settings with limits of a hundredth of a second, and the profile that demands most."""
    return with_roles({"api": api or {}, "worker": worker or {}}, **smoke)


def with_roles(roles: Mapping[str, Mapping[str, object] | None], **smoke: object) -> Settings:
    """Return settings with these roles, whose limits are a hundredth of a second."""
    given = {name: role if role is None else {"grace_seconds": 0.01, **role} for name, role in roles.items()}
    chosen = {"profile": "hardened", "timeout_seconds": 0.01, **smoke}
    return check({"variants": {"good": {}}, "roles": given, "smoke": chosen})


def failed(code: int, *, output: str = "", errors: str = "") -> CommandResult:
    """Return the result of a command, with what it wrote to each of its streams."""
    return CommandResult(code=code, streams=Streams(output=output, errors=errors))


def exited(code: int, *, out_of_memory: bool = False) -> ContainerState:
    """Return the state of a container that ended."""
    return replace(RUNNING, status="exited", health="unhealthy", exit_code=code, out_of_memory=out_of_memory)


class Told:
    """Records the events that it receives."""

    def __init__(self) -> None:
        self.events: list[tuple[str, ...]] = []
        self.checks: list[Check] = []

    def begin_rule(self, variant: str, role: str, rule: str) -> None:
        """Note a rule that is being tried."""
        self.events.append(("began", variant, f"{role} {rule}"))

    def end_rule(self, variant: str, check: Check) -> None:
        """Note a rule that has been tried."""
        self.events.append(("checked", variant, check.title))
        self.checks.append(check)

    def end_variant(self, variant: str, proof: Proof) -> None:
        """Note that a variant is done."""
        self.events.append(("ended", variant, "passed" if proof.ok else "failed"))
