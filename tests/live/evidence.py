"""What others say of an image: the layers that `docker save` writes and the files that `docker export` writes.

Read with Python's `tarfile`, of which the project itself makes no use.
"""

from __future__ import annotations

import json
import os
import posixpath
import secrets
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from weighbridge.build import buildkit
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine
from weighbridge.errors import EngineError

_BUFFER_BYTES = 2**20
_BUILDS = 4
"""How many run at once: the engine is mostly busy with containers that start and end."""
ENGINES_OWN = frozenset({".dockerenv", "dev/console", "etc/hosts", "etc/hostname", "etc/mtab", "etc/resolv.conf"})
"""What the engine puts into every container's root, empty, in the place of what the image has there."""

Figures = tuple[int, int]
"""Bytes and number of regular files."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The regular files of a container's root."""

    live_bytes: int
    """A file with several names counts once, one of the engine's own not at all."""
    files: Mapping[str, int]
    """Size by path; a file with several names comes under each."""


@contextmanager
def built(
    engine: DockerEngine,
    folder: Path,
    targets: Iterable[str],
    arguments: Mapping[str, str],
    labels: Mapping[str, str] | None = None,
) -> Iterator[Mapping[str, str]]:
    """Build stages of the Dockerfile in `folder`; give the images' names, which nobody else uses; remove them after."""
    client, repository = docker_cli.find(), f"weighbridge-test-{os.getpid()}-{secrets.token_hex(3)}"
    names = {target: f"{repository}:{target}" for target in targets}

    def make(target: str) -> None:
        wanted = buildkit.Build(
            variant=target,
            reference=names[target],
            context=folder,
            dockerfile=folder / "Dockerfile",
            target=target,
            arguments=arguments,
            labels=labels or {},
        )
        buildkit.build(client, engine, wanted)

    try:
        with ThreadPoolExecutor(_BUILDS) as threads:
            list(threads.map(make, names))
        yield names
    finally:
        for name in names.values():
            with suppress(EngineError):
                engine.remove_image(name)


@contextmanager
def saved(engine: DockerEngine, references: Sequence[str]) -> Iterator[IO[bytes]]:
    """Give the stream of `docker save`, as the client writes it."""
    client = docker_cli.find()
    command = [str(client.path), "save", *references]
    with subprocess.Popen(command, env=client.build_environment(engine.host), stdout=subprocess.PIPE) as process:
        yield cast("IO[bytes]", process.stdout)
        assert process.wait() == 0


def layers(stream: IO[bytes]) -> Mapping[str, Sequence[Figures]]:
    """Return by each image's name the figures of its layers, the oldest first, as the archive has them."""
    found, links, entries = dict[str, Figures](), dict[str, str](), list[Mapping[str, Sequence[str]]]()
    with tarfile.open(fileobj=stream, mode="r|", bufsize=_BUFFER_BYTES) as outer:
        for member in outer:
            if member.issym():
                links[member.name] = posixpath.normpath(posixpath.join(member.name, "..", member.linkname))
            elif member.name == "manifest.json":
                entries = json.loads(_data(outer, member).read())
            elif member.isreg():
                with suppress(tarfile.ReadError):  # a config or the like, which is no archive
                    found[member.name] = _figures(_data(outer, member))
        while stream.read(2**20):
            pass
    return {
        tag: [found[links.get(path, path)] for path in entry["Layers"]]
        for entry in entries
        for tag in entry["RepoTags"] or ()
    }


def _data(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    return cast("IO[bytes]", archive.extractfile(member))


def _figures(layer: IO[bytes]) -> Figures:
    with tarfile.open(fileobj=layer, mode="r|*", bufsize=_BUFFER_BYTES) as archive:
        sizes = [each.size for each in archive if each.isreg() and not posixpath.basename(each.name).startswith(".wh.")]
    return sum(sizes), len(sizes)


def exported(engine: DockerEngine, reference: str, file: Path) -> Exported:
    """Return what a container that was never started exports.

    Args:
        engine: Has the image.
        reference: The image.
        file: Where the archive is put for a while.
    """
    container = engine._api.create_container(reference, ["none"])["Id"]
    try:
        with file.open("wb") as target:
            for piece in engine._api.export(container, chunk_size=2**20):
                target.write(piece)
    finally:
        engine._api.remove_container(container, v=True, force=True)
    sizes = dict[str, int]()
    with tarfile.open(file) as root:
        for member in root:
            if member.isreg():
                sizes[member.name] = member.size
        live_bytes = sum(size for name, size in sizes.items() if name not in ENGINES_OWN)
        links = {member.name: member.linkname for member in root if member.islnk()}
    file.unlink()
    files = sizes | {name: sizes[target] for name, target in links.items() if target in sizes}
    return Exported(live_bytes, {name: size for name, size in files.items() if name not in ENGINES_OWN})
