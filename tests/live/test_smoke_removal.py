"""Whatever ends a smoke run, its things go, now or with the next run, and nobody else's do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import docker.errors
import pytest

from tests.live.images import Standins, prove
from tests.live.users import users_things
from weighbridge.engine.client import DockerEngine
from weighbridge.model.container import ContainerSpec
from weighbridge.settings.project import Settings
from weighbridge.smoke.stack import runs
from weighbridge.smoke.stack.runs import KEPT_LABEL, RUN_LABEL, Run, begin

pytestmark = pytest.mark.engine

PROJECT = Path(__file__).parents[2]
SCRIPT = """
import json, signal, sys
from tests.live.images import prove
from tests.support.fakes import Told
from weighbridge.engine.client import connect
from weighbridge.settings.project import check

class Telling(Told):
    def end_rule(self, variant, check):
        print(check.role, check.rule, check.ok, check.detail, flush=True)

# A shell that starts this in the background would have it ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
options = json.loads(sys.argv[1])
with connect() as found:
    (proof,) = prove(found, check(options["settings"]), options["redis"], "good", watcher=Telling())
sys.exit(0 if proof.ok else 7)
"""


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the tests' runs apart from the user's; the processes that they start see the same cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@dataclass
class Started:
    """A smoke run in a process of its own."""

    process: subprocess.Popen[str]

    def read_until(self, rule: str) -> str:
        """Wait until a rule held and return its detail."""
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith(f"{rule} True "):
                return line.removeprefix(f"{rule} True ").strip()
        raise AssertionError(f"the run ended before {rule}")

    def run_id(self) -> str:
        """Wait for the API and return the id of the run that its name holds."""
        name, *_ = self.read_until("api starts").split(";")  # after it, limits that this engine does not enforce
        return name.removeprefix("weighbridge-").removesuffix("-api")

    def end(self) -> tuple[int, str]:
        """Wait for the end and return exit code and error output."""
        _, error = self.process.communicate(timeout=60)
        return self.process.returncode, error


def start(settings: Settings, redis: str) -> Started:
    """Start a smoke run."""
    options = json.dumps({"settings": settings.model_dump(mode="json", exclude_defaults=True), "redis": redis})
    command = [sys.executable, "-c", SCRIPT, options]
    return Started(
        subprocess.Popen(
            command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
        )
    )


@pytest.fixture
def started(images: Standins) -> Iterator[list[Started]]:
    """Return two smoke runs on the way, which are waited for at the end."""
    runs = [start(images.settings(), images.redis) for _ in range(2)]
    with ExitStack() as stack:
        for run in runs:
            stack.enter_context(run.process)
        yield runs


def test_two_runs_at_once_do_not_meet(engine: DockerEngine, started: list[Started]) -> None:
    """Both pass, a sweep in between takes nothing from them, and nothing is left."""
    ids = {each.run_id() for each in started}
    assert len(ids) == 2
    swept = runs.sweep(engine)
    ends = [each.end() for each in started]
    assert [code for code, _ in ends] == [0, 0], ends
    assert swept == 0, ends
    assert not ids & engine.list_label_values(RUN_LABEL)


@pytest.mark.parametrize("rules", [("image has-python", "api starts"), ("stack redis-starts", "worker starts")])
def test_interruption_leaves_nothing(engine: DockerEngine, started: list[Started], rules: tuple[str, str]) -> None:
    """Ctrl-C, impatiently pressed again, and a polite stop end the run as they should, after it has cleaned up."""
    first, second = started
    first.read_until(rules[0])
    first.process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    first.process.send_signal(signal.SIGINT)
    second.read_until(rules[1])
    second.process.send_signal(signal.SIGTERM)
    code, error = first.end()
    assert code == -signal.SIGINT
    assert "KeyboardInterrupt" in error.splitlines()  # another press may come while Python ends, which then says so
    assert second.end()[0] == 128 + signal.SIGTERM
    assert not own_runs(engine)


def test_second_press_ends_what_hangs(engine: DockerEngine, images: Standins) -> None:
    """While a command in a container takes its time, the first Ctrl-C waits for it and the second does not."""
    settings = images.settings()
    worker = settings.get_worker("worker").model_copy(update={"slow_job": ("sleep", "25")})
    run = start(settings.model_copy(update={"roles": {**settings.roles, "worker": worker}}), images.redis)
    with run.process as process:
        wait_for_command(engine, "client", "sleep 25")
        process.send_signal(signal.SIGINT)
        time.sleep(1.5)
        assert process.poll() is None
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        code, error = run.end()
    assert code == -signal.SIGINT
    assert "KeyboardInterrupt" in error.splitlines()
    assert time.monotonic() - began < 10
    assert not own_runs(engine)


def test_users_container_on_a_runs_network(engine: DockerEngine, images: Standins) -> None:
    """What it holds stays and is named; the rest goes at once, the next runs pass, and all goes when it has gone."""
    run, told = Run(f"{own_name()}-1-00000000", keep=False), list[str]()
    engine.create_network(run.name, run.labels)
    engine.create_volume(run.name, run.labels)
    spec = ContainerSpec(name=f"{run.name}-api", image=images.redis, network=run.name, labels=run.labels)
    engine.start(engine.create_container(spec).id)
    users = engine.create_container(ContainerSpec(name=f"mine-{run.name}", image=images.redis, network=run.name)).id
    engine.start(users)
    try:
        began = time.monotonic()
        assert runs.sweep(engine, told.append) == 2, "the run's container and its volume"
        assert told == [f"Left network {run.name}: container mine-{run.name} uses it."]
        assert runs.clean(engine, told.append) == 0
        assert time.monotonic() - began < 5
        assert engine.read_state(users).running
    finally:
        engine._api.remove_container(users, force=True)
    assert runs.sweep(engine) == 1
    assert not own_runs(engine)


def test_killed_run_is_swept(engine: DockerEngine, images: Standins, started: list[Started]) -> None:
    """What a run leaves at SIGKILL goes with the next sweep; a live run's and the user's own things stay."""
    killed, alive = started
    run = killed.run_id()
    killed.process.kill()
    killed.process.wait()
    kept = alive.run_id()
    assert {run, kept} <= engine.list_label_values(RUN_LABEL)
    containers = engine._api.containers(all=True, filters={"label": f"{RUN_LABEL}={run}"})
    assert len(containers) >= 3, "the service, the client and at least one role"
    with users_things(engine, images.redis) as things:
        assert runs.sweep(engine) == len(containers) + 2, "the containers, the network and the volume"
        assert runs.sweep(engine) == 0
        assert things.are_there()
    assert run not in engine.list_label_values(RUN_LABEL)
    assert kept in engine.list_label_values(RUN_LABEL)
    assert alive.end()[0] == 0


def test_kept_run_stays_until_clean(engine: DockerEngine, images: Standins) -> None:
    """A kept run survives its end and the next sweep; the commands to look into it are listed; clean removes it."""
    settings = images.settings()
    prove(engine, settings, images.redis, "dies", keep=True)
    (run,) = own_runs(engine)
    try:
        assert runs.sweep(engine) == 0
        assert run in engine.list_label_values(KEPT_LABEL)
        told = runs.list_kept_commands(engine)
        assert f"docker logs weighbridge-{run}-api" in told
        assert told[-1] == "invoke clean"
    finally:
        removed = runs.clean(engine)
    assert removed == 6, "four containers, the network and the volume"
    assert runs.list_kept_commands(engine) == ()
    assert not own_runs(engine)


def wait_for_command(engine: DockerEngine, role: str, command: str) -> None:
    """Wait until a command runs in a container of this test's runs: a signal before that would end the run at once."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        names = [f"weighbridge-{run}-{role}" for run in own_runs(engine)]
        with suppress(docker.errors.APIError):  # not there yet, or not yet started
            if any(command in row[-1] for name in names for row in engine._api.top(name)["Processes"]):
                return
        time.sleep(0.05)
    raise AssertionError(f"{command} did not begin to run")


def own_runs(engine: DockerEngine) -> set[str]:
    """Return the runs of this test's cache folder of which the engine has anything."""
    return {run for run in engine.list_label_values(RUN_LABEL) if run.startswith(own_name())}


def own_name() -> str:
    """Return how the ids of this test's runs begin."""
    with begin(keep=False) as run:
        return run.id.partition("-")[0]
