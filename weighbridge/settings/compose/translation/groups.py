"""Sorts the services of a project: roles, services that they need, one-off commands, and what is left out."""

from __future__ import annotations

import heapq
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from weighbridge.settings.compose.project import ComposeBuild, ComposeProject, ComposeService
from weighbridge.settings.compose.translation.names import list_hosts
from weighbridge.settings.compose.translation.programs import RoleKind, classify
from weighbridge.settings.compose.translation.starts import Start, ends_by_itself, is_test_run

_TCP = "/dev/tcp/"
"""Bash's path of a host and its port."""
_OF_OURS: frozenset[RoleKind] = frozenset({"api", "worker", "beat"})


@dataclass(frozen=True, slots=True)
class Groups:
    """The services' names in groups. A service comes after those that it waits for."""

    roles: tuple[str, ...]
    before: tuple[str, ...]
    services: tuple[str, ...]
    tests: tuple[str, ...]
    """They only run tests."""
    unused: tuple[str, ...]
    """No role needs them."""
    foreign: tuple[str, ...]
    """Their image is built from what is not on this machine, and has no name."""


def sort_services(project: ComposeProject, builds: Mapping[str, ComposeBuild], starts: Mapping[str, Start]) -> Groups:
    """Return the groups of a project's services."""
    order = _order(project.services)
    awaited = {
        other
        for service in project.services.values()
        for other, condition in service.depends_on.items()
        if condition == "service_completed_successfully"
    }
    found: dict[str, list[str]] = {key: [] for key in ("roles", "before", "tests", "foreign", "others")}
    for name in order:
        group = _choose_group(project.services[name], builds, starts[name], awaited)
        found[group].append(name)
    needed = _find_needed(project, found["others"], [*found["roles"], *found["before"]])
    return Groups(
        roles=tuple(found["roles"]),
        before=tuple(found["before"]),
        tests=tuple(found["tests"]),
        foreign=tuple(found["foreign"]),
        services=tuple(name for name in found["others"] if name in needed),
        unused=tuple(name for name in found["others"] if name not in needed),
    )


def _choose_group(
    service: ComposeService, builds: Mapping[str, ComposeBuild], start: Start, awaited: Collection[str]
) -> str:
    if service.name not in builds and not service.image:
        return "foreign"
    is_single = service.restart in {None, "no"}
    if service.name in awaited or (is_single and ends_by_itself(service.name, start)):
        return "before"
    if service.name not in builds:
        # An image that was built elsewhere is a role's if its command says so.
        return "roles" if {*classify(start.calls)} & _OF_OURS else "others"
    return "tests" if is_test_run(start) else "roles"


def _order(services: Mapping[str, ComposeService]) -> list[str]:
    """Return the services so that each comes after those that it depends on, and otherwise by their names."""
    waiting = {name: {each for each in service.depends_on if each in services} for name, service in services.items()}
    free = [name for name, others in waiting.items() if not others]
    heapq.heapify(free)
    order = list[str]()
    while free:
        name = heapq.heappop(free)
        order.append(name)
        for other, left in waiting.items():
            if name in left:
                left.remove(name)
                if not left:
                    heapq.heappush(free, other)
    return order


def _find_needed(project: ComposeProject, candidates: Iterable[str], users: Iterable[str]) -> set[str]:
    """Return the candidates that users, or others of them that are needed, wait for or name."""
    left, open_ends, needed = {*candidates}, [*users], set[str]()
    while open_ends:
        user = project.services[open_ends.pop()]
        text = "\n".join([*user.environment.values(), *(user.command or ()), *(user.entrypoint or ())])
        found = {
            name for name in left if name in user.depends_on or _names_one(text, list_hosts(project.services[name]))
        }
        left -= found
        needed |= found
        open_ends += found
    return needed


def _names_one(text: str, hosts: Iterable[str]) -> bool:
    """Tell whether a text names one of these hosts. A part of a path, or the name of a database, is none."""
    names = "|".join(map(re.escape, sorted(hosts)))
    form = rf"(?<![A-Za-z0-9_.-])(?<![^/]/)(?:{names})(?![A-Za-z0-9_-]|\.[A-Za-z0-9])"
    return bool(re.search(form, f"\n{text}".replace(_TCP, "//")))
