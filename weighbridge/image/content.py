"""The one value that every source of images returns, so that no later step depends on where an image came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from weighbridge.image.layer import Fingerprint, LayerContent


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One step of an image's history, exactly as the builder wrote it."""

    created_by: str
    comment: str
    empty_layer: bool
    """Whether the step changed only the config and therefore has no layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A layer as a registry keeps it, compressed."""

    digest: str
    """`sha256:…` of the compressed bytes; empty if unknown."""
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What is asked of an image besides its figures: by what it stands on, and by what it shares with others."""

    reference: str
    """As the other fields, as in `ImageContent`."""
    config_digest: str
    diff_ids: tuple[str, ...]
    labels: Mapping[str, str]
    shipped_bytes: tuple[int, ...]
    """Of each layer."""
    fingerprints: tuple[Fingerprint, ...]
    """One for each layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageContent:
    """What a source knows about one image. Layers and history are in order, the oldest first."""

    reference: str
    """The name that the user gave."""
    config: bytes
    """The JSON text of the config. It is a blob that every pull fetches."""
    config_digest: str
    """`sha256:…` of `config`: the image's identity on every engine."""
    platform: str
    """`os/architecture`, or `os/architecture/variant` if the config has a variant."""
    diff_ids: tuple[str, ...]
    history: tuple[HistoryEntry, ...]
    """May be empty or shorter than the layers (OCI image-spec, config.md)."""
    labels: Mapping[str, str]
    working_dir: str
    """Where the image's command runs; `/` or empty if the config does not say."""
    layers: tuple[LayerContent, ...]
    """One for each diff ID, in the same order."""
    blobs: tuple[Blob | None, ...]
    """The compressed layer for each diff ID; None if the source has only the uncompressed one."""

    @property
    def outline(self) -> Outline:
        """What is left of it without its files."""
        return Outline(
            reference=self.reference,
            config_digest=self.config_digest,
            diff_ids=self.diff_ids,
            labels=self.labels,
            shipped_bytes=tuple(layer.shipped_bytes for layer in self.layers),
            fingerprints=tuple(layer.fingerprint for layer in self.layers),
        )
