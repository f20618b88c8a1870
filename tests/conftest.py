"""What tests of several modules share."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings

# No deadline: the machine may be busy. Examples are random, so that each run may find what the last did not; in CI
# (`CI` in the environment) they follow from the test alone, so that a commit passes or fails for what it changed.
# `--hypothesis-profile quick` is for a first look, as in `invoke test --quick`; `hunt` is for an hour to spare.
settings.register_profile("default", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=20)
settings.register_profile("hunt", deadline=None, max_examples=3000)
settings.register_profile("ci", deadline=None, derandomize=True)
# `mutate` is for `invoke mutate`, which runs a test once per mutant: it has to fail, at whatever example.
settings.register_profile(
    "mutate", deadline=None, derandomize=True, max_examples=30, phases=(Phase.explicit, Phase.generate)
)
settings.load_profile("ci" if os.environ.get("CI") else "default")

# pytest-xdist tells its workers the width of its own terminal; here all is as wide as a pipe, unless a test says so.
os.environ.pop("COLUMNS", None)
# In a job of CI, too, output is as it is elsewhere, unless a test says so.
for name in ("GITHUB_ACTIONS", "GITLAB_CI"):
    os.environ.pop(name, None)


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
