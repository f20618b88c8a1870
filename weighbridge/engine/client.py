"""The only module that uses the Docker SDK: talks to an engine with Docker's API, in our own values and errors.

Everything except builds goes through here: images are built with the command-line client (`build/buildkit.py`), because
the SDK does not support BuildKit. No exception of the SDK or of its HTTP library leaves this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from http import HTTPStatus
from typing import Any, BinaryIO, Self, cast

import docker
import docker.errors
import docker.tls
import requests
import urllib3.exceptions

from weighbridge.engine import conversation, endpoint, execution, inspect, ownership, push, reasons
from weighbridge.engine.conversation import Conversation
from weighbridge.engine.facts import Facts
from weighbridge.engine.subnets import choose_subnet
from weighbridge.errors import EngineError, EngineFault, NoBaseImage, NoEngine, NoSuchImage
from weighbridge.model.container import CommandResult, ContainerSpec, ContainerState, Created, SignalName
from weighbridge.model.engine import LocalImage

_DETECT_TIMEOUT_SECONDS, _REQUEST_TIMEOUT_SECONDS = 10, 120
_GONE_OR_IN_USE = {404, 409, 403}  # 403: a running container is attached to the network
_REMOVALS_AT_ONCE = 4
_FOREIGN = (docker.errors.DockerException, requests.RequestException, urllib3.exceptions.HTTPError)


@contextmanager
def map_errors() -> Iterator[None]:
    """Turn each exception of the SDK and its HTTP libraries into one of ours. Works as a decorator, too."""
    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise NoSuchImage(f"The engine says: {reasons.find_reason(error, _FOREIGN)}") from error
    except docker.errors.APIError as error:
        raise EngineFault(f"The engine says: {reasons.find_reason(error, _FOREIGN)}") from error
    except (docker.errors.DockerException, docker.errors.StreamParseError) as error:
        raise EngineFault(f"The engine cannot be reached: {reasons.find_reason(error, _FOREIGN)}") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise NoEngine(f"The engine does not answer: {reasons.find_reason(error, _FOREIGN)}") from error
    except (LookupError, TypeError) as error:
        # The SDK raises these if a request failed and the JSON of the answer is not what it expects.
        if not isinstance(error.__context__, requests.HTTPError):
            raise
        raise EngineFault(f"The engine says: {reasons.find_reason(error, _FOREIGN)}") from error


@contextmanager
def _map_registry_errors(fault: Callable[[str], EngineError]) -> Iterator[None]:
    """Turn errors that a registry caused, also a timeout, into those of `fault`, unless the engine went away."""
    try:
        with map_errors():
            yield
    except (EngineFault, NoSuchImage, NoEngine) as error:
        if isinstance(error, NoEngine) and not reasons.has_timed_out(error):
            raise
        raise fault(reasons.find_reason(error, _FOREIGN)) from error


def connect() -> DockerEngine:
    """Return the engine that the user's Docker tools would use, as `endpoint` finds it.

    Raises:
        NoEngine: No engine answers; the message names the first that was tried.
        SettingsError: DOCKER_HOST or the client's configuration makes no sense.
    """
    named, faults = endpoint.find_named(), []
    for place in (named,) if named else endpoint.list_own():
        try:
            return DockerEngine(_open_client(place), place.host)
        except NoEngine as error:
            faults.append(error)
    raise faults[0]


def _open_client(place: endpoint.Place) -> docker.DockerClient:
    if place.host.startswith("ssh://"):
        raise NoEngine(f"Weighbridge does not connect through SSH, as {place.host} requires", advice=place.way_by_ssh)
    try:
        tls = docker.tls.TLSConfig(**words) if (words := place.tls_words) else False
        client = docker.DockerClient(base_url=place.host, version="auto", timeout=_DETECT_TIMEOUT_SECONDS, tls=tls)
    except (*_FOREIGN, ValueError) as error:
        why, advice = reasons.find_reason(error, _FOREIGN), place.advise(closed=reasons.lacks_permission(error))
        raise NoEngine(f"No engine answers at {place.host}: {why}", advice=advice) from error
    client.api.timeout = _REQUEST_TIMEOUT_SECONDS
    return client


class DockerEngine(Facts):
    """An `Engine` with Docker's API; `host` is its URL, as DOCKER_HOST takes it. Use it as a context manager."""

    def __init__(self, client: docker.DockerClient, host: str) -> None:
        self.host = host
        # The SDK's type stubs are out of date, so its low-level interface is untyped from here on.
        self._api: Any = client.api

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._api.close()

    @map_errors()
    def ask(self) -> dict[str, Any]:
        """Return the engine's answer to `GET /info`."""
        return cast("dict[str, Any]", self._api.info())

    def inspect_image(self, reference: str) -> LocalImage:
        """Return what the engine knows about an image; raise `NoSuchImage` if it has no image of that name."""
        try:
            with map_errors():
                return inspect.read_image(reference, self._api.inspect_image(reference))
        except NoSuchImage as error:
            raise NoSuchImage(f"The engine has no image {reference}") from error
        except EngineFault as error:
            if getattr(error.__cause__, "status_code", None) != HTTPStatus.BAD_REQUEST:
                raise
            raise NoSuchImage(f"{reference} is no valid image name", advice="Write NAME:TAG, in lower case.") from error

    def has_image(self, reference: str) -> bool:
        """Tell whether the engine has an image of that name."""
        with suppress(NoSuchImage):
            return bool(self.inspect_image(reference))
        return False

    def list_named_images(self) -> tuple[LocalImage, ...]:
        """Return all images that have a name; without those that cannot be asked for, as one that is just removed."""
        with map_errors():
            rows = self._api.images()
        return inspect.describe_named(rows, self.inspect_image)

    @contextmanager
    def save(self, references: Sequence[str]) -> Iterator[BinaryIO]:
        """Open one `docker save` stream of all the images, to be read from front to back."""
        api, named = self._api, {"names": list(references)}
        url = f"{api.base_url}/v{api.api_version}/images/get"
        with map_errors(), api.get(url, params=named, stream=True, timeout=None) as answer:
            if not answer.ok:
                raise EngineFault(f"The engine cannot save {', '.join(references)}: {answer.text.strip()}")
            yield cast("BinaryIO", answer.raw)

    def pull(self, reference: str) -> None:
        """Pull an image; raise `NoBaseImage` if no registry answers, none has it, or no data comes for too long."""
        with _map_registry_errors(lambda reason: NoBaseImage(f"{reference} cannot be pulled: {reason}")):
            for event in self._api.pull(reference, stream=True, decode=True):
                if "error" in event:
                    raise NoBaseImage(f"{reference} cannot be pulled: {event['error']}")

    @map_errors()
    def tag(self, image: str, reference: str) -> None:
        """Give an image one more name; an image that had this name loses it."""
        self._api.tag(image, *reference.rsplit(":", 1))

    def push(self, reference: str, on_progress: Callable[[int], None]) -> str:
        """Push an image, report the bytes sent, return its digest; raise `PushRefused` if the registry refuses it."""
        with _map_registry_errors(partial(push.build_refusal, reference)):
            return push.read_digest(reference, self._api.push(reference, stream=True, decode=True), on_progress)

    @map_errors()
    def remove_image(self, reference: str) -> bool:
        """Remove an image, or only this name if it has others; return False if it is gone or a container uses it."""
        return _try_removal(lambda: self._api.remove_image(reference))

    @map_errors()
    def list_labelled_images(self, label: str) -> tuple[str, ...]:
        """Return the names of all images with that label; of an image without any name or repository digest, its id."""
        found = self._api.images(filters={"label": label})
        return tuple(sorted({name for image in found for name in inspect.read_names(image)}))

    @map_errors()
    def create_container(self, spec: ContainerSpec) -> Created:
        """Create a container without starting it."""
        api, named = self._api, self._api.create_endpoint_config(aliases=list(spec.aliases))
        created = api.create_container(
            spec.image,
            **inspect.build_creation(spec),
            host_config=api.create_host_config(**inspect.build_confinement(spec)),
            networking_config=api.create_networking_config({spec.network: named}),
        )
        return Created(id=str(created["Id"]), warnings=tuple(created.get("Warnings") or ()))

    @map_errors()
    def start(self, container: str) -> None:
        """Start a container; raise `EngineFault` if it cannot start, for example because its command does not exist."""
        self._api.start(container)

    @map_errors()
    def remove_container(self, container: str) -> bool:
        """Remove a container, even a running one; return False if it is gone already."""
        return _try_removal(lambda: self._api.remove_container(container, force=True, v=True))

    @map_errors()
    def read_state(self, container: str) -> ContainerState:
        """Return the state of a container now."""
        return inspect.read_container(self._api.inspect_container(container))

    @map_errors()
    def read_log(self, container: str, lines: int | None = 1000, *, times: bool = False) -> str:
        """Return the last lines of a container's output, or all of it; with `times`, each line begins with its time."""
        return str(self._api.logs(container, tail=lines or "all", timestamps=times), errors="replace")

    @map_errors()
    def read_streams(self, container: str, lines: int | None = 1000) -> tuple[str, str]:
        """Return what `read_log` does, standard output and standard error each by itself."""
        return execution.read_streams(self._api, container, lines)

    @map_errors()
    def execute(
        self, container: str, command: Sequence[str], seconds: float = 60, on_line: Callable[[str], None] | None = None
    ) -> CommandResult:
        """Run a command in a running container and return its result, as `execution.execute` does."""
        return execution.execute(self._api, container, command, seconds, on_line)

    @map_errors()
    def converse(self, container: str, command: Sequence[str]) -> Conversation:
        """Start a program in a running container that is then asked line by line, as `conversation.begin` does."""
        return conversation.begin(self._api, container, command)

    @map_errors()
    def list_changed_files(self, container: str) -> tuple[str, ...]:
        """Return the paths that were added to or changed in a container's own file system, not in what is mounted."""
        return inspect.read_changes(self._api.diff(container))

    @map_errors()
    def list_users(self, container: str) -> frozenset[int]:
        """Return the users of a container's processes, as seen by the host; raise `EngineFault` if `ps` fails."""
        return inspect.read_users(self._api.top(container, ps_args="-eo pid,uid"))

    @map_errors()
    def send_signal(self, container: str, name: SignalName) -> None:
        """Send a signal to a container's first process."""
        self._api.kill(container, signal=name)

    @map_errors()
    def create_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a bridge network without access to the outside; choose a subnet if the engine has none left."""
        make = partial(self._api.create_network, name, driver="bridge", internal=True, labels=dict(labels))
        try:
            make()
        except docker.errors.APIError as error:
            if "address pool" not in str(error):
                raise
            subnet = choose_subnet(inspect.read_subnets(self._api.networks()))
            make(ipam={"Driver": "default", "Config": [{"Subnet": subnet}]})

    @map_errors()
    def create_volume(self, name: str, labels: Mapping[str, str], options: Mapping[str, str] | None = None) -> None:
        """Create a volume of the local driver, with options of that driver."""
        self._api.create_volume(name, driver_opts=dict(options or {}), labels=dict(labels))

    @map_errors()
    def remove_labelled(self, label: str) -> int:
        """Remove our containers, networks and volumes with `label` (`key` or `key=value`); return how many."""
        api, (containers, networks, volumes) = self._api, self._find_owned(label)
        steps = [partial(api.remove_container, each["Id"], force=True, v=True) for each in containers]
        with ThreadPoolExecutor(_REMOVALS_AT_ONCE) as pool:
            gone = sum(pool.map(_try_removal, steps))
        gone += sum(_try_removal(partial(api.remove_network, each["Id"])) for each in networks)
        return gone + sum(_try_removal(partial(api.remove_volume, each["Name"], force=True)) for each in volumes)

    @map_errors()
    def list_held(self, label: str) -> tuple[str, ...]:
        """Return a sentence for each network and volume with `label` that is used by a container without that label."""
        containers, *things = self._find_owned(label)
        return inspect.list_held(containers, things, self._api.containers(all=True))

    @map_errors()
    def list_label_values(self, label: str) -> frozenset[str]:
        """Return the values of `label` on our containers, networks and volumes that carry it."""
        return frozenset(ownership.read_label(each, label) for kind in self._find_owned(label) for each in kind)

    def _find_owned(self, label: str) -> tuple[ownership.Rows, ownership.Rows, ownership.Rows]:
        return ownership.find_owned(self._api, label, self.inspect_image)


def _try_removal(step: Callable[[], object]) -> bool:
    """Run a removal; return False if the thing is gone already, is just being removed, or is in use."""
    try:
        step()
    except docker.errors.APIError as error:
        if error.status_code not in _GONE_OR_IN_USE:
            raise
        return False
    return True
