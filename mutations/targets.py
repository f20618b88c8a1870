"""Names the modules to mutate, each with its own tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from weighbridge.errors import SettingsError

TARGETS = (
    "weighbridge/image/layer.py",
    "weighbridge/image/filesystem.py",
    "weighbridge/image/owners.py",
    "weighbridge/image/ledger.py",
    "weighbridge/image/waste.py",
    "weighbridge/sources/tar/bounded.py",
    "weighbridge/sources/tar/headers.py",
    "weighbridge/sources/tar/layer.py",
    "weighbridge/sources/tar/reader.py",
    "weighbridge/sources/tar/sparse.py",
    "weighbridge/sources/oci/descriptors.py",
    "weighbridge/sources/oci/documents.py",
    "weighbridge/sources/oci/manifests.py",
    "weighbridge/report/budgets.py",
    "weighbridge/report/comparison.py",
    "backend/contract.py",
)
"""Modules whose answers depend on their arguments alone, so that a test of a second can judge them."""


def find_tests(module: str) -> str:
    """Return the file of a module's own tests: the one that mirrors its place."""
    path = PurePosixPath(module)
    folder = path.parent.relative_to("weighbridge") if path.is_relative_to("weighbridge") else path.parent
    return f"tests/{folder}/test_{path.name}"


def choose(wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the modules whose path ends in one of these words, or all of them if there are no words.

    Raises:
        SettingsError: No module's path ends in a word.
    """
    chosen = dict.fromkeys(path for word in wanted for path in _find(word))
    return tuple(chosen) or TARGETS


def _find(word: str) -> Sequence[str]:
    found = [path for path in TARGETS if f"/{path}".endswith(f"/{word.removesuffix('.py')}.py")]
    if not found:
        known = ", ".join(path.removesuffix(".py") for path in TARGETS)
        raise SettingsError(f"--module {word}: no module of that name is mutated", advice=f"Name one of: {known}.")
    return found
