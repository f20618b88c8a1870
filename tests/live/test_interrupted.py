"""Commands that are ended half-way, and `invoke clean`: what is ours goes, what is the user's stays."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.conftest import Done, Project, containers, prove_standin
from tests.live.images import Standins
from tests.live.users import users_things
from weighbridge.build import bases
from weighbridge.engine.client import DockerEngine
from weighbridge.report import records
from weighbridge.smoke.stack.runs import RUN_LABEL

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
def endless(project: Project, images: Standins) -> Project:
    """Return a project whose smoke test waits for an API that never becomes healthy."""
    prove_standin(project, images, "sick", timeout_seconds=_ENDLESS)
    return project


def run_of(engine: DockerEngine, project: Project, process: subprocess.Popen[str]) -> str:
    """Wait until Redis, the client and the API of a smoke run are there, and return the run's id.

    The worker may be there, too: both roles start at once.
    """

    def are_there() -> bool:
        return any(len(containers(engine, f"{RUN_LABEL}={run}")) >= 3 for run in project.runs(engine))

    wait(are_there, process)
    (run,) = project.runs(engine)
    return run


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_interrupted_smoke_leaves_nothing(
    engine: DockerEngine, endless: Project, number: signal.Signals, code: int
) -> None:
    """Ctrl-C, which the whole process group gets, and a polite stop: containers, network and volume are gone."""
    with started(endless, "smoke") as process:
        run = run_of(engine, endless, process)
        os.killpg(process.pid, number)
        assert end(process).code == code
    assert run not in engine.list_label_values(RUN_LABEL)
    assert not endless.runs(engine)


@pytest.mark.parametrize("task", ["smoke", "clean"])
def test_killed_smoke_is_removed_by_the_next(
    engine: DockerEngine, endless: Project, redis_base: bases.BaseImage, task: str
) -> None:
    """SIGKILL leaves the run's things; the next smoke test or `clean` removes them, and nothing of the user's."""
    with started(endless, "smoke") as process:
        run = run_of(engine, endless, process)
        process.kill()
        process.wait()
    left = len(containers(engine, f"{RUN_LABEL}={run}"))
    assert left >= 3  # the engine may still make one that was asked for
    # The clean is this project's own, not that of the images' repository, which other tests still need.
    endless.configure({"missing": {}})
    with users_things(engine, redis_base.reference) as things:
        done = endless.invoke(task)
        assert things.are_there()
    if task == "clean":
        assert done.code == 0
        removed = re.match(r"Removed (\d+) containers, networks and volumes, and ", done.stdout)
        assert removed
        assert int(removed[1]) >= left + 2
    assert run not in engine.list_label_values(RUN_LABEL)


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
    engine: DockerEngine, project: Project, number: signal.Signals, code: int, *, whole_group: bool
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


@linux
def test_killed_build_leaves_no_client(engine: DockerEngine, project: Project) -> None:
    """After SIGKILL, the client and its plug-in end soon, and with them the builder's step."""
    if not engine.host.startswith("unix://"):
        pytest.skip("the builder's steps are not on this machine")
    project.configure({"a": {}})
    seconds = f"300.{secrets.randbelow(10**6)}"
    step = f"RUN sleep {seconds}"
    project.write("Dockerfile", f"ARG PYTHON_IMAGE\nFROM ${{PYTHON_IMAGE}}\n{step}\n")
    with started(project, "build") as process:
        wait(lambda: sleeps(seconds), process)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 20
        while clients(project) or sleeps(seconds):
            assert time.monotonic() < deadline, (clients(project), sleeps(seconds))
            time.sleep(0.1)
    assert not engine.has_image(project.reference("a"))


def sleeps(seconds: str) -> list[str]:
    """Return the numbers of the processes that sleep for that long: the builder's, which this machine shows, too."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if path.read_bytes().split(b"\0")[:2] == [b"sleep", seconds.encode()]:
                found.append(path.parent.name)
    return found


@contextmanager
def stalled_saves(engine: DockerEngine, path: Path) -> Iterator[threading.Event]:
    """Pass everything between a socket at `path` and the engine, but of a `docker save` only the beginning.

    The event tells that one has begun: who reads it waits for the rest from then on.
    """
    begun, over = threading.Event(), threading.Event()

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.socket(socket.AF_UNIX) as there, suppress(OSError):
                there.connect(engine.host.removeprefix("unix://"))
                saving = threading.Event()
                threading.Thread(target=ask, args=(self.request, there, saving), daemon=True).start()
                while answer := there.recv(4096):
                    self.request.sendall(answer)
                    if saving.is_set():
                        begun.set()
                        over.wait()

    def ask(here: socket.socket, there: socket.socket, saving: threading.Event) -> None:
        with suppress(OSError):
            while words := here.recv(65536):
                if b"/images/get?" in words:
                    saving.set()
                there.sendall(words)

    with socketserver.ThreadingUnixStreamServer(str(path), Connection) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        try:
            yield begun
        finally:
            over.set()
            server.shutdown()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_interrupted_report_records_nothing(
    engine: DockerEngine, project: Project, tmp_path_factory: pytest.TempPathFactory, number: signal.Signals, code: int
) -> None:
    """Ctrl-C and a polite stop while the images are read: the folder holds no record and no draft of one."""
    if not engine.host.startswith("unix://"):
        pytest.skip("the engine has no socket to stand before")
    project.configure({"a": {}}, reports={"directory": "reports"}, engine={"local_store": False})
    project.write("Dockerfile", "ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nCOPY Dockerfile /\n")
    assert project.invoke("build").code == 0
    path = tmp_path_factory.mktemp("engine") / "socket"  # short, as a socket's path must be
    fresh = str(project.folder / "fresh")  # the build has read the image, too
    with (
        stalled_saves(engine, path) as begun,
        started(project, "report", DOCKER_HOST=f"unix://{path}", XDG_CACHE_HOME=fresh) as process,
    ):
        wait(begun.is_set, process)
        os.killpg(process.pid, number)
        assert end(process).code == code
    assert list((project.folder / "reports").iterdir()) == []
    assert project.invoke("report").code == 0
    (record,) = (project.folder / "reports").iterdir()
    assert records.parse_json(record.read_bytes()).images[0].variant == "a"


def nameless_image_of_another(engine: DockerEngine, project: Project) -> str:
    """Build an image twice in a project of another name, and return the id that lost its name; removed at the end."""
    another = replace(project, repository=f"{project.repository}-other")
    another.configure({"b": {}})
    another.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /first\n")
    assert another.invoke("build").code == 0
    lost = engine.inspect_image(another.reference("b")).id
    another.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /second\n")
    assert another.invoke("build").code == 0
    project.images.extend([lost, another.reference("b")])
    return lost


def test_clean_removes_this_projects_images_alone(engine: DockerEngine, project: Project) -> None:
    """Those of its name and those that a rebuild took the name from; not those of other projects or other names."""
    others = nameless_image_of_another(engine, project)
    project.configure({"a": {"arguments": {"WORD": "a"}}, "b": {"arguments": {"WORD": "b"}}})
    project.write("Dockerfile", "FROM scratch\nARG WORD\nCOPY Dockerfile /\nLABEL word=${WORD}\n")
    assert project.invoke("build").code == 0
    project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /rebuilt\n")
    nameless = engine.inspect_image(project.reference("b")).id
    assert project.invoke("build", "--variant", "b").code == 0
    users_own = f"{project.repository}-mine:1"
    engine._api.tag(project.reference("a"), users_own)
    kept = engine.has_image(others)  # the containerd store drops an image with its last name by itself
    try:
        done = project.invoke("clean")
        assert done.code == 0, done.stderr
        gone = [project.reference("a"), project.reference("b"), nameless]
        assert [engine.has_image(name) for name in (*gone, users_own, others)] == [False, False, False, True, kept]
    finally:
        engine.remove_image(users_own)


def test_clean_leaves_an_image_in_use(engine: DockerEngine, project: Project) -> None:
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
    assert f"Kept {project.reference('a')}: a container or another image uses it." in done.stdout.splitlines()
    assert project.invoke("clean").code == 0
    assert not engine.has_image(project.reference("a"))
