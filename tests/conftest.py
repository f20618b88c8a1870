"""What tests of several modules share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def dead_engines() -> Iterator[None]:
    """Let a module's tests ask for engines that do not answer.

    The SDK leaves the socket of a failed attempt to the garbage collector. The module ignores the warning by a mark of
    its own, and the sockets are collected while that mark holds, not in another module's tests.
    """
    yield
    gc.collect()
