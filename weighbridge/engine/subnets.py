"""Chooses a subnet when an engine's address pools are used up or conflict with a route of the host."""

from __future__ import annotations

import random
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

_RANGE = IPv4Network("198.18.0.0/15")
"""Reserved for benchmarks of network devices (RFC 2544), so no real host has such an address."""
_PREFIX_LENGTH = 27


def choose_subnet(taken: Iterable[str]) -> str:
    """Return a random subnet for up to 29 hosts that overlaps none of `taken`.

    It is random so that two runs hardly ever choose the same one at the same time; the engine would refuse the second.
    """
    known = [ip_network(each, strict=False) for each in taken]
    subnets = [subnet for subnet in _RANGE.subnets(new_prefix=_PREFIX_LENGTH) if not _overlaps_any(subnet, known)]
    return str(random.choice(subnets))  # noqa: S311 - it is no secret


def _overlaps_any(subnet: IPv4Network, known: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(isinstance(other, IPv4Network) and subnet.overlaps(other) for other in known)
