"""What a scan finds in an image's config and layers, for the rules on images to judge: frozen values."""

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
    "tool-file",
    "writable",
    "foreign-code",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanHit:
    """One thing in one layer that should perhaps not be in the image."""

    kind: Kind
    path: str
    """Absolute, with a slash at its beginning."""
    layer: int
    """Index of the layer that shipped it, oldest first."""
    instruction: str
    """The instruction that made that layer; empty if it is not known."""
    live: bool
    """Whether a container sees it. False: a later layer deleted or replaced it, but a pull still brings it."""
    detail: str
    """What it is, in words, such as `a private key`; never the secret itself."""
    uid: int = 0
    gid: int = 0
    mode: int = 0
    """Owner and permissions of a hit of kind `writable`; only the rule knows whether they let its user write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedImage:
    """An image as the rules on images see it."""

    reference: str
    image_id: str
    """The engine's id of the image."""
    platform: str
    """`os/architecture`."""
    config_digest: str = ""
    """Digest of the image's config, the same on every engine."""
    user: str = ""
    """The user as in the config: `10001:10001`, `app`, or empty."""
    group: int | None = None
    """The group that an engine gives the user if `user` names none; None if it is not known."""
    labels: Mapping[str, str] = field(default_factory=dict)
    environment: tuple[str, ...] = ()
    """`KEY=value`."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    health_check: tuple[str, ...] = ()
    """Docker's `Test`: `CMD` and words, `CMD-SHELL` and a line, or `NONE`; empty if the image has no health check."""
    ports: tuple[str, ...] = ()
    """`8000/tcp`."""
    history: tuple[str, ...] = ()
    """Each step as the builder recorded it, with its build arguments; oldest first."""
    layer_count: int = 0
    base: str = ""
    """The name of the image that it stands on; empty if it stands on none, or that is not known."""
    base_layers: int = 0
    """How many of its first layers are those of the base; 0 if that is not known."""
    traces: tuple[ScanHit, ...] = ()
    """Ordered by layer, then as in the layer's archive."""
    cut: frozenset[Kind] = frozenset()
    """Kinds of which a layer has more hits than are listed in `traces`."""
