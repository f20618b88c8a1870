"""Our networks get a subnet that neither the engine nor the machine uses."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from weighbridge.engine.subnets import choose_subnet


def test_subnet_is_free() -> None:
    """The subnet overlaps none that is taken, even if all but one are; IPv6 subnets do not matter."""
    left = IPv4Network("198.18.77.64/27")
    taken = map(str, IPv4Network("198.18.0.0/15").address_exclude(left))
    assert choose_subnet([*taken, "fd00::/8", "10.0.0.1/8"]) == str(left)


@pytest.mark.parametrize("taken", [(), ("198.18.0.0/16",), ("198.19.255.225/27",)])
def test_subnet_has_room(taken: tuple[str, ...]) -> None:
    """The subnet has 29 addresses for containers, in a range that no real host has."""
    subnet = IPv4Network(choose_subnet(taken))
    assert subnet.num_addresses - 3 >= 29
    assert subnet.subnet_of(IPv4Network("198.18.0.0/15"))
    assert not any(subnet.overlaps(IPv4Network(each, strict=False)) for each in taken)
