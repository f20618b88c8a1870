"""Platforms as images tell and users ask for them: `os/architecture[/variant]`, in Go's words.

Equal names: containerd's package platforms, "Normalization".
"""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass

from weighbridge.errors import NoSuchImage
from weighbridge.quoting import quoted

_GRAMMAR = re.compile(r"([a-z0-9]+)/([a-z0-9_]+)(?:/([a-z0-9.]+))?")
_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "i386": "386",
    "i486": "386",
    "i586": "386",
    "i686": "386",
    "armv6l": "arm",
    "armv7l": "arm",
    "armv8l": "arm",
    "loongarch64": "loong64",
}
_USUAL_VARIANTS = {"arm": "v7", "arm64": "v8", "amd64": "v1"}
"""What an image without a variant is."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What an image runs on."""

    os: str = ""
    architecture: str = ""
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))

    @property
    def full(self) -> tuple[str, str, str]:
        """The same with equal names made one and the variant spelled out."""
        architecture = _ARCHITECTURES.get(self.architecture, self.architecture)
        variant = self.variant if self.variant.startswith("v") or not self.variant else f"v{self.variant}"
        return self.os, architecture, variant or _USUAL_VARIANTS.get(architecture, "")

    def suits(self, wanted: Platform) -> bool:
        """Tell whether an image of this platform is one of the wanted; without a variant, any is wanted."""
        return self.full == wanted.full if wanted.variant else self.full[:2] == wanted.full[:2]


def parse(text: str) -> Platform:
    """Return the platform that a user asks for.

    Raises:
        NoSuchImage: It is none.
    """
    match = _GRAMMAR.fullmatch(text.lower())
    if not match:
        raise NoSuchImage(f"{quoted(text)} is no platform", advice="Write it like linux/amd64 or linux/arm/v7.")
    return Platform(match[1], match[2], match[3] or "")


def own() -> Platform:
    """Return the platform of the containers that this machine runs."""
    machine = platform.machine().lower()
    return Platform("linux", _ARCHITECTURES.get(machine, machine))
