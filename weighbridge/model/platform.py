"""Platforms as images, engines and users write them: `os/architecture[/variant]`, in Go's names.

Different names of one architecture are equal by the rules of containerd's package platforms, "Normalization". The names
that kernels give to machines are known, too.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass

UNKNOWN = "unknown"
"""What stands for a part of a platform that an image does not tell."""
_NAME = r"([a-z0-9]+)/([a-z0-9_]+)(?:/([a-z0-9.]+))?"
_GRAMMAR = re.compile(_NAME)
_ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "i386": ("386", ""),
    "i486": ("386", ""),
    "i586": ("386", ""),
    "i686": ("386", ""),
    "armel": ("arm", "v6"),
    "armhf": ("arm", "v7"),
    "armv5l": ("arm", "v5"),
    "armv5tel": ("arm", "v5"),
    "armv6l": ("arm", "v6"),
    "armv7l": ("arm", "v7"),
    "armv8l": ("arm", "v8"),
    "loongarch64": ("loong64", ""),
}
"""Other name of an architecture -> Go's name and the variant that the other name implies."""
_USUAL_VARIANTS = {"arm": "v7", "arm64": "v8", "amd64": "v1"}
"""The variant of an image that names none."""


@dataclass(frozen=True, slots=True)
class Platform:
    """The platform that an image runs on, or that an engine offers."""

    os: str = ""
    architecture: str = ""
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))

    @property
    def full(self) -> tuple[str, str, str]:
        """System, architecture and variant, with one name for equal ones, and the variant always given."""
        architecture, implied = _ARCHITECTURES.get(self.architecture, (self.architecture, ""))
        variant = self.variant or implied
        variant = variant if variant.startswith("v") or not variant else f"v{variant}"
        return self.os, architecture, variant or _USUAL_VARIANTS.get(architecture, "")

    def suits(self, wanted: Platform) -> bool:
        """Tell whether an image of this platform is what somebody wants, who may name no variant and take any."""
        return self.full == wanted.full if wanted.variant else self.full[:2] == wanted.full[:2]


def parse(text: str) -> Platform | None:
    """Return the platform that a text names, with Go's name of its architecture; None if it names none."""
    match = _GRAMMAR.fullmatch(text.lower())
    return _build_platform(*match.groups()) if match else None


def find_platforms(text: str) -> Iterator[Platform]:
    """Yield all platforms that a text names, such as a line that a builder prints."""
    yield from (_build_platform(*match.groups()) for match in _GRAMMAR.finditer(text))


def parse_machine(os: str, machine: str) -> Platform:
    """Return the platform of a machine by its kernel's name of it: `armv7l` is `linux/arm/v7`."""
    return _build_platform(os, machine.lower(), None)


def detect_own() -> Platform:
    """Return the platform of containers on this machine."""
    return parse_machine("linux", platform.machine())


def _build_platform(os: str, name: str, variant: str | None) -> Platform:
    architecture, implied = _ARCHITECTURES.get(name, (name, ""))
    return Platform(os, architecture, variant or implied)
