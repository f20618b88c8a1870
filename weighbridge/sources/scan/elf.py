"""Reads from the head of an ELF file which architecture it is for, in the words of an image's platform."""

from __future__ import annotations

from typing import Literal

HEAD_BYTES = 20
_MACHINE = slice(18, 20)
_ORDERS: dict[int, Literal["little", "big"]] = {1: "little", 2: "big"}
_32, _64 = 1, 2
_NAMES = {
    (3, _32, "little"): "386",
    (6, _32, "little"): "386",  # the 486, a value that old tools wrote
    (21, _64, "little"): "ppc64le",
    (22, _64, "big"): "s390x",
    (40, _32, "little"): "arm",
    (62, _64, "little"): "amd64",
    (62, _32, "little"): "amd64",  # x32: shorter pointers, the same processor
    (183, _64, "little"): "arm64",
    (243, _64, "little"): "riscv64",
    (258, _64, "little"): "loong64",
}
_NO_COMPUTER = frozenset({190, 224, 247})
"""CUDA, AMD's graphics and BPF: programs of any architecture load such code."""
_ALSO_RUNS = {"amd64": frozenset({"386"})}
KNOWN = frozenset(_NAMES.values())
"""The architectures that this module can distinguish."""


def identify_architecture(head: bytes) -> str:
    """Return an ELF file's architecture; empty if it is not an ELF file, or not code for a computer's processor."""
    if len(head) < HEAD_BYTES or head[:4] != b"\x7fELF" or head[5] not in _ORDERS:
        return ""
    width, order = head[4], _ORDERS[head[5]]
    number = int.from_bytes(head[_MACHINE], order)
    if number in _NO_COMPUTER:
        return ""
    return _NAMES.get((number, width, order), f"machine {number}, {order}-endian")


def can_run(architecture: str, code: str) -> bool:
    """Tell whether a machine of that architecture runs such code; True if the architecture is not in `KNOWN`."""
    return architecture not in KNOWN or code == architecture or code in _ALSO_RUNS.get(architecture, ())
