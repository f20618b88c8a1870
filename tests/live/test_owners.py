"""Whose the bytes of an image are, by its ledger and by what a container of it says itself."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live import evidence
from weighbridge.build import bases
from weighbridge.cache import Cache
from weighbridge.commands import weigh
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine
from weighbridge.image.base_image import TOP_LABEL
from weighbridge.model.report import Image
from weighbridge.sources.locations import ARCHIVE, DOCKER, Location

pytestmark = pytest.mark.engine

INSIDE = Path(__file__).with_name("owners_inside.py")
PLAIN, LABELLED = "plain", "labelled"
_DOCKERFILE = r"""
ARG PYTHON
FROM ${PYTHON} AS plain
WORKDIR /app
RUN --mount=type=bind,target=/context set -e; \
    dpkg-divert --quiet --rename --package tiny --divert /usr/bin/tac.real --add /usr/bin/tac; \
    dpkg-divert --quiet --rename --local --divert /usr/bin/shuf.real --add /usr/bin/shuf; \
    for name in tiny gone; do \
      cp -R /context/$name /tmp/$name; chmod -R u=rwX,go=rX /tmp/$name; \
      if [ $name = tiny ]; then ln /tmp/tiny/lib/tiny/library /tmp/tiny/usr/share/tiny/hard; \
        ln -s data /tmp/tiny/usr/share/tiny/soft; fi; \
      dpkg-deb --root-owner-group --build /tmp/$name /tmp/$name.deb; dpkg --install /tmp/$name.deb; done; \
    dpkg --remove gone; rm -rf /tmp/* /usr/share/tiny/deleted
RUN --mount=type=bind,target=/context set -e; \
    python3 -B -m venv --without-pip /opt/venv; \
    python3 -B -m pip --python /opt/venv/bin/python install --quiet --no-index --no-cache-dir /context/*.whl; \
    mkdir /cache; ln /opt/venv/lib/python3*/site-packages/tiny_wheel/values /cache/values
COPY application.py extra/ ./
RUN set -e; \
    python3 -B -m compileall -q -o 0 -o 2 /app "$(dirname "$(python3 -Bc 'import json; print(json.__file__)')")"; \
    cp /app/application.py /app/forgotten.py; python3 -B -m compileall -q /app/forgotten.py; rm /app/forgotten.py

FROM plain AS labelled
ARG PYTHON
LABEL org.opencontainers.image.base.name=${PYTHON}
"""
_CONTROL = """\
Package: {name}
Version: 1:2.0-{size}
Architecture: all
Maintainer: Nobody <nobody@localhost>
Description: of no use
"""
_DIST = "usr/lib/python3/dist-packages/shared"
DEB = {
    "lib/tiny/library": b"x" * 20_000,
    "usr/share/tiny/data": b"x" * 3_000,
    "usr/share/tiny/deleted": b"x" * 50_000,
    "usr/bin/tac": b"x" * 400,
    "etc/tiny.conf": b"x" * 11,
    f"{_DIST}.py": b"x = 1\n",
    f"{_DIST}-3.dist-info/METADATA": b"Name: shared\nVersion: 3\n",
    f"{_DIST}-3.dist-info/RECORD": b"shared.py,,\nshared-3.dist-info/METADATA,,\nshared-3.dist-info/RECORD,,\n",
}
"""A Debian package: one of its files is deleted later, one lies where another package's was, three are Python's too."""
WHEEL = {
    "tiny_wheel/__init__.py": b"",
    "tiny_wheel/code.py": b"def run() -> None:\n    print(1)\n" * 50,
    "tiny_wheel/values": b"v" * 5_000,
    "tiny_wheel-1.0.data/scripts/tiny-script": b"#!python\nprint(1)\n",
    "tiny_wheel-1.0.data/data/share/tiny/notes": b"n" * 700,
    "tiny_wheel-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: Tiny.Wheel\nVersion: 1.0\n",
    "tiny_wheel-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "tiny_wheel-1.0.dist-info/entry_points.txt": b"[console_scripts]\ntiny-entry = tiny_wheel.code:run\n",
}
Row = tuple[str, str, str, int]
"""Category, name, version, bytes."""


def write(folder: Path) -> None:
    """Write the Dockerfile and all that it copies."""
    for package, files in (("tiny", DEB), ("gone", {"etc/gone.conf": b"x"})):
        control = folder / package / "DEBIAN"
        control.mkdir(parents=True)
        (control / "control").write_text(_CONTROL.format(name=package, size=len(files)), encoding="utf-8")
        (control / "conffiles").write_text("".join(f"/{name}\n" for name in files if name.startswith("etc/")))
        for name, data in files.items():
            (folder / package / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / package / name).write_bytes(data)
    with zipfile.ZipFile(folder / "tiny_wheel-1.0-py3-none-any.whl", "w") as wheel:
        record = "tiny_wheel-1.0.dist-info/RECORD"
        for name, data in WHEEL.items():
            wheel.writestr(name, data)
        rows = [f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in WHEEL.items()]
        wheel.writestr(record, "".join([*rows, f"{record},,\n"]))
    (folder / "application.py").write_bytes(b"print(1)\n" * 100)
    (folder / "extra" / "inner").mkdir(parents=True)
    (folder / "extra" / "inner" / "data").write_bytes(b"d" * 1234)
    (folder / "Dockerfile").write_text(_DOCKERFILE, encoding="utf-8")


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Owned:
    """An image, and what a container of it says of its files."""

    images: Mapping[str, Image]
    inside: frozenset[Row]

    def told(self, category: str) -> set[Row]:
        """Return what the container says of one category."""
        return {row for row in self.inside if row[0] == category}

    def rows(self, category: str) -> set[Row]:
        """Return what the ledger says of it."""
        ledger = self.images[PLAIN].ledger
        return {(row.category, row.name, row.version or "", row.bytes) for row in ledger if row.category == category}


@pytest.fixture(scope="module")
def owned(
    engine: DockerEngine, python_base: bases.BaseImage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Owned]:
    """Build the image, measure it, and ask a container of it."""
    folder, base = tmp_path_factory.mktemp("owned"), engine.inspect_image(python_base.reference)
    write(folder)
    arguments, labels = {"PYTHON": python_base.reference}, {TOP_LABEL: f"{len(base.diff_ids)} {base.diff_ids[-1]}"}
    with evidence.built(engine, folder, (PLAIN, LABELLED), arguments, labels) as names:
        # Without an engine, which would tell its base by its layers, all of the plain image has its own owners.
        saved = Location(ARCHIVE, str(folder / "plain.tar"))
        with engine.save([names[PLAIN]]) as stream, Path(saved.place).open("wb") as file:
            shutil.copyfileobj(stream, file)
        images = [
            weigh.weigh({name: location}, folder, cache=Cache(folder / "cache")).report.images[0]
            for name, location in {PLAIN: saved, LABELLED: Location(DOCKER, names[LABELLED])}.items()
        ]
        client = docker_cli.find()
        command = [str(client.path), "run", "--rm", "--interactive", "--network", "none", names[PLAIN]]
        inside = subprocess.run(
            [*command, "python3", "-I", "-B", "-"],
            input=INSIDE.read_bytes(),
            env=client.build_environment(engine.host),
            capture_output=True,
            check=True,
        )
        rows = frozenset((str(c), str(n), str(v), int(size)) for c, n, v, size in json.loads(inside.stdout))
        yield Owned({image.variant: image for image in images}, rows)


def test_debian_rows_are_those_of_dpkg(owned: Owned) -> None:
    """Each package has the files that `dpkg -L` lists, where they really are, and nothing else."""
    assert owned.rows("debian") == owned.told("debian")


def test_package_of_known_files(owned: Owned) -> None:
    """A file below a linked /lib, a diverted name and a hard link count once, a deleted file and a soft link do not."""
    alone = [data for name, data in DEB.items() if _DIST not in name and name != "usr/share/tiny/deleted"]
    assert ("debian", "tiny", f"1:2.0-{len(DEB)}", sum(map(len, alone))) in owned.rows("debian")


def test_what_python_and_debian_claim_is_pythons(owned: Owned) -> None:
    """A distribution that came in a Debian package has the files of its RECORD."""
    shared = [data for name, data in DEB.items() if _DIST in name]
    assert ("python", "shared", "3", sum(map(len, shared))) in owned.rows("python")


def test_package_that_was_removed_owns_nothing(owned: Owned) -> None:
    """Its settings are still there and its list is, but dpkg does not call it installed."""
    assert not [row for row in owned.images[PLAIN].ledger if row.name == "gone"]


def test_python_rows_are_those_of_record(owned: Owned) -> None:
    """Each distribution has the files of its RECORD, scripts and data outside of its folder and hard links too."""
    assert owned.rows("python") == owned.told("python")
    assert [row for row in owned.rows("python") if row[:3] == ("python", "tiny-wheel", "1.0") and row[3] > 5_700]


def test_bytecode_rows_are_the_compiled_files(owned: Owned) -> None:
    """Bytecode goes by the name of whom its source belongs to, if to anybody; all of it is all that is there."""
    told = owned.told("bytecode")
    assert {row for row in told if row[1]} <= owned.rows("bytecode")
    assert {"", "tiny-wheel"} < {name for _, name, _, _ in told}
    assert sum(row[3] for row in owned.rows("bytecode")) == sum(row[3] for row in told)


def test_application_is_what_lies_in_the_working_directory(owned: Owned) -> None:
    """What the image's command runs in, its bytecode aside, is the application."""
    assert owned.rows("application") == owned.told("application") == {("application", "/app", "", 900 + 1234)}


def test_base_keeps_what_it_ships(owned: Owned) -> None:
    """Where the base is known, its live bytes are the base's, and each owner has as many bytes in all as without it."""
    image, sums, without = owned.images[LABELLED], Counter[tuple[str, str | None]](), Counter[tuple[str, str | None]]()
    assert image.base is not None
    in_base = sum(layer.live_bytes or 0 for layer in image.layers if layer.in_base)
    assert sum(row.bytes for row in image.ledger if row.category == "base") == in_base > 0
    for row in image.ledger:
        sums[row.name, row.version] += row.bytes
    for row in owned.images[PLAIN].ledger:
        without[row.name, row.version] += row.bytes
    assert sums == without
