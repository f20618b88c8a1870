"""The categories of a ledger, in order, with their titles."""

from __future__ import annotations

from collections.abc import Mapping

MANAGERS: Mapping[str, str] = {"debian": "Debian", "alpine": "Alpine", "python": "Python"}
"""Category of packages -> the name of their distribution or language, as in `Debian package`."""
CATEGORIES: Mapping[str, str] = {
    "base": "base image",
    **{category: f"{name} packages" for category, name in MANAGERS.items()},
    "bytecode": "bytecode",
    "application": "application",
    "unowned": "unowned",
    "wasted": "wasted",
}
"""Category -> the title for all its bytes."""
