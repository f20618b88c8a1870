"""What every source yields: the same value, so that what is done with an image does not depend on where it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from weighbridge.image.layer import LayerContent


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One step of an image's history, raw: the words of whatever built it."""

    created_by: str
    comment: str
    empty_layer: bool
    """Whether the step only changed the config, and so has no layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A layer as a registry keeps it, compressed."""

    digest: str
    """`sha256:…` of the compressed bytes; empty where nobody has told or computed it."""
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageContent:
    """What a source knows of one image. Layers and history are oldest first."""

    reference: str
    """The name under which it was asked for."""
    config: bytes
    """The config's own JSON text: a blob too, which every pull brings along."""
    config_digest: str
    """`sha256:…` of that: the image's identity on every engine."""
    platform: str
    """`os/architecture`, or `os/architecture/variant` where the config has a variant."""
    diff_ids: tuple[str, ...]
    history: tuple[HistoryEntry, ...]
    """May be absent or shorter than the layers (OCI image-spec, config.md)."""
    labels: Mapping[str, str]
    working_dir: str
    """Where the image's command runs; `/` or empty where the config says nothing."""
    layers: tuple[LayerContent, ...]
    """One for each diff ID, in the same order."""
    blobs: tuple[Blob | None, ...]
    """One for each diff ID: the layer as it was compressed; None where the source has it uncompressed only."""
