"""Things of a user's own in the engine that look like ours in one way or another, but are not."""

from __future__ import annotations

import io
import secrets
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from weighbridge.engine.client import DockerEngine
from weighbridge.smoke.stack.runs import Run

DEAD = "00000000-1-{}"
"""The id of a run of another cache folder that began in 1970, so that every sweep takes it for dead."""


@dataclass(frozen=True)
class Bystanders:
    """The things, each in the engine's own words when it was made."""

    engine: DockerEngine
    run: Run
    """The dead run whose label they carry."""
    base: str
    """What their containers run from."""
    containers: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    """Name, or id of one without a name -> id."""

    def missing(self) -> list[str]:
        """Return what is gone, stopped or changed."""
        api = self.engine._api
        there = {each["Id"] for each in api.containers(all=True)}
        running = {each["Id"] for each in api.containers()}
        networks = {each["Id"] for each in api.networks()}
        volumes = {each["Name"] for each in api.volumes()["Volumes"] or ()}
        gone = [f"container {each}" for each in self.containers if each not in there]
        gone += [f"running container {each}" for each in self.running if each not in running]
        gone += [f"network {each}" for each in self.networks if each not in networks]
        gone += [f"volume {each}" for each in self.volumes if each not in volumes]
        return gone + [
            f"image {name}"
            for name, image_id in self.images.items()
            if not self.engine.has_image(name) or self.engine.inspect_image(name).id != image_id
        ]


@contextmanager
def bystanders(engine: DockerEngine, base: str, ours: Sequence[str] = ()) -> Iterator[Bystanders]:
    """Make one innocent thing of each sort; remove them at the end.

    Args:
        engine: Where.
        base: An image with a shell and `sleep`.
        ours: Images of ours, on each of which three are made: with a name in the same repository, with a name of the
            user's, and without a name.
    """
    run = Run(DEAD.format(secrets.token_hex(4)), keep=False)
    found, word = Bystanders(engine, run, base), secrets.token_hex(4)
    with ExitStack() as stack:
        labelled = _derive(stack, found, base, f"mine-{word}:labelled", run.labels)
        # A running container whose label comes from its image, under a name of the user's and under one like ours.
        for name in (f"mine-{word}-web", f"{run.name}-web"):
            _run(stack, found, labelled, name, {})
        # Our own label, but another name; our name, but no label.
        for name, labels in ((f"mine-{word}", run.labels), (f"{run.name}-mine", {})):
            _make_things(stack, found, base, name, labels)
        for number, image in enumerate(ours):
            repository = image.rpartition(":")[0]
            for derived in (f"{repository}:mine-{number}", f"mine-{word}:{number}", ""):
                _derive(stack, found, image, derived, {})
        yield found


def _archive() -> bytes:
    """Return an archive of one file, so that the derived image has a layer of its own."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        data = secrets.token_bytes(16)
        member = tarfile.TarInfo("mine")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return target.getvalue()


def _make_things(stack: ExitStack, found: Bystanders, image: str, name: str, labels: Mapping[str, str]) -> None:
    """Make a running container with a volume, a network and a volume of one name."""
    api = found.engine._api
    network = api.create_network(name, labels=dict(labels), internal=True)["Id"]
    stack.callback(api.remove_network, network)
    found.networks.append(network)
    _run(stack, found, image, name, labels)


def _run(stack: ExitStack, found: Bystanders, image: str, name: str, labels: Mapping[str, str]) -> None:
    """Run a container that has a named and an anonymous volume."""
    api = found.engine._api
    volume = f"{name}-data" if not labels else name
    api.create_volume(volume, labels=dict(labels))
    stack.callback(api.remove_volume, volume, force=True)
    host = api.create_host_config(binds={volume: {"bind": "/mine-data", "mode": "rw"}}, init=True)
    made: dict[str, Any] = api.create_container(
        image,
        ["sleep", "600"],
        entrypoint=[],
        name=name,
        labels=dict(labels),
        volumes=["/anonymous"],
        host_config=host,
        user="0",
    )
    stack.callback(partial(api.remove_container, made["Id"], force=True, v=True))
    api.start(made["Id"])
    found.containers.append(made["Id"])
    found.running.append(made["Id"])
    found.volumes.extend(each["Name"] for each in api.inspect_container(made["Id"])["Mounts"])


def _derive(stack: ExitStack, found: Bystanders, image: str, name: str, labels: Mapping[str, str]) -> str:
    """Make an image on another one, as `docker commit` does, with further labels; return its id."""
    api = found.engine._api
    made = api.create_container(image, ["none"], entrypoint=[])["Id"]
    try:
        api.put_archive(made, "/", _archive())
        repository, _, tag = name.rpartition(":")
        changes = [f"LABEL {key}={value}" for key, value in labels.items()] or ["ENV MINE=yes"]
        derived = str(api.commit(made, repository or None, tag or None, changes="\n".join(changes))["Id"])
    finally:
        api.remove_container(made)
    found.images[name or derived] = found.engine.inspect_image(name or derived).id
    stack.callback(found.engine.remove_image, name or derived)
    return name or derived
