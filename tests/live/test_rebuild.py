"""`invoke report --rebuild` on a real engine: what changes cost, and that nothing of it is left."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.live.conftest import Project
from tests.live.test_interrupted import end, linux, started, wait
from weighbridge.build import buildkit
from weighbridge.build.context import Context
from weighbridge.commands import weigh
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine
from weighbridge.engine.protocol import LABEL
from weighbridge.errors import EngineError
from weighbridge.model.report import Image, Rebuild
from weighbridge.report import records
from weighbridge.sources.locations import DOCKER, Location

pytestmark = pytest.mark.engine

DOCKERFILE = "FROM scratch AS a\nCOPY lock /lock\nCOPY code /code\nFROM scratch AS b\nCOPY lock code /\n"
LINE = "word = '{unique}'"
CHANGES = {
    "code": {"file": "code", "append": LINE},
    "lock": {"file": "lock", "find": "six==.*", "replace": "six==2", "append": "# {unique}"},
}
LOCK = "five==1\nsix==1.16.0\nseven==1\n"


@pytest.fixture
def two_files(project: Project) -> Project:
    """Return a project of two built variants, one with a layer for each file, one with a layer for both."""
    project.configure({"a": {"target": "a"}, "b": {"target": "b"}}, changes=CHANGES, reports={"directory": "reports"})
    project.write("code", secrets.token_hex(30_000) + "\n")
    project.write("lock", LOCK)
    project.write("Dockerfile", DOCKERFILE)
    (project.folder / "tmp").mkdir()
    assert project.invoke("build").code == 0
    return project


def report(project: Project, *words: str) -> dict[str, Image]:
    """Return the images of a report with rebuilds, by variant."""
    done = project.invoke("report", "--rebuild", "--format", "json", *words, TMPDIR=str(project.folder / "tmp"))
    assert done.code == 0, done.stderr
    return {image.variant: image for image in records.parse_json(done.stdout).images}


def rebuilds(image: Image) -> dict[str | None, Rebuild]:
    """Return what changes cost an image, by their names."""
    return {each.change: each for each in image.rebuilds}


def everything(engine: DockerEngine, project: Project) -> set[str]:
    """Return the names of the project's images, also of those that a build has named for itself, and the nameless."""
    return set(engine.list_labelled_images(f"{LABEL}.repository={project.repository}"))


def tree(project: Project) -> dict[str, str]:
    """Return the project's own files with their text."""
    return {path.name: path.read_text() for path in project.folder.iterdir() if path.is_file()}


def test_code_change_ships_the_last_layer(two_files: Project) -> None:
    """Exactly the layer with the changed file is new, as large as that file; the other variant ships both files."""
    images = report(two_files)
    a, b = (rebuilds(images[name])["code"] for name in "ab")
    size = len((two_files.folder / "code").read_bytes()) + len(LINE.format(unique="12345678")) + 1
    assert [(layer.index, layer.instruction, layer.shipped_bytes) for layer in a.layers] == [
        (1, "COPY code /code", size)
    ]
    assert [layer.shipped_bytes for layer in b.layers] == [size + len(LOCK)]
    assert (a.steps_run, a.steps_cached, b.steps_run, b.steps_cached) == (1, 1, 1, 0)
    for variant, found in (("a", a), ("b", b)):
        image = images[variant]
        assert found.pull
        assert image.pull
        assert found.pull.basis == image.pull.basis
        # The rest is the config: the same but for digests of one length and for times.
        config = image.pull.bytes - sum(layer.pull_bytes or 0 for layer in image.layers)
        assert found.pull.bytes - sum(layer.pull_bytes or 0 for layer in found.layers) == pytest.approx(config, abs=60)
        # Hexadecimal digits are four bits each, whatever packs them.
        assert found.layers[0].pull_bytes == pytest.approx(30_000, rel=0.2)


def test_lock_change_ships_what_stands_on_it(two_files: Project) -> None:
    """Its own layer holds the replaced version; the layer over it runs again, and is new only where it is another."""
    (image,) = report(two_files, "--variant", "a").values()
    found = rebuilds(image)["lock"]
    assert found.layers[0].shipped_bytes == len("five==1\nsix==2\nseven==1\n# 12345678\n")
    assert found.layers[0].index == 0
    assert found.steps_run + found.steps_cached == 2
    assert found.steps_run >= 1


def test_nothing_changed_costs_nothing(two_files: Project) -> None:
    """All steps are cached and not a byte is new, the first time and the second."""
    for _ in range(2):
        for image in report(two_files).values():
            first, *others = image.rebuilds
            assert (first.change, first.steps_run, first.layers) == (None, 0, ())
            assert first.pull
            assert first.pull.bytes == 0
            assert 0 < first.seconds < 60
            # Also in the second report the cache does not know the changes.
            assert [(each.change, each.steps_run > 0) for each in others] == [("code", True), ("lock", True)]


def test_nothing_is_left_but_the_record(engine: DockerEngine, two_files: Project) -> None:
    """Images, their names, the temporary folder and the project's files are as before."""
    images, files = everything(engine, two_files), tree(two_files)
    ids = [engine.inspect_image(two_files.reference(name)).id for name in "ab"]
    report(two_files)
    assert everything(engine, two_files) == images
    assert [engine.inspect_image(two_files.reference(name)).id for name in "ab"] == ids
    assert tree(two_files) == files
    assert list((two_files.folder / "tmp").iterdir()) == []
    assert len(list((two_files.folder / "reports").iterdir())) == 1


def test_terminal(two_files: Project) -> None:
    """Progress names variant and change; the table has a row for each, and all of it fits."""
    done = two_files.invoke("report", "--rebuild", COLUMNS="80")
    assert done.code == 0, done.stderr
    lines = done.stdout.splitlines()
    begin = lines.index(next(line for line in lines if line.startswith("What a change costs")))
    rows = [line.split()[:2] for line in lines[begin + 4 : begin + 10]]
    assert rows == [[variant, change] for variant in "ab" for change in ("nothing", "code", "lock")]
    assert max(map(len, lines)) <= 80
    titles = {tuple(line.split()[:2]) for line in done.stderr.splitlines() if "[" in line}
    assert titles == {(variant, what) for variant in "ab" for what in ("unchanged", "code", "lock")}


def test_no_rebuild_without_the_option(two_files: Project) -> None:
    """A plain report builds nothing and records no rebuild."""
    done = two_files.invoke("report", "--format", "json")
    assert [image.rebuilds for image in records.parse_json(done.stdout).images] == [(), ()]
    assert "[" not in done.stderr


def test_change_that_breaks_the_build(engine: DockerEngine, project: Project) -> None:
    """The error names variant, change and step; nothing is recorded, and nothing is left."""
    project.configure({"a": {}}, changes={"code": CHANGES["code"]}, reports={"directory": "reports"})
    project.write("code", "true\n")
    (project.folder / "tmp").mkdir()
    project.write("Dockerfile", "ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nCOPY code /\nRUN sh -e /code\n")
    project.write("code", f"true {secrets.token_hex()}\n")
    assert project.invoke("build").code == 0
    images = everything(engine, project)
    done = project.invoke("report", "--rebuild", TMPDIR=str(project.folder / "tmp"))
    assert done.failure(5).startswith("error: a code: step [3/3] RUN sh -e /code failed: exit code 127")
    assert everything(engine, project) == images
    assert list((project.folder / "tmp").iterdir()) == list((project.folder / "reports").iterdir()) == []


@pytest.fixture
def endless(project: Project) -> Project:
    """Return a project whose changed code never ends to build."""
    project.configure({"a": {}}, changes={"code": CHANGES["code"]}, reports={"directory": "reports"})
    project.write("code", f"# {secrets.token_hex()}\n")
    (project.folder / "tmp").mkdir()
    step = "RUN ! grep -q word /code || sleep 300"
    project.write("Dockerfile", f"ARG PYTHON_IMAGE\nFROM ${{PYTHON_IMAGE}}\nCOPY code /\n{step}\n")
    assert project.invoke("build").code == 0
    return project


def wait_for_the_change(project: Project, process: subprocess.Popen[str]) -> None:
    """Wait until the second of the images that are not the project's own is being built, after the unchanged two."""

    def seen() -> bool:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                names.update(word for word in path.read_bytes().split(b"\0") if word.startswith(begin))
        return len(names) == 3

    begin, names = f"{project.reference('a')}-rebuild-".encode(), set[bytes]()
    wait(seen, process)


@linux
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_interrupted(engine: DockerEngine, endless: Project, number: signal.Signals, code: int) -> None:
    """Ctrl-C and a polite stop in the middle: images, names, folder and records are as before."""
    images = everything(engine, endless)
    with started(endless, "report", "--rebuild", TMPDIR=str(endless.folder / "tmp")) as process:
        wait_for_the_change(endless, process)
        os.killpg(process.pid, number)
        assert end(process).code == code
    assert everything(engine, endless) == images
    assert list((endless.folder / "tmp").iterdir()) == list((endless.folder / "reports").iterdir()) == []


@linux
def test_killed(engine: DockerEngine, endless: Project) -> None:
    """What SIGKILL leaves, `invoke clean` finds in the record of builds."""
    with started(endless, "report", "--rebuild", TMPDIR=str(endless.folder / "tmp")) as process:
        wait_for_the_change(endless, process)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert any("-rebuild-" in name for name in everything(engine, endless))
    assert endless.invoke("clean").code == 0
    assert everything(engine, endless) == set()


# Nothing is let through again by a wildcard at the begin of a rule: Docker 20.10 then does not look into folders.
RULES = (
    "",
    "*\n!b/*.txt\n!g*",
    "**/*.py\n# comment\n /b/c.txt \n",
    "b\n!b/d/e.txt",
    "**\n!b/d",
    "?.txt\n[b-c]/c*\n",
    "b/**/f.py\n!**/e.txt",
    "*/d\n!b/d",
    ".\n/\nempty\n",
    "**/d/**\n!b/d/f.py",
    "link\nfolder\n../b",
    "*\n!b/?\nb/d/e*",
)


@pytest.fixture
def tangled(tmp_path: Path) -> Path:
    """Return a folder with what makes contexts differ, and no cache knows: depth, links, modes, unusual names."""
    folder = tmp_path / "context"
    for name in ("a.txt", "b/c.txt", "b/d/e.txt", "b/d/f.py", ".hidden/x", "g[1].txt", "a b/ü.txt", "c/c"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name} {secrets.token_hex()}")
    (folder / "empty").mkdir(mode=0o710)
    (folder / "b" / "d").chmod(0o750)
    (folder / "a.txt").chmod(0o751)
    (folder / "link").symlink_to("/nowhere")
    (folder / "folder").symlink_to("b", target_is_directory=True)
    return folder


@pytest.fixture
def names(engine: DockerEngine) -> Iterator[tuple[str, str]]:
    """Return two names for images, which are removed at the end."""
    found = tuple(f"weighbridge-test-{os.getpid()}-{secrets.token_hex(3)}:{tag}" for tag in ("original", "copy"))
    yield found[0], found[1]
    for name in found:
        with suppress(EngineError):
            engine.remove_image(name)


@pytest.mark.parametrize("rules", RULES)
def test_copy_is_what_the_builder_gets(
    engine: DockerEngine, tangled: Path, tmp_path: Path, names: tuple[str, str], rules: str
) -> None:
    """All of the copy, without rules, is the same to the builder as the folder with them: its cache has the layer."""
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text("FROM scratch\nCOPY . /all/\n")
    (tmp_path / "with" / "Dockerfile.dockerignore").write_text(rules)
    context = Context(folder=tangled, dockerfile=tmp_path / "with" / "Dockerfile")
    copy = context.copy_to(tmp_path / "copy")
    states = []
    for name, folder, dockerfile in (
        (names[0], tangled, context.dockerfile),
        (names[1], copy.folder, tmp_path / "without" / "Dockerfile"),
    ):
        wanted = buildkit.Build(variant="x", reference=name, context=folder, dockerfile=dockerfile)
        states.append([step.state for step in buildkit.build(docker_cli.find(), engine, wanted).steps])
    assert states == [["done"], ["cached"]]
    found = weigh.weigh({name: Location(DOCKER, name) for name in names}, tmp_path, engine=engine).report.images
    assert found[0].layers == found[1].layers
