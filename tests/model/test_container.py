"""What a container is created with: it is hardened."""

from __future__ import annotations

from weighbridge.model.container import ContainerSpec


def test_containers_are_hardened_unless_told_otherwise() -> None:
    """A container that names no options has a read-only root, no capabilities, no new privileges, and limits."""
    spec = ContainerSpec(name="n", image="i", network="w")
    assert spec.read_only
    assert spec.drop_capabilities == ("ALL",)
    assert spec.security_options == ("no-new-privileges:true",)
    assert spec.memory_bytes > 0
    assert spec.pids_limit > 0
