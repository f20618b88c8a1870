"""The categories of a ledger, in its order: whose a byte can be, and what that is called."""

from __future__ import annotations

from collections.abc import Mapping

MANAGERS: Mapping[str, str] = {"debian": "Debian", "alpine": "Alpine", "rpm": "RPM", "go": "Go", "python": "Python"}
"""The categories of packages -> whose these are, as in `Debian package`."""
CATEGORIES: Mapping[str, str] = {
    "base": "base image",
    **{category: f"{whose} packages" for category, whose in MANAGERS.items()},
    "bytecode": "bytecode",
    "application": "application",
    "unowned": "unowned",
    "wasted": "wasted",
}
"""Every category -> what all its bytes together are called."""
