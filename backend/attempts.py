"""Slows down who sends wrong tokens: after a few, an address may try one more every few seconds."""

from __future__ import annotations

import time
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

FREE_ATTEMPTS = 10
"""So many wrong tokens in a row do not slow down anybody, for somebody may have mistyped one."""
SECONDS_EACH = 3.0
"""Afterwards an address may send one wrong token in this time."""
_MOST_ADDRESSES = 10_000


class Attempts:
    """The failed attempts of each address, of which it is forgiven one every few seconds."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def find_wait(self, address: str) -> int:
        """Return how many whole seconds an address has to wait before its next attempt; 0 for none."""
        excess = self._count(_find_owner(address)) - FREE_ATTEMPTS + 1
        return max(0, ceil(excess * SECONDS_EACH))

    def note_failure(self, address: str) -> None:
        """Count a wrong token."""
        owner = _find_owner(address)
        self._failures[owner] = (self._count(owner) + 1, time.monotonic())
        self._failures.move_to_end(owner)
        if len(self._failures) > _MOST_ADDRESSES:
            self._failures.popitem(last=False)

    def _count(self, owner: str) -> float:
        """Return the failures that are not forgiven yet."""
        count, since = self._failures.get(owner, (0.0, 0.0))
        return max(0.0, count - (time.monotonic() - since) / SECONDS_EACH)


def _find_owner(address: str) -> str:
    """Return whose an address is: a network of IPv6 has more addresses than anybody can count.

    A server that listens on IPv6 alone sees those of IPv4 as `::ffff:10.0.0.1`, which are no network of one owner.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address
