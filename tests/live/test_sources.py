"""Images of the real engine, weighed by us and by tools that share no code with us: GNU tar and the engine's export."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import tarfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from weighbridge.cache import Cache
from weighbridge.commands.weigh import weigh
from weighbridge.engine import docker_cli, lookup
from weighbridge.engine.client import DockerEngine, connect
from weighbridge.engine.protocol import LABEL
from weighbridge.errors import NoSuchImage
from weighbridge.image.base_image import NAME_LABEL
from weighbridge.model.report import Image, Report
from weighbridge.sources import archive_members, daemon
from weighbridge.sources.archive import Archive
from weighbridge.sources.locations import DOCKER, Location

pytestmark = pytest.mark.engine

Build = Callable[[str], str]


@pytest.fixture(scope="module")
def engine() -> Iterator[DockerEngine]:
    """Return the user's engine."""
    with connect() as engine:
        yield engine


@pytest.fixture
def build(engine: DockerEngine, tmp_path: Path) -> Iterator[Build]:
    """Return a function that builds a Dockerfile on `scratch` and returns the image's name; remove the images after."""
    chance, names = random.Random(0), list[str]()  # noqa: S311 - no secret
    (tmp_path / "one").mkdir()
    for number in range(20):
        (tmp_path / "one" / f"file-{number}").write_bytes(chance.randbytes(number * 997))
    (tmp_path / "two" / "deep" / ("long-" * 30)).mkdir(parents=True)
    (tmp_path / "two" / "deep" / ("long-" * 30) / "é").write_bytes(b"x" * 123_456)
    (tmp_path / "two" / "first").write_bytes(b"linked" * 500)
    os.link(tmp_path / "two" / "first", tmp_path / "two" / "second")
    (tmp_path / "two" / "link").symlink_to("first")
    with tarfile.open(tmp_path / "links.tar", "w") as links:  # ADD unpacks it, and only so a hard link gets in
        links.add(tmp_path / "two", "two")

    def run(dockerfile: str) -> str:
        name = f"weighbridge-test:{uuid.uuid4().hex}"
        client = docker_cli.find()
        command = [*client.command, "--tag", name, "--label", f"{LABEL}=test", "--file", "-", str(tmp_path)]
        environment = client.build_environment(engine.host)
        subprocess.run(command, input=dockerfile.encode(), env=environment, check=True, capture_output=True)
        names.append(name)
        return name

    yield run
    for name in names:
        engine.remove_image(name)


ONE = "FROM scratch\nADD one /one\n"
MANY = f"{ONE}ENV a=b\nADD links.tar /\nCOPY one /one\nADD one /again\nCOPY one /one\n"


def docker(*words: str) -> bytes:
    """Run the client of the engine and return what it prints."""
    return subprocess.run([str(docker_cli.find().path), *words], check=True, capture_output=True).stdout


def weighed(engine: DockerEngine, **variants: str) -> Report:
    """Measure images of the engine."""
    locations = {name: Location(DOCKER, reference) for name, reference in variants.items()}
    with TemporaryDirectory() as folder:
        return weigh(locations, Path(folder), cache=Cache(Path(folder)), engine=engine).report


def listed(layer: bytes) -> tuple[int, int]:
    """Return the bytes and number of a layer's regular files, as GNU tar lists them."""
    rows = subprocess.run(["tar", "--list", "--verbose", "--file", "-"], input=layer, check=True, capture_output=True)
    sizes = [int(row.split()[2]) for row in rows.stdout.splitlines() if row.startswith(b"-")]
    return sum(sizes), len(sizes)


def by_tar(name: str, folder: Path) -> list[tuple[int, int]]:
    """Save an image, unpack the archive with GNU tar, and list each layer with it."""
    folder.mkdir()
    subprocess.run(["tar", "--extract", "--file", "-"], input=docker("save", name), cwd=folder, check=True)
    (entry,) = json.loads((folder / "manifest.json").read_bytes())
    layers = [(folder / path).read_bytes() for path in entry["Layers"]]
    return [
        listed(subprocess.run(["gzip", "-dcf"], input=layer, check=True, capture_output=True).stdout)
        for layer in layers
    ]


def figures(image: Image) -> list[tuple[int, int]]:
    """Return bytes and file count of each layer."""
    return [(layer.shipped_bytes, layer.file_count) for layer in image.layers]


def test_layers_weigh_what_gnu_tar_lists(engine: DockerEngine, build: Build, tmp_path: Path) -> None:
    """Each layer of each image, in order, with hard links, long names and repeated layers."""
    one, many = build(ONE), build(MANY)
    report = weighed(engine, one=one, many=many)
    assert [figures(image) for image in report.images] == [by_tar(one, tmp_path / "s1"), by_tar(many, tmp_path / "s2")]
    assert [layer.instruction.split()[0] for layer in report.images[1].layers] == ["ADD", "ADD", "COPY", "ADD", "COPY"]
    for reference, image in zip((one, many), report.images, strict=True):
        assert tuple(layer.diff_id for layer in image.layers) == engine.inspect_image(reference).diff_ids
        assert image.platform.startswith(engine.inspect_image(reference).platform)


def test_image_of_one_layer_weighs_what_a_container_exports(engine: DockerEngine, build: Build) -> None:
    """Where no layer hides another, the files of the merged root filesystem are those of the layer."""
    name = build(ONE)
    container = docker("create", name, "none").decode().strip()
    try:
        exported = docker("export", container)
    finally:
        docker("rm", "--force", container)
    with tarfile.open(fileobj=io.BytesIO(exported)) as root:
        sizes = [member.size for member in root if member.isreg() and member.name.startswith("one/")]
    (image,) = weighed(engine, one=name).images
    assert figures(image) == [(sum(sizes), len(sizes))]


def test_all_names_of_one_image_come_out(engine: DockerEngine, build: Build, tmp_path: Path) -> None:
    """Two names, one image, one stream: each name has it, also where the config differs and the layers do not."""
    name = build(ONE)
    again, labelled = build(ONE), build(f"{ONE}LABEL a=b\n")
    found = dict(daemon.read(engine, [name, again, labelled], Cache(tmp_path / "cache")))
    assert list(found) == [name, again, labelled]
    assert len({content.diff_ids for content in found.values()}) == 1
    assert found[labelled].labels["a"] == "b"
    assert found[name].config_digest == found[again].config_digest != found[labelled].config_digest


def test_base_is_found_by_its_label(engine: DockerEngine, build: Build) -> None:
    """The layers of the named base are marked, and weigh what the base does."""
    base = build(ONE)
    image = weighed(engine, x=build(f"{MANY}LABEL {NAME_LABEL}={base}\n")).images[0]
    assert image.base is not None
    assert (image.base.reference, image.base.layers) == (base, 1)
    assert image.base.shipped_bytes == weighed(engine, base=base).images[0].shipped_bytes
    assert [layer.in_base for layer in image.layers] == [True, False, False, False, False]


def test_client_and_engine_save_the_same(engine: DockerEngine, build: Build, tmp_path: Path) -> None:
    """A saved file gives what the engine's stream gives; progress ends at the number of bytes read."""
    name, seen = build(MANY), list[int]()
    (streamed,) = dict(daemon.read(engine, [name], Cache(tmp_path / "cache"), seen.append)).values()
    saved = docker("save", name)
    assert Archive(archive_members.read(io.BytesIO(saved))).assemble_image(name) == streamed
    assert seen[-1] == len(saved)


def test_image_that_is_missing(engine: DockerEngine, build: Build, tmp_path: Path) -> None:
    """The error names the image that the engine does not have."""
    with pytest.raises(NoSuchImage, match="no image weighbridge-test:missing"):
        dict(daemon.read(engine, [build(ONE), "weighbridge-test:missing"], Cache(tmp_path / "cache")))


def test_engine_says_the_same_without_the_sdk(engine: DockerEngine, build: Build) -> None:
    """What the engine says of itself and of its images is the same with Docker's SDK and without."""
    name = build(f"{ONE}LABEL a=b\n")
    with lookup.connect() as found:
        assert (found.host, found.identity, found.data_root) == (engine.host, engine.identity, engine.data_root)
        assert found.inspect_image(name) == engine.inspect_image(name)
        assert name in {each for image in found.list_named_images() for each in image.names}
        with pytest.raises(NoSuchImage, match=r"^The engine has no image weighbridge-test:missing"):
            found.inspect_image("weighbridge-test:missing")
