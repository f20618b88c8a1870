"""The base of real images: read from any Dockerfile at the build, told by labels, or found by layers."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.build.test_dockerfile import READ
from tests.live import copies
from tests.live.conftest import Project, made
from weighbridge.build import bases, buildkit
from weighbridge.build.base_labels import describe_base
from weighbridge.build.dockerfile import find_base
from weighbridge.cache import Cache
from weighbridge.commands.weigh import weigh
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine
from weighbridge.errors import BuildFailed, EngineError
from weighbridge.image.base_image import NAME_LABEL
from weighbridge.model.report import Base
from weighbridge.report import records
from weighbridge.settings.project import check
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules.image import no_setuid_files
from weighbridge.sources.locations import DOCKER, Location
from weighbridge.sources.scan.image import screen

pytestmark = pytest.mark.engine


@dataclass(frozen=True, slots=True)
class Bench:
    """A place to build small images under names that nobody else uses."""

    engine: DockerEngine
    client: docker_cli.BuildClient
    folder: Path
    python: str
    """The Python base image."""
    name: str = field(default_factory=lambda: f"weighbridge-test-{secrets.token_hex(4)}")
    images: list[str] = field(default_factory=list)

    def build(self, repository: str, text: str, *, described: bool = True, target: str | None = None) -> str:
        """Build a Dockerfile as `invoke build` does, or as plain `docker build` does; return the image's name."""
        reference, folder = f"{self.name}-{repository}", self.folder / secrets.token_hex(4)
        folder.mkdir()
        (folder / "own").write_text(secrets.token_hex())
        dockerfile, arguments = folder / "Dockerfile", {"PYTHON": self.python, "NAME": self.name}
        dockerfile.write_text(text)
        labels = describe_base(self.engine, dockerfile, target, arguments) if described else {}
        wanted = buildkit.Build(
            variant=repository,
            reference=reference,
            context=folder,
            dockerfile=dockerfile,
            target=target,
            arguments=arguments,
            labels=labels,
        )
        self.images.append(buildkit.build(self.client, self.engine, wanted).image_id)
        self.images.append(reference)
        return reference

    def base(self, reference: str) -> Base | None:
        """Weigh an image and return its base, whose layers and bytes are those of the engine's image."""
        place = {"x": Location(DOCKER, reference)}
        found = weigh(place, self.folder, cache=Cache(self.folder / "cache"), engine=self.engine).report.images[0].base
        if found and found.layers:
            layers = self.engine.inspect_image(found.reference).diff_ids
            assert layers == self.engine.inspect_image(reference).diff_ids[: found.layers]
            assert len(layers) == found.layers
        return found

    def known(self, reference: str) -> tuple[str, str | None] | None:
        """Return the name of an image's base and how that is known."""
        found = self.base(reference)
        return (found.reference, found.known_by) if found else None


@pytest.fixture(scope="module")
def bench(
    engine: DockerEngine,
    client: docker_cli.BuildClient,
    python_base: bases.BaseImage,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bench]:
    """Return a place to build images, which are gone at the end."""
    found = Bench(engine, client, tmp_path_factory.mktemp("bench"), python_base.reference)
    yield found
    for image in reversed(found.images):
        with suppress(EngineError):
            engine.remove_image(image)


DOCKERFILES = {
    "an argument": "ARG PYTHON\nFROM $PYTHON\nCOPY own /",
    "defaults": "ARG OTHER\nARG PYTHON=no\nARG X=${OTHER:-$PYTHON}\nFROM ${X} AS last\nCOPY own /",
    "stages": "ARG PYTHON\nFROM $PYTHON AS a\nFROM scratch AS b\nCOPY own /\nFROM a AS c\nCOPY --from=b /own /b\n",
    "a comment in an instruction": "ARG PYTHON\nFROM \\\n# FROM scratch\n  $PYTHON\nCOPY own /\n#FROM scratch",
    "an escape character": "# escape=`\nARG PYTHON\nFROM `\n  $PYTHON\nCOPY own /\nENV A=C:\\\nENV B=1",
    "a FROM in a text": "ARG PYTHON\nFROM $PYTHON\nCOPY own /\nRUN echo \\\n\n  FROM scratch",
}


@pytest.mark.parametrize("what", DOCKERFILES)
def test_from_is_read(bench: Bench, what: str) -> None:
    """The builder builds it on the image that we read, also where nothing in the Dockerfile is written for us."""
    assert bench.known(bench.build("read", DOCKERFILES[what])) == (bench.python, "dockerfile")


@pytest.mark.parametrize("name", [name for name, (text, _) in READ.items() if "$" not in text and "yntax" not in text])
def test_stages_are_those_of_the_builder(
    engine: DockerEngine, client: docker_cli.BuildClient, tmp_path: Path, name: str
) -> None:
    """BuildKit lists the same stages of a Dockerfile as we read, or refuses it."""
    (tmp_path / "Dockerfile").write_text(READ[name][0])
    words = [str(client.path), "buildx", "build", "--call=targets,format=json", str(tmp_path)]
    done = subprocess.run(words, env=client.build_environment(engine.host), capture_output=True, text=True, check=False)
    if done.returncode:
        if "unknown flag: --call" in done.stderr or client.buildx is None:
            pytest.skip("this client lists no stages")
        assert "failed to solve" in done.stderr
        return
    stages, base = dict[str, str](), None
    for each in json.loads(done.stdout)["targets"]:
        base = stages.get(each["base"], each["base"])
        stages[each.get("name", "")] = base
    assert find_base(READ[name][0], None, {}) == base


def test_heredoc(bench: Bench) -> None:
    """A FROM inside of a heredoc is text, to the builder and to us."""
    try:
        image = bench.build("heredoc", "ARG PYTHON\nFROM $PYTHON\nCOPY own /\nRUN cat <<EOF\nFROM scratch\nEOF\n")
    except BuildFailed as error:
        if "unknown instruction: EOF" not in str(error):
            raise
        pytest.skip("this engine's BuildKit has no heredocs")
    assert bench.known(image) == (bench.python, "dockerfile")


def list_set_id(image: str) -> set[str]:
    """Return the files with the setuid or the setgid bit, as `find` lists them in a container."""
    words = ["docker", "run", "--rm", "--user", "0", "--entrypoint", "find", image, "/", "-xdev", "-type", "f"]
    done = subprocess.run([*words, "-perm", "/6000"], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("described", [True, False])
def test_findings_of_the_base(bench: Bench, *, described: bool) -> None:
    """What only the base brings is said to be the base's; the team's own is named first, and the base's is counted."""
    begin, of_base = "ARG PYTHON\nFROM $PYTHON\n", list_set_id(bench.python)
    assert of_base, "the stand-in and the official image have such files"
    texts = {"inherits": f"{begin}COPY own /\n", "adds": f"{begin}RUN touch /tool && chmod 4755 /tool\nCOPY own /\n"}
    texts["mends"] = f"{begin}RUN find / -xdev -type f -perm /6000 -exec chmod a-s {{}} +\nCOPY own /\n"
    made = {name: bench.build(f"{name}-{described}".lower(), text, described=described) for name, text in texts.items()}
    screened = screen(bench.engine, made.values(), Cache(bench.folder / "cache"))

    def fail(name: str) -> CheckFailed:
        with pytest.raises(CheckFailed) as failure:
            no_setuid_files(screened[made[name]], check({"variants": {name: {}}}))
        return failure.value

    base = f"the base image {bench.python}"
    path = str(fail("inherits")).removeprefix(f"{base} brings it: ").partition(" ")[0]
    assert (path in of_base, fail("inherits").from_base) == (True, True)
    assert f", and {len(of_base) - 1} more; remove the bits in the final stage" in str(fail("inherits"))
    assert str(fail("adds")).startswith("/tool is setuid")
    assert f", and {len(of_base)} more in {base}; remove the bits in the Dockerfile" in str(fail("adds"))
    assert not fail("adds").from_base
    assert no_setuid_files(screened[made["mends"]], check({"variants": {"mends": {}}}))


def test_scratch(bench: Bench) -> None:
    """An image that stands on nothing is known to do so."""
    image = bench.build("scratch", "FROM scratch AS b\nCOPY own /\n")
    assert bench.base(image) == Base(reference="scratch", layers=0, shipped_bytes=0, known_by="dockerfile")


def test_label(bench: Bench) -> None:
    """An image that another tool built names its base in the OCI's label."""
    text = f"ARG PYTHON\nFROM $PYTHON\nARG PYTHON\nCOPY own /\nLABEL {NAME_LABEL}=$PYTHON"
    assert bench.known(bench.build("label", text, described=False)) == (bench.python, "label")


def test_layers(bench: Bench) -> None:
    """Without labels the base is the deepest image that is complete; one that lost its name does not count."""
    plain = "ARG NAME\nARG PYTHON\nFROM $PYTHON\nCOPY own /own"
    below = bench.build("below:1", plain, described=False)
    image = bench.build("above:1", "ARG NAME\nFROM $NAME-below:1\nCOPY own /above", described=False)
    assert bench.known(image) == (below, "layers")
    bench.build("below:1", plain, described=False)  # takes the name of the image below
    assert bench.known(image) == (bench.python, "layers")


def test_own_repository(bench: Bench) -> None:
    """An older build of the same image is no base, under whatever other name, nor is what this one is also called."""
    older = bench.build("app:1", "ARG PYTHON\nFROM $PYTHON\nCOPY own /1", described=False)
    image = bench.build("app:2", "ARG NAME\nFROM $NAME-app:1\nCOPY own /2", described=False)
    assert bench.known(image) == (bench.python, "layers")
    copy = f"localhost:5000/{bench.name}/copy"
    bench.engine.tag(older, f"{copy}:1")
    bench.images.append(f"{copy}:1")
    assert bench.known(image) == (bench.python, "layers")
    bench.engine.remove_image(older)
    assert bench.known(image) == (f"{copy}:1", "layers")
    bench.engine.tag(image, f"{copy}:2")
    bench.images.append(f"{copy}:2")
    assert bench.known(image) == (bench.python, "layers")
    assert bench.known(bench.engine.inspect_image(image).id) == (bench.python, "layers")


@pytest.mark.services
def test_base_that_was_pulled_by_its_digest(bench: Bench, tmp_path: Path) -> None:
    """It has no tag, but a name all the same, unlike an image that only lost its tag."""
    copies.need("docker-registry")
    base = bench.build("pinned:1", "ARG PYTHON\nFROM $PYTHON\nCOPY own /own", described=False)
    image = bench.build("on-pinned:1", "ARG NAME\nFROM $NAME-pinned:1\nCOPY own /above", described=False)
    with copies.registry(tmp_path) as host:
        name = f"{host}/{bench.name}-pinned"
        bench.engine.tag(base, f"{name}:1")
        pinned = f"{name}@{bench.engine.push(f'{name}:1', lambda _: None)}"
        bench.engine.remove_image(f"{name}:1")
        assert bench.known(image) == (base, "layers")
        bench.engine.remove_image(base)
        bench.engine.pull(pinned)
    bench.images.append(pinned)
    assert bench.known(image) == (pinned, "layers")


def test_inherited_labels(bench: Bench) -> None:
    """An image on one of ours stands on that, and says nothing of what that stands on."""
    below = bench.build("parent:1", "ARG PYTHON\nFROM $PYTHON\nCOPY own /own")
    image = bench.build("child:1", "ARG NAME\nFROM $NAME-parent:1\nCOPY own /child")
    assert bench.known(image) == (below, "dockerfile")
    bottom = bench.build("bottom:1", "FROM scratch\nCOPY own /own\nLABEL weighbridge.base=scratch")
    assert bench.known(bench.build("top:1", "ARG NAME\nFROM $NAME-bottom:1\nCOPY own /top")) == (bottom, "dockerfile")


def test_inherited_labels_where_the_from_is_not_read(bench: Bench) -> None:
    """What is inherited is then not the build's own word: the label still names an image that this one stands on."""
    bench.build("p-linux:1", "ARG PYTHON\nFROM $PYTHON\nCOPY own /own")
    image = bench.build("unread:1", "ARG NAME\nFROM $NAME-p-${TARGETOS}:1\nCOPY own /child")
    assert bench.known(image) == (bench.python, "label")


def test_named_images(bench: Bench) -> None:
    """All that have a name are listed with all their names, as the client lists them."""
    image = bench.build("named:1", "FROM scratch\nCOPY own /\n")
    bench.engine.tag(image, f"{bench.name}-named:2")
    bench.images.append(f"{bench.name}-named:2")
    named = [(name, each.id) for each in bench.engine.list_named_images() for name in each.names]
    listed = [(name, image) for name, image in named if "@" not in name]
    assert sorted(listed) == sorted(_listed(bench.engine))
    assert {f"{bench.name}-named:1", f"{bench.name}-named:2"} <= {name for name, _ in listed}


def _listed(engine: DockerEngine) -> Sequence[tuple[str, str]]:
    client = docker_cli.find()
    command = [str(client.path), "images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"]
    done = subprocess.run(
        command, env=client.build_environment(engine.host), capture_output=True, text=True, check=True
    )
    rows = [tuple(line.split()) for line in done.stdout.splitlines()]
    return [(name, image) for name, image in rows if "<none>" not in name]


@pytest.fixture(scope="module")
def plain(engine: DockerEngine, bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a project whose variant is built, has no labels of its base, and is saved into a file."""
    with made(engine, tmp_path_factory.mktemp("project")) as project:
        project.configure({"a": {}}, reports={"directory": "reports"})
        image = bench.build("saved:1", "ARG PYTHON\nFROM $PYTHON\nCOPY own /own", described=False)
        engine.tag(image, project.reference("a"))
        bench.images.append(project.reference("a"))
        with engine.save([image]) as stream, (project.folder / "saved.tar").open("wb") as file:
            shutil.copyfileobj(stream, file)
        yield project


def test_baseline_in_a_file(plain: Project, bench: Bench) -> None:
    """The engine of the report's own images tells the base of the baseline's, too, so that they can be compared."""
    done = plain.invoke("report", "--baseline", "archive:saved.tar", "--format", "terminal:out", "--format", "json")
    assert done.code == 0, done.stderr
    (image,) = records.parse_json(done.stdout).images
    assert image.base is not None
    assert (image.base.reference, image.base.known_by) == (bench.python, "layers")
    text = (plain.folder / "out").read_text(encoding="utf-8")
    assert f"on {bench.python} (by its layers)" in text
    assert "base unknown" not in text
    assert "is not compared" not in text


def test_file_alone_needs_no_engine(plain: Project) -> None:
    """A file is weighed where no engine is; its base is not known there."""
    words = ("report", "--image", "archive:saved.tar", "--baseline", "archive:saved.tar", "--format", "json")
    done = plain.invoke(*words, DOCKER_HOST="unix:///nowhere/docker.sock")
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout)["images"][0]["base"] is None


def test_base_that_cannot_be_pulled(engine: DockerEngine, project: Project, python_base: bases.BaseImage) -> None:
    """A pinned base that nobody has is replaced by its stand-in, without a tag; output and report say so."""
    if not python_base.is_standin:
        pytest.skip("the official image is there, and no stand-in is used")
    official = f"python:3.13-slim@sha256:{secrets.token_hex(32)}"
    debian = f"debian:trixie-slim@sha256:{secrets.token_hex(32)}"
    project.configure({"a": {"dockerfile": "docker/Dockerfile"}})
    (project.folder / "docker").mkdir()
    text = f"FROM {debian} AS \\\n  first\nRUN echo hi > /own\nFROM {official}\nCOPY --from=first /own /\n"
    project.write("docker/Dockerfile", text)
    project.write("docker/Dockerfile.dockerignore", "*\n")
    before = {name for image in engine.list_named_images() for name in image.names}
    done = project.invoke("build", "--format", "json")
    assert done.code == 0, done.stderr
    replaced = json.loads(done.stdout)["replaced"]
    assert [line.partition(" cannot be pulled: ")[0] for line in replaced] == [
        f"weighbridge/debian:trixie-slim, our stand-in for {debian}, present because {debian}",
        f"{python_base.reference}, our stand-in for {official}, present because {official}",
    ]
    assert (project.folder / "docker/Dockerfile").read_text() == text
    after = {name for image in engine.list_named_images() for name in image.names}
    assert not [name for name in after - before if name.startswith(("python", "debian"))]
    assert run_in(engine, project.reference("a")) == "hi\n"
    report = project.invoke("report", "--format", "json")
    assert report.code == 0, report.stderr
    base = json.loads(report.stdout)["images"][0]["base"]
    assert (base["reference"], base["stands_for"], base["known_by"]) == (python_base.reference, official, "dockerfile")
    assert f"a stand-in for {official}" in " ".join(project.invoke("report").stdout.split())


def run_in(engine: DockerEngine, image: str) -> str:
    """Return what the file `/own` of an image holds."""
    client = docker_cli.find()
    command = [str(client.path), "run", "--rm", "--network", "none", image, "cat", "/own"]
    return subprocess.run(
        command, env=client.build_environment(engine.host), capture_output=True, text=True, check=True
    ).stdout


def test_base_without_a_standin(project: Project) -> None:
    """The error names the image and says for what there are stand-ins."""
    project.configure({"a": {}})
    project.write("Dockerfile", "FROM localhost:1/nobody/python:3.13\nCOPY Dockerfile /\n")
    error = project.invoke("build").failure(5)
    assert ". Correct localhost:1/nobody/python:3.13 in Dockerfile, solve that problem, or bring the image" in error
    assert "stand-ins exist for python:3.11…" in error
