"""The first bytes of a program tell its machine."""

from __future__ import annotations

import pytest

from tests.support.modes import File, elf, look
from weighbridge.sources.scan import elf as machines


@pytest.mark.parametrize(
    ("head", "machine"),
    [
        (elf(62), "amd64"),
        (elf(62, 1), "amd64"),
        (elf(3, 1), "386"),
        (elf(183), "arm64"),
        (elf(40, 1), "arm"),
        (elf(21), "ppc64le"),
        (elf(22, 2, 2), "s390x"),
        (elf(243), "riscv64"),
        (elf(8, 1, 2), "machine 8, big-endian"),
        (elf(247), ""),
        (elf(62)[:19], ""),
        (b"#!/bin/sh\n" + bytes(40), ""),
        (b"\x7fELF\x02\x07" + bytes(40), ""),
    ],
)
def test_machines(head: bytes, machine: str) -> None:
    """An architecture has the name that platforms use; code that programs of any machine load is for none."""
    found = [spot.detail for spot in look(File(path="app/x.so", data=head)).spots]
    assert found == [machine] * bool(machine)


def test_what_a_machine_runs() -> None:
    """Its own code, an amd64 also what came before it; of an unknown one nothing is known."""
    assert machines.can_run("amd64", "386")
    assert not machines.can_run("arm64", "arm")
    assert not machines.can_run("amd64", "arm64")
    assert machines.can_run("sparc", "amd64")
