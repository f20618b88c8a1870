"""Gives the services of a project names that our settings take, and the names by which others know them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from weighbridge.settings.compose.project import ComposeProject, ComposeService
from weighbridge.settings.names import LONGEST, is_free

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)*")
_NO_NAME = re.compile("[^a-z0-9]+")
_PREFIX = "own-"
_SEPARATORS = re.compile("[_-]+")


def name_services(project: ComposeProject) -> dict[str, str]:
    """Return the name of each service in our settings: a label of DNS that no container of ours has."""
    found, used = dict[str, str](), set[str]()
    # Those whose name fits as it is keep it.
    for name in sorted(project.services, key=lambda each: (_to_label(each) != each or not is_free(each), each)):
        label = _to_label(name)
        label = stem = label if is_free(label) else f"{_PREFIX}{label}"[:LONGEST].strip("-")
        number = 1
        while label in used:
            number += 1
            label = f"{stem[: LONGEST - len(str(number)) - 1]}-{number}"
        used.add(label)
        found[name] = label
    return found


def list_aliases(services: Iterable[ComposeService], names: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the further names of each service: its own, if it got another one, its container's, and of all networks.

    Of several services that share a name only the first has it, and none has one that is no name of a host.
    """
    listed = [*services]
    found, used = dict[str, list[str]](), {names[service.name] for service in listed}
    for service in listed:
        of_networks = sorted({alias for aliases in service.networks.values() for alias in aliases})
        wanted = [service.name, service.container_name, service.hostname, *of_networks]
        found[service.name] = []
        for alias in (each.lower() for each in wanted if each):
            if alias not in used and is_free(alias) and _HOST.fullmatch(alias):
                used.add(alias)
                found[service.name].append(alias)
    return found


def list_hosts(service: ComposeService) -> set[str]:
    """Return all names by which others may know a service."""
    aliases = {alias for each in service.networks.values() for alias in each}
    return {each for each in (service.name, service.container_name, service.hostname, *aliases) if each}


def _to_label(name: str) -> str:
    label = _NO_NAME.sub("-", name.lower()).strip("-")[:LONGEST].strip("-")
    return label or "service"


def name_repository(project: ComposeProject) -> str:
    """Return the name of the images that are built. By its grammar `_` stands once or twice, and not beside `-`."""
    return _SEPARATORS.sub(_join_parts, project.name.strip("_-"))


def _join_parts(found: re.Match[str]) -> str:
    signs = found[0]
    return "-" if {*signs} == {"-", "_"} else signs[:2] if signs.startswith("_") else signs
