"""What tests of several modules share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings

# No deadline: the machine may be busy. `--hypothesis-profile quick` is for a first look: `invoke test --quick`.
settings.register_profile("default", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=20)


def pytest_collection_finish() -> None:
    """Spare the collector what was imported: it stays to the end, and is most of what there is."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def dead_engines() -> Iterator[None]:
    """Let a module's tests ask for engines that do not answer.

    The SDK leaves the socket of a failed attempt to the garbage collector. The module ignores the warning by a mark of
    its own, and the sockets are collected while that mark holds, not in another module's tests.
    """
    yield
    gc.collect()
