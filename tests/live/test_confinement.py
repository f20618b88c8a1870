"""What a container of the smoke test may use, as the kernel says inside of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from weighbridge.build import bases
from weighbridge.engine.client import DockerEngine
from weighbridge.model.container import ContainerSpec, Created
from weighbridge.smoke.stack import runs
from weighbridge.smoke.stack.runs import Run

pytestmark = pytest.mark.engine

# The kernel's file in the second version of control groups, and in the first.
QUOTA = "cat /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us"


@dataclass(frozen=True)
class Place:
    """A network and a volume, as each run has them, and an image with a shell."""

    engine: DockerEngine
    run: Run
    image: str

    def start(self, script: str, **limits: float) -> Created:
        """Start a container that runs a script of the shell, with the volume at /data."""
        spec = ContainerSpec(
            name=f"{self.run.name}-api",
            image=self.image,
            network=self.run.name,
            entrypoint=("sh",),
            command=("-c", script),
            labels=self.run.labels,
            volumes={self.run.name: "/data"},
            **limits,  # type: ignore[arg-type] # a number each
        )
        created = self.engine.create_container(spec)
        self.engine.start(created.id)
        return created

    def log(self, enough: Callable[[str], bool]) -> str:
        """Return what the container has printed, once it is enough or 20 seconds have passed."""
        deadline = time.monotonic() + 20
        while True:
            text = self.engine.read_log(f"{self.run.name}-api")
            if enough(text) or time.monotonic() > deadline:
                return text
            time.sleep(0.1)


@pytest.fixture
def place(engine: DockerEngine, redis_base: bases.BaseImage) -> Iterator[Place]:
    """Return a place whose things are removed at the end."""
    with runs.begin(keep=False) as run:
        try:
            engine.create_network(run.name, run.labels)
            engine.create_volume(run.name, run.labels)
            yield Place(engine, run, redis_base.reference)
        finally:
            runs.remove(engine, run.id)


def test_processors(place: Place) -> None:
    """The kernel gives the container one and a half processors' time, unless the engine says that it cannot."""
    created = place.start(f"{QUOTA}; sleep 60", cpus=1.5)
    if any("discarded" in warning for warning in created.warnings):
        pytest.skip(" ".join(created.warnings))
    assert place.log(bool).split()[0] == "150000"


def test_more_processors_than_there_are(place: Place) -> None:
    """A limit beyond what the machine has is no error."""
    place.start("echo started; sleep 60", cpus=1000)
    assert "started" in place.log(bool)


def test_file_grows_to_the_limit_and_no_further(place: Place) -> None:
    """The last byte that is allowed can be written, and the next one cannot; the container goes on."""
    write = "trap '' XFSZ; cd /data; head -c 5000 /dev/zero >a && echo whole; head -c 5001 /dev/zero >b || echo cut"
    place.start(f"{write}; wc -c a b; echo end", file_bytes=5000)
    lines = [line.split() for line in place.log(lambda text: "end" in text).splitlines()]
    assert [line for line in lines if line[-1] in {"whole", "cut", "a", "b"}] == [
        ["whole"],
        ["cut"],
        ["5000", "a"],
        ["5000", "b"],
    ]


def test_data_survives_a_restart(place: Place) -> None:
    """What a role has written to the volume is there when it was stopped and started again."""
    place.start("cat /data/kept; echo before >/data/kept; echo end; sleep 60")
    place.log(lambda text: "end" in text)
    name = f"{place.run.name}-api"
    place.engine.send_signal(name, "SIGKILL")
    while place.engine.read_state(name).running:
        time.sleep(0.1)
    place.engine.start(name)
    assert "before" in place.log(lambda text: text.count("end") == 2)
