"""Reads the ports that a service publishes or exposes, in their short and long forms."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from weighbridge.settings.compose.places import Place
from weighbridge.settings.compose.shapes import Handler, take_item, take_list, take_text

_RANGE = r"[0-9]{1,5}(?:-[0-9]{1,5})?"
_PUBLISHED = re.compile(rf"(?:(?:\[[0-9a-fA-F:.]+\]|[0-9.]+):)?(?:({_RANGE})?:)?({_RANGE})(?:/([a-z]+))?")
_EXPOSED = re.compile(rf"()({_RANGE})(?:/([a-z]+))?")
_PROTOCOLS = {"tcp", "udp", "sctp"}
_LAST = 65_535
_MOST = 1000
"""How many ports a range may have: a file with thousands of full ranges would take minutes."""
_WORDS = "it has to be a port of a container, such as 8000, 8080:80 or 127.0.0.1:8080:80/tcp"


def take_ports(value: Any, place: Place) -> tuple[int, ...]:
    """Return the container's TCP ports of `ports`; others are noted."""
    return _unite(_take_port(each, place.item(index)) for index, each in enumerate(take_list(value, place)))


def take_exposed(value: Any, place: Place) -> tuple[int, ...]:
    """Return the TCP ports of `expose`; others are noted."""
    return _unite(_read_port(_EXPOSED, each, place.item(index)) for index, each in enumerate(take_list(value, place)))


def _unite(ports: Iterable[Iterable[int]]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(port for each in ports for port in each))


def _take_port(value: Any, place: Place) -> Iterable[int]:
    if not isinstance(value, dict):
        return _read_port(_PUBLISHED, value, place)
    known: dict[str, Handler] = dict.fromkeys(
        ("target", "published", "host_ip", "protocol", "mode", "name", "app_protocol"), take_text
    )
    port = take_item(value, place, known)
    if "target" not in port:
        raise place.refuse("its target is missing: the container's port")
    return _read_port(_EXPOSED, f"{port['target']}/{port.get('protocol', 'tcp')}", place)


def _read_port(form: re.Pattern[str], value: Any, place: Place) -> Iterable[int]:
    found = form.fullmatch(take_text(value, place).lower())
    if not found or (found[3] or "tcp") not in _PROTOCOLS:
        raise place.refuse(_WORDS)
    ports, published = _expand(found[2], place), _expand(found[1] or "0", place)
    if len(ports) != len(published) and len(published) > 1 < len(ports):
        raise place.refuse("the ranges of the host's ports and the container's are of unlike length")
    if (found[3] or "tcp") != "tcp":
        place.note("is not a TCP port and is left out")
        return ()
    if len(ports) > _MOST:
        place.note(f"is a range of more than {_MOST} ports and is left out")
        return ()
    return ports


def _expand(text: str, place: Place) -> range:
    first, _, last = text.partition("-")
    ports = range(int(first), int(last or first) + 1)
    if not ports or ports[-1] > _LAST:
        raise place.refuse(_WORDS)
    return ports
