"""What an engine says about its images, and where it keeps them: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalImage:
    """What the engine says about an image that it has."""

    reference: str
    id: str
    """The engine's id: a config digest with a graph driver, a manifest or index digest with the containerd store."""
    platform: str
    diff_ids: tuple[str, ...]
    """Oldest layer first."""
    labels: Mapping[str, str]
    user: str
    names: tuple[str, ...] = ()
    """All that the engine has for it, `NAME:TAG` each; if it has none, `NAME@DIGEST`, by which it was pulled."""
    digest: str = ""
    """`sha256:…`, the image's digest in the registry of this name; empty if it was neither pulled nor pushed."""
    environment: tuple[str, ...] = ()
    """`KEY=value`."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    health_check: tuple[str, ...] = ()
    """Docker's `Test`: `CMD` and words, `CMD-SHELL` and a line, or `NONE`; empty if the image has no health check."""
    ports: tuple[str, ...] = ()
    """`8000/tcp`, sorted."""
    size_bytes: int = 0
    """What the engine counts depends on its store, so this only tells which of its images is larger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRoot:
    """Where an engine keeps its images, as far as its own words tell."""

    path: str
    """A folder, on the machine of the engine."""
    store: str
    """As in `EngineIdentity`."""
    obstacle: str = ""
    """Why it is not for others on this machine to read, as the second half of a sentence; empty if nothing tells."""
