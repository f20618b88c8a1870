"""Four ways in which images grow, built on the engine and recorded: `python -m tests.live.regressions`.

That writes the records of `tests/support/records/` anew. One image is before all of them; each case is the same
image but for one change, and no other: what the formats say of it is tested without an engine.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import MappingProxyType

from tests.live.conftest import OFFICIAL, Project, made
from weighbridge.build import bases
from weighbridge.engine.client import DockerEngine, connect
from weighbridge.model.report import Report
from weighbridge.report import records

RECORDS = Path(__file__).parents[1] / "support" / "records"
BASE = "weighbridge-test-base"
"""The base's name in the records, whatever the engine called it."""
BEFORE = "before"
_VARIANT = "app"
_PACKAGE = "chartkit"
_WHEELS = {"1.4.0": 400_000, "2.0.0": 1_900_000}
"""Versions of the application's one dependency -> bytes of its data."""
_CODECS = {"1": ("1.0-1", 700_000), "2": ("1.2-1", 3_100_000)}
"""The base's tags -> version and bytes of a Debian package in it."""
_APP_BYTES = 2_400_000

_BASES = """
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE} AS packed
ARG VERSION
ARG TAG
COPY codec-${TAG}.bin /deb/usr/lib/codec/tables.bin
RUN mkdir /deb/DEBIAN \\
 && printf 'Package: libcodec1\\nVersion: %s\\nArchitecture: all\\nMaintainer: Nobody <nobody@example.org>\\n' \\
    "${VERSION}" > /deb/DEBIAN/control \\
 && printf 'Description: tables of a codec\\n' >> /deb/DEBIAN/control \\
 && dpkg-deb --build --root-owner-group /deb /codec.deb

FROM ${PYTHON_IMAGE}
RUN --mount=type=bind,from=packed,source=/codec.deb,target=/codec.deb dpkg --install /codec.deb
"""
# Without bytecode: pip would write its own into the layer, and that differs with its version and its place in the base.
_DOCKERFILE = """
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE} AS before
ARG PYTHON_IMAGE
ARG CHARTKIT=1.4.0
RUN --mount=type=bind,source=wheels,target=/wheels \\
    PYTHONDONTWRITEBYTECODE=1 \\
    pip install --no-index --find-links /wheels --no-compile --no-cache-dir --root-user-action=ignore \\
    chartkit==${CHARTKIT}
COPY app /app
LABEL org.opencontainers.image.base.name=${PYTHON_IMAGE}

FROM before AS chown
RUN chown -R 10001:10001 /app

FROM before AS apt
RUN apt-get update \\
 && apt-get install -y --no-install-recommends jq \\
 && rm -rf /var/lib/apt/lists/*
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One change to the image."""

    target: str = BEFORE
    arguments: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    base: str = "1"
    """The base's tag."""


CASES: Mapping[str, Case] = {
    BEFORE: Case(),
    "dependency": Case(arguments={"CHARTKIT": "2.0.0"}),
    "chown": Case(target="chown"),
    "apt": Case(target="apt"),
    "base": Case(base="2"),
}


def prepare(engine: DockerEngine, project: Project) -> None:
    """Write the sources of all cases and build the base in both of its versions."""
    folder = project.folder
    (folder / "wheels").mkdir()
    for version, count in _WHEELS.items():
        _write_wheel(folder / "wheels", version, count)
    (folder / "app").mkdir()
    project.write("app/main.py", "import chartkit\n")
    (folder / "app" / "model.bin").write_bytes(_payload("app", _APP_BYTES))
    for tag, (_, count) in _CODECS.items():
        (folder / f"codec-{tag}.bin").write_bytes(_payload(tag, count))
    project.write("bases.Dockerfile", _BASES)
    project.write("Dockerfile", _DOCKERFILE)
    variants = {
        f"base-{tag}": {"dockerfile": "bases.Dockerfile", "arguments": {"TAG": tag, "VERSION": version}}
        for tag, (version, _) in _CODECS.items()
    }
    project.configure(variants)
    done = project.invoke("build")
    assert done.code == 0, done.stdout + done.stderr
    project.images.extend(engine.inspect_image(project.reference(name)).id for name in variants)


def record(engine: DockerEngine, project: Project, name: str) -> Report:
    """Build a case in a prepared project, weigh it, and return its record under names that stay the same."""
    case = CASES[name]
    variant = {"target": case.target, "arguments": dict(case.arguments)}
    project.configure({_VARIANT: variant}, bases={"python": project.reference(f"base-{case.base}")})
    done = project.invoke("build")
    assert done.code == 0, done.stdout + done.stderr
    project.images.append(engine.inspect_image(project.reference(_VARIANT)).id)
    done = project.invoke("report", "--format", "json")
    assert done.code == 0, done.stdout + done.stderr
    text = done.stdout.replace(f"{project.repository}:base-", f"{BASE}:").replace(project.repository, "regression")
    return records.parse_json(text)


def _write_wheel(folder: Path, version: str, count: int) -> None:
    """Write a wheel with one module and data: what PEP 427 asks for, and no more."""
    info = f"{_PACKAGE}-{version}.dist-info"
    files = {
        f"{_PACKAGE}/__init__.py": f'__version__ = "{version}"\n'.encode(),
        f"{_PACKAGE}/shapes.bin": _payload(version, count),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {_PACKAGE}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    listed = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / f"{_PACKAGE}-{version}-py3-none-any.whl", "w") as wheel:
        for name, content in {**files, f"{info}/RECORD": listed.encode()}.items():
            wheel.writestr(name, content)


def _payload(seed: str, count: int) -> bytes:
    """Return bytes that are the same each time and that no gzip makes smaller."""
    return Random(seed).randbytes(count)  # noqa: S311 - not a secret


def main() -> None:
    """Write all records."""
    with connect() as engine, tempfile.TemporaryDirectory() as folder, made(engine, Path(folder)) as project:
        bases.find_base_image(engine, "python", OFFICIAL.python)
        prepare(engine, project)
        for name in CASES:
            (RECORDS / f"{name}.json").write_text(records.dump_json(record(engine, project, name)), encoding="utf-8")


if __name__ == "__main__":
    main()
