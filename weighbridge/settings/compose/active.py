"""Chooses the services that run: those without a profile, and those of the profiles that are wanted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from weighbridge.quoting import join_names
from weighbridge.settings.compose.places import Place

ALL_PROFILES = "*"
"""Stands for all profiles."""


def choose_active(
    services: Mapping[str, Mapping[str, Any]], profiles: Collection[str], place: Place
) -> tuple[str, ...]:
    """Return the names of the active services, in an order in which each comes after those that it depends on.

    Args:
        services: Name -> what it says, merged.
        profiles: The profiles that are wanted; `*` stands for all.
        place: Where services stand.

    Raises:
        SettingsError: An active service depends on one that is not there or not active, or on itself.
    """
    active = [
        name
        for name, service in services.items()
        if not service.get("profiles") or ALL_PROFILES in profiles or {*profiles} & {*service["profiles"]}
    ]
    waiting = {name: _list_dependencies(services, name, active, place.at(name).at("depends_on")) for name in active}
    try:
        return tuple(TopologicalSorter(waiting).static_order())
    except CycleError as error:
        circle = join_names(name for name in active if name in error.args[1])
        raise place.refuse(f"services depend on each other in a circle: {circle}") from None


def _list_dependencies(
    services: Mapping[str, Mapping[str, Any]], name: str, active: Collection[str], place: Place
) -> set[str]:
    found = set[str]()
    for index, (other, how) in enumerate(services[name].get("depends_on", {}).items(), 1):
        if other not in services:
            raise place.refuse(
                f"the service that it names as number {index} is not there; there are {join_names(services)}"
            )
        if other in active:
            found.add(other)
        elif how.get("required", True):
            raise place.refuse(
                f"{join_names([other])} is not active: choose one of its profiles, or make it not required"
            )
    return found
