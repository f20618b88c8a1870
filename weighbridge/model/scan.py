"""What an image's config and layers hold that a rule may object to: the values that are handed to the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "secret",
    "setuid",
    "compiler",
    "package-cache",
    "vcs-folder",
    "test-suite",
    "env-file",
    "writable",
    "foreign-code",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanHit:
    """One thing in one layer that its image may be better off without."""

    kind: Kind
    path: str
    """From the root, with a slash at its beginning."""
    layer: int
    """Index of the layer that shipped it, oldest first."""
    instruction: str
    """What made that layer; empty where nobody tells."""
    live: bool
    """Whether a container sees it. False: a later layer deleted or replaced it, and a pull brings it all the same."""
    detail: str
    """What it is, in words, such as `a private key`; never a secret itself."""
    uid: int = 0
    gid: int = 0
    mode: int = 0
    """Owner and permissions, of what is `writable`: by whom it is is for the rule to say, which knows the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedImage:
    """An image as the rules on images see it."""

    reference: str
    image_id: str
    """The engine's own."""
    platform: str
    """`os/architecture`."""
    config_digest: str = ""
    """Of the image's config: the same on every engine."""
    user: str = ""
    """As the config has it: `10001:10001`, `app`, or empty."""
    group: int | None = None
    """What an engine gives the user as its group where `user` names none; None where that cannot be told."""
    labels: Mapping[str, str] = field(default_factory=dict)
    environment: tuple[str, ...] = ()
    """`KEY=value`."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    health_check: tuple[str, ...] = ()
    """Docker's `Test`: `CMD` and words, `CMD-SHELL` and a line, or `NONE`; empty where the image has none."""
    ports: tuple[str, ...] = ()
    """`8000/tcp`."""
    history: tuple[str, ...] = ()
    """Every step as the builder wrote it down, oldest first, its build arguments included."""
    layer_count: int = 0
    traces: tuple[ScanHit, ...] = ()
    """By layer, then in the order of its archive."""
    cut: frozenset[Kind] = frozenset()
    """Kinds of which a layer holds more than are told here."""
