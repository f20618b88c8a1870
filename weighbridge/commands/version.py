"""Says which version of Weighbridge this is."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from importlib import metadata
from pathlib import Path


def read_version() -> str:
    """Return the version of the installed package or, in a checkout, of its pyproject.toml."""
    with suppress(metadata.PackageNotFoundError):
        return metadata.version("weighbridge")
    checkout = Path(__file__).parents[2] / "pyproject.toml"
    return str(tomllib.loads(checkout.read_text(encoding="utf-8"))["project"]["version"])
