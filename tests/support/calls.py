"""Functions that a pool's processes call in tests; they find them by their names."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from collections.abc import Callable

from weighbridge.errors import LimitExceeded
from weighbridge.sources.processes.messages import Incoming

Tell = Callable[[int], object]


def count(number: int, tell: Tell) -> tuple[int, int]:
    """Tell of so many bytes in three steps; return the number, and which process this is."""
    for _ in range(3):
        tell(number // 3)
    return number, os.getpid()


def find_module(name: str, _tell: Tell) -> tuple[bool, int]:
    """Return whether a module is loaded, and which process this is."""
    return name in sys.modules, os.getpid()


def fail(_tell: Tell) -> None:
    """Raise an error with an advice of its own."""
    raise LimitExceeded("it is too much", advice="Take less.")


def hold(path: str, _tell: Tell) -> None:
    """Write which process this is to a file, and never return."""
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 - a path that was sent
        file.write(f"{os.getpid()}\n")
    time.sleep(600)


def vanish(_tell: Tell) -> None:
    """End the process as the system does where memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def take_too_much(_tell: Tell) -> None:
    """Ask for more memory than any machine has."""
    bytes(2**62)


def tell_for_long(tell: Tell) -> None:
    """Tell of many bytes for as long as somebody listens, and half a minute at most."""
    for _ in range(3000):
        tell(2**22)
        time.sleep(0.01)


def digest(name: str, stream: Incoming) -> tuple[str, str]:
    """Return the digest of a stream, read in pieces of an odd length."""
    whole = hashlib.new(name)
    while block := stream.read(99_991):
        whole.update(block)
    return stream.head.hex()[:8], whole.hexdigest()


def read_first(size: int, stream: Incoming) -> bytes:
    """Return a stream's first bytes, and leave the rest."""
    return stream.read(size)


def refuse(stream: Incoming) -> None:
    """Raise an error after a stream's first bytes."""
    raise ValueError(f"{len(stream.read(10))} bytes are enough")
