"""Commands that are ended half-way, and `invoke clean`: what is ours goes, what is the user's stays."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.conftest import Done, Project, containers, prove_standin
from tests.engine.images import Standins
from weighbridge import bases, records
from weighbridge.engine import Engine
from weighbridge.smoke.runs import RUN_LABEL

pytestmark = pytest.mark.engine

linux = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at processes in /proc")

_SECONDS = 120
_ENDLESS = 600.0
"""A timeout that only a failing test reaches."""


def wait(until: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait until something holds while a command runs."""
    deadline = time.monotonic() + _SECONDS
    while not until():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def end(process: subprocess.Popen[str]) -> Done:
    """Wait for the end of a command; no traceback tells of it."""
    stdout, stderr = process.communicate(timeout=_SECONDS)
    assert "Traceback" not in stdout + stderr
    return Done(process.returncode, stdout, stderr)


@contextmanager
def started(project: Project, *words: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command; what is left of it at the end of the block is killed."""
    with project.start(*words, **environment) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def endless(project: Project, standin_images: Standins) -> Project:
    """Return a project whose smoke test waits for an API that never becomes healthy."""
    prove_standin(project, standin_images, "sick", timeout_seconds=_ENDLESS)
    return project


def run_of(engine: Engine, project: Project, process: subprocess.Popen[str]) -> str:
    """Wait until Redis and the API of a smoke run are there, and return the run's id."""

    def both() -> bool:
        return any(len(containers(engine, f"{RUN_LABEL}={run}")) == 2 for run in project.runs(engine))

    wait(both, process)
    (run,) = project.runs(engine)
    return run


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_interrupted_smoke_leaves_nothing(engine: Engine, endless: Project, number: signal.Signals, code: int) -> None:
    """Ctrl-C, which the whole process group gets, and a polite stop: containers, network and volume are gone."""
    with started(endless, "smoke") as process:
        run = run_of(engine, endless, process)
        os.killpg(process.pid, number)
        assert end(process).code == code
    assert run not in engine.label_values(RUN_LABEL)
    assert not endless.runs(engine)


@pytest.mark.parametrize("task", ["smoke", "clean"])
def test_killed_smoke_is_removed_by_the_next(
    engine: Engine, endless: Project, redis_base: bases.BaseImage, task: str
) -> None:
    """SIGKILL leaves the run's things; the next smoke test or `clean` removes them, and nothing of the user's."""
    with started(endless, "smoke") as process:
        run = run_of(engine, endless, process)
        process.kill()
        process.wait()
    assert len(containers(engine, f"{RUN_LABEL}={run}")) == 2
    # The clean is this project's own, not that of the images' repository, which other tests still need.
    endless.configure({"missing": {}})
    with users_things(engine, redis_base.reference) as things:
        done = endless.invoke(task)
        assert things.are_there()
    if task == "clean":
        assert done.code == 0
        assert done.stdout.startswith("Removed 4 containers, networks and volumes, and ")
    assert run not in engine.label_values(RUN_LABEL)


@dataclass(frozen=True, slots=True)
class UsersThings:
    """A container, a network and a volume that carry no label of ours, though their name looks like it."""

    engine: Engine
    name: str

    def are_there(self) -> bool:
        """Tell whether the engine still has all three."""
        api = self.engine._api
        found = (api.inspect_container(self.name), api.inspect_network(self.name), api.inspect_volume(self.name))
        return all(found)


@contextmanager
def users_things(engine: Engine, image: str) -> Iterator[UsersThings]:
    """Make a stopped container, a network and a volume; remove them at the end."""
    api, name = engine._api, f"weighbridge-users-{secrets.token_hex(4)}"
    api.create_volume(name)
    engine.create_network(name, {"mine": "yes"})
    api.create_container(image, ["true"], name=name)
    try:
        yield UsersThings(engine, name)
    finally:
        api.remove_container(name)
        api.remove_network(name)
        api.remove_volume(name)


def clients(project: Project) -> list[str]:
    """Return the command lines of the processes that build an image of the project."""
    word, found = project.reference("a").encode(), []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:  # it ended meanwhile
            continue
        if word in words:
            found.append(b" ".join(words).decode(errors="replace"))
    return found


@linux
@pytest.mark.parametrize(
    ("number", "whole_group", "code"),
    [(signal.SIGINT, True, 1), (signal.SIGINT, False, 1), (signal.SIGTERM, False, 128 + signal.SIGTERM)],
)
def test_interrupted_build_leaves_no_client(
    engine: Engine, project: Project, number: signal.Signals, code: int, *, whole_group: bool
) -> None:
    """Whether the client gets the signal too or not, it has ended when the command has; nothing was built."""
    (project.folder / "tmp").mkdir()
    project.configure({"a": {}})
    step = f"RUN echo {secrets.token_hex()} && sleep 300"
    project.write("Dockerfile", f"ARG PYTHON_IMAGE\nFROM ${{PYTHON_IMAGE}}\n{step}\n")
    with started(project, "build", TMPDIR=str(project.folder / "tmp")) as process:
        wait(lambda: clients(project), process)
        time.sleep(1)
        if whole_group:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        assert end(process).code == code
    assert clients(project) == []
    assert not engine.has_image(project.reference("a"))
    assert list((project.folder / "tmp").glob("weighbridge-*")) == []


def has_socket(process: subprocess.Popen[str]) -> bool:
    """Tell whether a process is connected to something: the engine, in our case."""
    try:
        links = [path.readlink().name for path in Path(f"/proc/{process.pid}/fd").iterdir()]
    except OSError:  # one was closed meanwhile
        return False
    return any(link.startswith("socket:") for link in links)


@linux
@pytest.mark.parametrize("when", ["it reads", "it writes"])
def test_interrupted_report_leaves_no_draft(project: Project, when: str) -> None:
    """Whether Ctrl-C comes as images are read or as the record is written: the folder has it whole or not at all."""
    project.configure({"a": {}}, reports={"directory": "reports"})
    project.write("Dockerfile", "ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nCOPY Dockerfile /\n")
    assert project.invoke("build").code == 0
    folder = project.folder / "reports"
    with started(project, "report") as process:
        wait(lambda: has_socket(process) if when == "it reads" else folder.exists(), process)
        os.killpg(process.pid, signal.SIGINT)
        done = end(process)
    assert done.code in {1, 0, -signal.SIGINT}, "it may have been done already, or just ending"
    for path in folder.iterdir() if folder.exists() else ():
        assert records.from_json(path.read_bytes()).images[0].variant == "a"


def test_clean_removes_this_projects_images_alone(engine: Engine, project: Project) -> None:
    """Those of its name and those that a rebuild took the name from; not another name of the user's for them."""
    project.configure({"a": {"arguments": {"WORD": "a"}}, "b": {"arguments": {"WORD": "b"}}})
    project.write("Dockerfile", "FROM scratch\nARG WORD\nCOPY Dockerfile /\nLABEL word=${WORD}\n")
    assert project.invoke("build").code == 0
    project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /rebuilt\n")
    nameless = engine.image(project.reference("b")).id
    assert project.invoke("build", "--variant", "b").code == 0
    users_own = f"{project.repository}-mine:1"
    engine._api.tag(project.reference("a"), users_own)
    try:
        done = project.invoke("clean")
        assert done.code == 0, done.stderr
        gone = [project.reference("a"), project.reference("b"), nameless]
        assert [engine.has_image(name) for name in (*gone, users_own)] == [False, False, False, True]
    finally:
        engine.remove_image(users_own)


def test_clean_leaves_an_image_in_use(engine: Engine, project: Project) -> None:
    """An image that a container of the user's stands on stays, and is named."""
    project.configure({"a": {}})
    project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    assert project.invoke("build").code == 0
    container = engine._api.create_container(project.reference("a"), ["none"])["Id"]
    try:
        done = project.invoke("clean")
    finally:
        engine._api.remove_container(container)
    assert done.code == 0, done.stderr
    assert f"Left {project.reference('a')}: a container uses it." in done.stdout.splitlines()
    assert project.invoke("clean").code == 0
    assert not engine.has_image(project.reference("a"))
