"""The only door to the Docker SDK: an engine that speaks Docker's API, as our own values and our own errors.

Images are built with the command-line client (`build/buildkit.py`), because the SDK does not speak BuildKit; everything
else goes through here. No exception of the SDK or of its HTTP library gets out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

import docker
import docker.errors
import docker.tls
import requests
import urllib3.exceptions

from weighbridge.engine import endpoint, execution, inspect, ownership, push, reasons
from weighbridge.engine.subnets import free_subnet
from weighbridge.errors import EngineError, EngineFault, NoBaseImage, NoEngine, NoSuchImage
from weighbridge.model.engine import ContainerSpec, ContainerState, Created, LocalImage
from weighbridge.model.report import EngineIdentity

_DETECT_TIMEOUT_SECONDS = 10
_REQUEST_TIMEOUT_SECONDS = 120
_GONE_OR_IN_USE = {404, 409, 403}  # the last for a network that a running container is attached to
_FOREIGN = (docker.errors.DockerException, requests.RequestException, urllib3.exceptions.HTTPError)


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turn every exception of the SDK and of the HTTP libraries below it into one of ours. Also a decorator."""
    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise NoSuchImage(f"The engine says: {reasons.plain(error, _FOREIGN)}") from error
    except docker.errors.APIError as error:
        raise EngineFault(f"The engine says: {reasons.plain(error, _FOREIGN)}") from error
    except (docker.errors.DockerException, docker.errors.StreamParseError) as error:
        raise EngineFault(f"The engine cannot be asked: {reasons.plain(error, _FOREIGN)}") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise NoEngine(f"The engine does not answer: {reasons.plain(error, _FOREIGN)}") from error
    except (LookupError, TypeError) as error:
        # The SDK falls over the answer to a request that failed where its JSON is not what it expects.
        if not isinstance(error.__context__, requests.HTTPError):
            raise
        raise EngineFault(f"The engine says: {reasons.plain(error, _FOREIGN)}") from error


@contextmanager
def _of_registry(fault: Callable[[str], EngineError]) -> Iterator[None]:
    """Turn what comes of a registry, also its silence, into an error of its own; an engine that goes away is none."""
    try:
        with mapped_errors():
            yield
    except (EngineFault, NoSuchImage, NoEngine) as error:
        if isinstance(error, NoEngine) and not reasons.timed_out(error):
            raise
        raise fault(reasons.plain(error, _FOREIGN)) from error


def connect() -> DockerEngine:
    """Return the engine that the user's Docker tools would use: see `endpoint`.

    Raises:
        NoEngine: None of them answers; the message names the one that should have.
    """
    named, faults = endpoint.named(), []
    for place in (named,) if named else endpoint.own():
        try:
            return DockerEngine(_answering(place), place.host)
        except NoEngine as error:
            faults.append(error)
    raise faults[0]


def _answering(place: endpoint.Place) -> docker.DockerClient:
    if place.host.startswith("ssh://"):
        raise NoEngine(f"No engine is asked through SSH, as {place.host} would have it", advice=place.way_by_ssh)
    try:
        tls, timeout = _tls(place.certificates, verified=place.verified), _DETECT_TIMEOUT_SECONDS
        client = docker.DockerClient(base_url=place.host, version="auto", timeout=timeout, tls=tls)
    except (*_FOREIGN, ValueError) as error:
        advice = place.advice(closed=reasons.lacks_permission(error))
        raise NoEngine(f"No engine answers at {place.host}: {reasons.plain(error, _FOREIGN)}", advice=advice) from error
    client.api.timeout = _REQUEST_TIMEOUT_SECONDS
    return client


def _tls(folder: Path | None, *, verified: bool) -> docker.tls.TLSConfig | bool:
    if folder is None:
        return False
    authority, certificate, key = (str(folder / f"{name}.pem") for name in ("ca", "cert", "key"))
    return docker.tls.TLSConfig(client_cert=(certificate, key), ca_cert=authority, verify=verified)


class DockerEngine:
    """An `Engine` that speaks Docker's API. Use it as a context manager."""

    def __init__(self, client: docker.DockerClient, host: str) -> None:
        self.host = host
        """URL of the engine, as DOCKER_HOST takes it."""
        # The SDK's stubs lag behind it, so its low-level interface is untyped from here on.
        self._api: Any = client.api

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()

    @property
    def described(self) -> str:
        """The engine in one line, for people."""
        return f"Docker {self.identity.version}, {self.identity.store}, {self.identity.platform}, at {self.host}"

    @cached_property
    def identity(self) -> EngineIdentity:
        """Version, image store and platform of the engine."""
        with mapped_errors():
            return inspect.identity(self._api.info())

    def image(self, reference: str) -> LocalImage:
        """Return what the engine knows of an image; `NoSuchImage` where it has none of that name."""
        try:
            with mapped_errors():
                return inspect.image(reference, self._api.inspect_image(reference))
        except NoSuchImage as error:
            raise NoSuchImage(f"The engine has no image {reference}") from error
        except EngineFault as error:
            if getattr(error.__cause__, "status_code", None) != HTTPStatus.BAD_REQUEST:
                raise
            raise NoSuchImage(f"{reference} is no image's name", advice="Write NAME:TAG, in small letters.") from error

    def has_image(self, reference: str) -> bool:
        """Tell whether the engine has an image of that name."""
        try:
            self.image(reference)
        except NoSuchImage:
            return False
        return True

    @contextmanager
    def save(self, references: Sequence[str]) -> Iterator[BinaryIO]:
        """Open one `docker save` stream of all the images, to be read front to back.

        Layers that several images share come once. Nothing touches the disk on this side.
        """
        url, wanted = self._url("images/get"), {"names": list(references)}
        with mapped_errors(), self._api.get(url, params=wanted, stream=True, timeout=None) as answer:
            if not answer.ok:
                raise EngineFault(f"The engine does not save {', '.join(references)}: {answer.text.strip()}")
            yield cast("BinaryIO", answer.raw)

    def pull(self, reference: str) -> None:
        """Pull an image; `NoBaseImage` where no registry answers, none has it, or nothing comes for long."""
        with _of_registry(lambda reason: NoBaseImage(f"{reference} cannot be pulled: {reason}")):
            for event in self._api.pull(reference, stream=True, decode=True):
                if "error" in event:
                    raise NoBaseImage(f"{reference} cannot be pulled: {event['error']}")

    @mapped_errors()
    def tag(self, image: str, reference: str) -> None:
        """Give an image one more name; who had that name loses it."""
        name, _, tag = reference.rpartition(":")
        self._api.tag(image, name, tag)

    def push(self, reference: str, on_progress: Callable[[int], None]) -> str:
        """Push the image of that name, telling the bytes sent; return its digest in the registry. See `PushRefused`."""
        with _of_registry(partial(push.refused, reference)):
            return push.digest(reference, self._api.push(reference, stream=True, decode=True), on_progress)

    @mapped_errors()
    def remove_image(self, reference: str) -> bool:
        """Remove an image, or only its name where others keep it; False where it is gone or a container uses it."""
        return _done(lambda: self._api.remove_image(reference))

    @mapped_errors()
    def labelled_images(self, label: str) -> tuple[str, ...]:
        """Return the names of all images with that label, and the ids of those that have none, nor a digest to pull."""
        found = self._api.images(filters={"label": label})
        return tuple(sorted({name for image in found for name in inspect.names(image)}))

    @mapped_errors()
    def create_container(self, spec: ContainerSpec) -> Created:
        """Create a container, not yet running."""
        api, named = self._api, self._api.create_endpoint_config(aliases=list(spec.aliases))
        created = api.create_container(
            spec.image,
            **inspect.creation(spec),
            host_config=api.create_host_config(**inspect.confinement(spec)),
            networking_config=api.create_networking_config({spec.network: named}),
        )
        return Created(id=str(created["Id"]), warnings=tuple(created.get("Warnings") or ()))

    @mapped_errors()
    def start(self, container: str) -> None:
        """Start a container; `EngineFault` tells why it cannot, such as a command that does not exist."""
        self._api.start(container)

    @mapped_errors()
    def remove_container(self, container: str) -> bool:
        """Remove a container, running or not; False where it is gone already."""
        return _done(lambda: self._api.remove_container(container, force=True, v=True))

    @mapped_errors()
    def state(self, container: str) -> ContainerState:
        """Return the state of a container now."""
        return inspect.container(self._api.inspect_container(container))

    @mapped_errors()
    def log(self, container: str, lines: int | None = 1000, *, times: bool = False) -> str:
        """Return the end of a container's output, all with None; with `times`, each line begins with its own."""
        return str(self._api.logs(container, tail=lines or "all", timestamps=times), errors="replace")

    @mapped_errors()
    def execute(
        self, container: str, command: Sequence[str], seconds: float = 60, on_line: Callable[[str], None] | None = None
    ) -> tuple[int, str]:
        """Run a command in a running container; return its exit code and its output: see `execution.execute`."""
        return execution.execute(self._api, container, command, seconds, on_line)

    @mapped_errors()
    def users(self, container: str) -> frozenset[int]:
        """Return who a container's processes run as, outside; `EngineFault` where `ps` there does not tell."""
        return inspect.users(self._api.top(container, ps_args="-eo pid,uid"))

    @mapped_errors()
    def signal(self, container: str, name: str) -> None:
        """Send a signal, such as `SIGTERM`, to a container's first process."""
        self._api.kill(container, signal=name)

    @mapped_errors()
    def create_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a bridge network that leads nowhere, in a subnet of ours where the engine has none left."""
        make = partial(self._api.create_network, name, driver="bridge", internal=True, labels=dict(labels))
        try:
            make()
        except docker.errors.APIError as error:
            if "address pool" not in str(error):
                raise
            subnet = free_subnet(inspect.subnets(self._api.networks()))
            make(ipam={"Driver": "default", "Config": [{"Subnet": subnet}]})

    @mapped_errors()
    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a volume of the local driver."""
        self._api.create_volume(name, labels=dict(labels))

    @mapped_errors()
    def remove_labelled(self, label: str) -> int:
        """Remove our containers, networks and volumes with `label` (`key` or `key=value`); return how many.

        What is in use, or somebody else removes at the same time, neither counts nor fails.
        """
        api, (containers, networks, volumes) = self._api, self._find_owned(label)
        gone = sum(_done(partial(api.remove_container, each["Id"], force=True, v=True)) for each in containers)
        gone += sum(_done(partial(api.remove_network, each["Id"])) for each in networks)
        return gone + sum(_done(partial(api.remove_volume, each["Name"], force=True)) for each in volumes)

    @mapped_errors()
    def held(self, label: str) -> tuple[str, ...]:
        """Tell which networks and volumes with `label` are used by containers without it, and by which."""
        containers, *things = self._find_owned(label)
        return inspect.held(containers, things, self._api.containers(all=True))

    @mapped_errors()
    def label_values(self, label: str) -> frozenset[str]:
        """Return the values of `label` on our containers, networks and volumes that carry it."""
        return frozenset(ownership.read_label(each, label) for kind in self._find_owned(label) for each in kind)

    def _find_owned(self, label: str) -> tuple[ownership.Rows, ownership.Rows, ownership.Rows]:
        return ownership.find_owned(self._api, label, self._read_image_labels)

    def _read_image_labels(self, image_id: str) -> Mapping[str, str] | None:
        try:
            return inspect.image(image_id, self._api.inspect_image(image_id)).labels
        except docker.errors.NotFound:
            return None

    def _url(self, path: str) -> str:
        return f"{self._api.base_url}/v{self._api.api_version}/{path}"


def _done(step: Callable[[], object]) -> bool:
    """Run a removal; False where the thing is gone already, is just being removed, or is in use."""
    try:
        step()
    except docker.errors.APIError as error:
        if error.status_code not in _GONE_OR_IN_USE:
            raise
        return False
    return True
