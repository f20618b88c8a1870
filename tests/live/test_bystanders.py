"""Nothing of ours removes what only looks like ours: one innocent bystander of each sort stays, and ours goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import patterns, starts
from tests.live.bystanders import Bystanders, bystanders
from tests.live.conftest import Project
from weighbridge.build import bases
from weighbridge.engine.client import DockerEngine
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import LABEL
from weighbridge.model.container import ContainerSpec
from weighbridge.settings.project import check
from weighbridge.smoke.stack import runs
from weighbridge.smoke.stack.runs import RUN_LABEL

pytestmark = pytest.mark.engine

DOCKERFILE = "ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nARG WORD\nCOPY Dockerfile /${WORD}\n"


def ignore(_: str) -> None:
    """Say nothing."""


@pytest.fixture
def built(project: Project) -> Project:
    """Return a project with two built variants, one of which was built again, so that an image lost its name."""
    project.configure({name: {"arguments": {"WORD": name}} for name in ("a", "b")})
    project.write("Dockerfile", DOCKERFILE)
    assert project.invoke("build").code == 0
    project.write("Dockerfile", f"{DOCKERFILE}ENV AGAIN=yes\n")
    assert project.invoke("build", "--variant", "b").code == 0
    return project


@pytest.fixture
def innocent(engine: DockerEngine, redis_base: bases.BaseImage, built: Project) -> Iterator[Bystanders]:
    """Return things of the user's, among them images derived from the project's."""
    with bystanders(engine, redis_base.reference, [built.reference("a"), built.reference("b")]) as found:
        assert found.missing() == []
        yield found


def leave_run(engine: DockerEngine, found: Bystanders) -> None:
    """Leave what a killed run leaves: a running container with a volume, a network and a volume."""
    run = found.run
    engine.create_network(run.name, run.labels)
    engine.create_volume(run.name, run.labels)
    name = f"{run.name}-api"
    spec = ContainerSpec(
        name=name,
        image=found.base,
        network=run.name,
        labels=run.labels,
        entrypoint=("sleep",),
        command=("600",),
        volumes={run.name: "/data"},
    )
    engine.start(engine.create_container(spec).id)


def left(engine: DockerEngine, found: Bystanders) -> list[str]:
    """Return the names of what is left of the run."""
    api, run = engine._api, found.run
    containers = [name for each in api.containers(all=True) for name in each["Names"] if name == f"/{run.name}-api"]
    networks = [each["Name"] for each in api.networks() if each["Name"] == run.name]
    return containers + networks + [each["Name"] for each in api.volumes()["Volumes"] or () if each["Name"] == run.name]


def test_sweep(engine: DockerEngine, innocent: Bystanders) -> None:
    """Of a dead run, container, network and volume go; nothing goes that only carries its label or its name."""
    leave_run(engine, innocent)
    assert len(left(engine, innocent)) == 3
    assert runs.sweep(engine) >= 3
    assert left(engine, innocent) == []
    assert innocent.missing() == []
    assert innocent.run.id not in engine.list_label_values(RUN_LABEL)


def test_smoke(engine: DockerEngine, innocent: Bystanders, built: Project) -> None:
    """`invoke smoke` sweeps before it looks for the images."""
    leave_run(engine, innocent)
    built.configure({"missing": {}})
    assert "no image" in built.invoke("smoke").failure(3)
    assert left(engine, innocent) == []
    assert innocent.missing() == []


def test_clean(engine: DockerEngine, innocent: Bystanders, built: Project) -> None:
    """`invoke clean` removes the run and the recorded images; it neither removes nor names the derived ones."""
    leave_run(engine, innocent)
    done = built.invoke("clean")
    assert done.code == 0, done.stderr
    assert left(engine, innocent) == []
    assert innocent.missing() == []
    assert not engine.has_image(built.reference("a"))
    assert not engine.has_image(built.reference("b"))
    assert not [name for name in innocent.images if name in done.stdout]
    assert "no build here has recorded" not in done.stdout


def test_bench(
    engine: DockerEngine,
    client: BuildClient,
    innocent: Bystanders,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The bench sweeps, too, and removes its own images at its end."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "bench"))
    leave_run(engine, innocent)
    settings = check({"repository": f"weighbridge-test-{innocent.run.id}", "variants": {"a": {}}})
    with (
        patterns.build_images(client, engine, settings, (), ignore),
        starts.set_up_stage(engine, client, settings, innocent.base, ignore),
    ):
        pass
    assert left(engine, innocent) == []
    assert innocent.missing() == []


def test_name_that_the_user_took_over(engine: DockerEngine, built: Project) -> None:
    """A name that leads to an image of the user's now, built on ours, is neither removed nor named."""
    name = built.reference("a")
    with bystanders(engine, name, [name]) as innocent:
        derived = next(each for each in innocent.images if each.startswith(built.repository))
        engine._api.tag(derived, *name.rsplit(":", 1))
        taken = engine.inspect_image(name).id
        try:
            done = built.invoke("clean")
            assert done.code == 0, done.stderr
            assert engine.inspect_image(name).id == taken
            assert name not in done.stdout
            assert not engine.has_image(built.reference("b"))
        finally:
            engine.remove_image(name)


def test_unrecorded_image_is_named_with_the_command_that_removes_it(engine: DockerEngine, built: Project) -> None:
    """Without the record, images of ours stay; the command that `invoke clean` prints removes them."""
    done = built.invoke("clean", XDG_CACHE_HOME=str(built.folder / "another"))
    assert done.code == 0, done.stderr
    names = [built.reference(each) for each in ("a", "b")]
    assert all(map(engine.has_image, names))
    assert engine.inspect_image(names[0]).labels[LABEL] == "image"
    line = next(line for line in done.stdout.splitlines() if "docker image rm" in line)
    assert line.partition("docker image rm ")[2].split() == names
    assert built.invoke("clean").code == 0
    assert not any(map(engine.has_image, names))
