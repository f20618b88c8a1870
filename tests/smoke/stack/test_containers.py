"""What the containers of a stack are given, as Compose would give it to them."""

from __future__ import annotations

from typing import cast

import pytest

from tests.support.fakes import FakeEngine, stack_on
from weighbridge.engine.protocol import Conversation
from weighbridge.errors import EngineFault
from weighbridge.model.container import Streams
from weighbridge.smoke.stack.blueprint import ContainerKind
from weighbridge.smoke.stack.containers import run_stack
from weighbridge.smoke.stack.observations import StandingProgram
from weighbridge.smoke.stack.runs import RUN_LABEL


def test_a_role_gets_what_compose_gives_it() -> None:
    """A role gets its alias and the addresses of its services, and nothing that the image should have."""
    engine = FakeEngine()
    stack_on(engine, {"environment": {"MINE": "1"}}).start("api")
    (spec,) = engine.specs
    assert spec.aliases == ("api",)
    assert dict(spec.environment) == {"REDIS_URL": "redis://redis:6379/0", "MINE": "1"}


def test_a_role_gets_the_limits_of_the_settings() -> None:
    """A role gets its limits of memory and processes; the client, which runs commands of both, gets the larger ones."""
    engine = FakeEngine()
    stack = stack_on(engine, {"memory": "1 GiB", "processes": 64})
    kinds: tuple[ContainerKind, ...] = ("api", "worker", "client")
    for kind in kinds:
        stack.start(kind)
    limits = [(spec.memory_bytes, spec.pids_limit) for spec in engine.specs]
    assert limits == [(2**30, 64), (2**29, 128), (2**30, 128)]


def test_every_container_gets_the_limits_of_the_smoke_test() -> None:
    """Each gets its processors; those that write to the data folder may write no file beyond the folder's limit."""
    engine = FakeEngine()
    stack = stack_on(engine, cpus=1.5, data_limit="3 MB")
    kinds: tuple[ContainerKind, ...] = ("redis", "client", "api", "worker")
    for kind in kinds:
        stack.start(kind)
    assert [(spec.cpus, spec.file_bytes) for spec in engine.specs] == [(1.5, 0), *[(1.5, 3 * 10**6)] * 3]
    stack_on(engine, data=None).start("api")
    assert engine.specs[-1].file_bytes == 0


def test_streams_of_a_log() -> None:
    """Both streams come without secrets; a container that is gone has written nothing, and reports no error."""
    engine = FakeEngine(log="at redis://:battery@redis\n", errors="ERROR: no staple\n")
    stack = stack_on(engine, {"environment": {"DB_PASSWORD": "staple"}})
    assert stack.read_streams("api") == Streams(output="at redis://:***@redis", errors="ERROR: no ***")
    assert stack.find_error("api") == "ERROR: no ***"

    class Gone(FakeEngine):
        def read_streams(self, _container: str, lines: int | None) -> tuple[str, str]:
            raise EngineFault(f"no {lines} lines")

    assert stack_on(Gone()).read_streams("api") == Streams()
    assert stack_on(Gone()).find_error("api") == ""


class Emptied(FakeEngine):
    """An engine that notes removals by label, and has nothing left after them."""

    def __init__(self) -> None:
        super().__init__()
        self.removed = list[str]()

    def create_network(self, _name: str, _labels: object) -> None:
        """Make nothing."""

    def remove_labelled(self, label: str) -> int:
        """Note it."""
        self.removed.append(label)
        return 0

    def list_held(self, _label: str) -> tuple[str, ...]:
        """Find nothing."""
        return ()

    def list_label_values(self, _label: str) -> frozenset[str]:
        """Find nothing."""
        return frozenset()


def test_nothing_starts_once_all_is_removed() -> None:
    """A thread that comes late makes no container, which nobody would remove."""
    engine = Emptied()
    stack = stack_on(engine)
    with run_stack(stack, print):
        stack.start("api")
    with pytest.raises(EngineFault, match="The stack is being removed"):
        stack.start("worker")
    assert [spec.name.rpartition("-")[2] for spec in engine.specs] == ["api"]


def test_all_is_removed_whatever_fails_before() -> None:
    """A program in a container that cannot be ended does not keep the others from their end, nor anything there."""

    class Ended:
        def __init__(self, *, well: bool) -> None:
            self.well, self.closed = well, 0

        def close(self) -> None:
            """Fail, or not."""
            self.closed += 1
            if not self.well:
                raise ValueError("I/O operation on closed file")

    engine, programs = Emptied(), [Ended(well=well) for well in (True, False, True)]
    stack = stack_on(engine)
    for number, program in enumerate(programs):
        stack.observed.standing[f"client-{number}"] = StandingProgram(conversation=cast("Conversation", program))
    with pytest.raises(ValueError, match="closed file"), run_stack(stack, print):
        pass
    assert [program.closed for program in programs] == [1, 1, 1]
    assert engine.removed == [f"{RUN_LABEL}={stack.run.id}"]
