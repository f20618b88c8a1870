"""Images without a Dockerfile: archives that `docker import` took, and containers that `docker commit` froze."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live import evidence, stages
from tests.live.gallery import ALL, BASE
from tests.support.images import Entry, tar_of
from tests.support.layers import hard_link, symbolic_link
from weighbridge.build import bases
from weighbridge.cache import Cache
from weighbridge.commands import weigh
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine
from weighbridge.errors import EngineError
from weighbridge.image import filesystem
from weighbridge.model.report import Image
from weighbridge.sources import opener
from weighbridge.sources.locations import DOCKER, Location
from weighbridge.sources.opener import Means

pytestmark = pytest.mark.engine

ROOT = (Entry("d/a", b"a" * 1000), Entry("d/b", b"b" * 300), hard_link("c", "d/a"), symbolic_link("l", "d"))
CHANGES = (
    "set -e; cd /d; rm -r inner; chmod 600 one; head -c 4321 /dev/zero > two; head -c 99 /dev/zero > new;"
    " mv other /moved; ln new /again; mkdir deep; touch deep/empty"
)


@dataclass(frozen=True)
class Bench:
    """Makes images with Docker's client, measures them, and removes them."""

    engine: DockerEngine
    folder: Path
    repository: str

    def docker(self, *words: str, data: bytes = b"") -> str:
        """Run Docker's client; return what it prints."""
        client = docker_cli.find()
        command, environment = [str(client.path), *words], client.build_environment(self.engine.host)
        done = subprocess.run(command, input=data, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()

    def weigh(self, reference: str) -> Image:
        """Weigh an image, and hold its files and its live bytes against those of an export."""
        location = Location(DOCKER, reference)
        (image,) = weigh.weigh({"x": location}, self.folder, cache=Cache(self.folder / "cache")).report.images
        read = dict(opener.read([location], Means(cache=Cache(self.folder / "cache"), engine=self.engine)))[location]
        view = filesystem.stack(read.layers)
        exported = evidence.exported(self.engine, reference, self.folder / "export.tar")
        assert {path: view.get_size(number) for path, number in view.iterate_files()} == exported.files
        assert image.live_bytes == exported.live_bytes
        return image


@pytest.fixture
def bench(engine: DockerEngine, tmp_path: Path) -> Iterator[Bench]:
    """Return a bench whose images have a name that nobody else uses."""
    found = Bench(engine, tmp_path, f"weighbridge-test-{os.getpid()}-{secrets.token_hex(3)}")
    yield found
    for tag in ("imported", "committed"):
        with suppress(EngineError):
            engine.remove_image(f"{found.repository}:{tag}")


def pack(data: bytes) -> bytes:
    """Return what xz makes of bytes."""
    return subprocess.run(["xz", "--stdout"], input=data, check=True, capture_output=True).stdout


@pytest.mark.parametrize("compress", [bytes, pack], ids=["plain", "xz"])
def test_import(bench: Bench, compress: Callable[[bytes], bytes]) -> None:
    """An imported archive is one layer with all its files, and no instruction but what the engine remarks."""
    name = f"{bench.repository}:imported"
    bench.docker("import", "--message", "from a tape", "-", name, data=compress(tar_of(ROOT)))
    image = bench.weigh(name)
    (layer,) = image.layers
    assert (layer.shipped_bytes, layer.file_count, image.live_bytes, image.waste) == (1300, 2, 1300, ())
    assert layer.instruction == "from a tape"


def test_commit(bench: Bench, python_base: bases.BaseImage) -> None:
    """A committed container is its image with one more layer, which says what the container changed and deleted."""
    stages.write(bench.folder)
    name, container = f"{bench.repository}:committed", bench.repository
    with evidence.built(bench.engine, bench.folder, [BASE, "one-time"], {"PYTHON": python_base.reference}) as built:
        bench.docker("run", "--name", container, "--network", "none", built["one-time"], "sh", "-c", CHANGES)
        try:
            bench.docker("commit", container, name)
        finally:
            bench.docker("rm", "--force", "--volumes", container)
        before, after = bench.weigh(built["one-time"]), bench.weigh(name)
    assert [layer.diff_id for layer in after.layers[:-1]] == [layer.diff_id for layer in before.layers]
    last = after.layers[-1]
    assert last.shipped_bytes == 300_000 + 4321 + 99 + 10_000
    assert {(row.cause, row.bytes, row.path) for row in after.waste if row.killed_by == last.index} == {
        ("deleted-directory", ALL - 300_000 - 1 - 10_000, "/d/inner"),
        ("metadata-only", 300_000, "/d/one"),
        ("replaced", 1, "/d/two"),
        ("deleted-directory", 10_000, "/d/other"),
    }
