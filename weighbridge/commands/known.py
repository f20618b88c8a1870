"""Keeps what was worked out of an image, so that it is not worked out again: its figures, and the tree of its parts.

They depend on the image, on its base, on what is asked of it, on the limits and on our code. All of these are in the
key, and nothing else counts: not how the image is called, nor budgets, baselines or formats.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from weighbridge.cache import Cache
from weighbridge.errors import UnreadableRecord
from weighbridge.image.content import Blob, ImageContent, Outline
from weighbridge.image.layer import Fingerprint
from weighbridge.model.engine import LocalImage
from weighbridge.model.limits import Limits
from weighbridge.model.report import Base, Image, Report
from weighbridge.model.tree import Node
from weighbridge.report import records
from weighbridge.sources import remembered

if TYPE_CHECKING:
    from weighbridge.image.requirements import Demand

_CODE = "weighbridge.image.weighing", "weighbridge.image.tree", "weighbridge.sources.assembly", __name__
"""The modules, with all that they import, on which figures and trees depend."""
_MISFITS = LookupError, TypeError, ValueError, AttributeError
"""What a cached file raises that someone changed."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The outline of an image whose figures may be known."""

    outline: Outline
    key: str
    """What tells the image from others, under these limits and by this code."""
    estimated: tuple[bool, ...]
    """Of each layer, whether its pull bytes are estimated."""


class Known:
    """The figures of images that were worked out before, under the same limits and by the same code."""

    def __init__(self, cache: Cache, limits: Limits) -> None:
        self._cache, self._limits = cache, limits

    @cached_property
    def _rules(self) -> Sequence[object]:
        """What figures depend on besides the image; to compute it takes some milliseconds where the cache is empty."""
        return [self._cache.compute_code_digest(*_CODE), asdict(self._limits)]

    def prepare(self) -> None:
        """Compute beforehand what the first image would wait for."""
        _ = self._rules

    def recall(self, image: LocalImage) -> Kept | None:
        """Return the outline of an engine's image; None if it is not known, or its files are not."""
        if (found := remembered.read(self._cache, image.id)) is None:
            return None
        key = self._make_key(found.config, found.blobs)
        try:
            outline = _build_outline(self._cache.read_document(f"outline-{key}") or {}, image.reference)
        except _MISFITS:
            return None
        return Kept(outline, key, _list_estimated(found.blobs)) if outline.diff_ids == image.diff_ids else None

    def keep(self, content: ImageContent) -> Kept:
        """Keep the outline of an image that was read."""
        kept = Kept(content.outline, self._make_key(content.config, content.blobs), _list_estimated(content.blobs))
        self._cache.keep_document(f"outline-{kept.key}", asdict(kept.outline))
        return kept

    def find(self, kept: Kept, base: Base | None, demand: Demand | None) -> Figures:
        """Return where the figures of an image are kept, given its base and what the project asks of it."""
        requirements, commands = (demand.requirements, demand.commands) if demand else ((), ())
        asked = [(each.kind, {name: sorted(of) for name, of in each.names.items()}) for each in requirements]
        key = _digest([kept.key, base and asdict(base), asked, commands])
        return Figures(self._cache, key, kept)

    def _make_key(self, config: bytes, blobs: Sequence[Blob | None]) -> str:
        packed = [(each.digest, each.size_bytes) if each else None for each in blobs]
        return _digest([self._rules, sha256(config).hexdigest(), packed])


@dataclass(frozen=True, slots=True)
class Figures:
    """The place of one image's figures in the cache."""

    _cache: Cache
    _key: str
    _kept: Kept

    def read(self, variant: str, source: str) -> Image | None:
        """Return the figures under the names of this run; None if they are not known."""
        kept = self._cache.read_document(f"figures-{self._key}")
        try:
            (image,) = records.parse_object(kept, "the cache").images if kept else ()
        except (UnreadableRecord, *_MISFITS):
            return None
        outline = self._kept.outline
        if image.id != outline.config_digest:
            return None
        return replace(image, variant=variant, source=source, reference=outline.reference)

    def keep(self, image: Image) -> None:
        """Keep the figures."""
        record = Report(recorded_at="", commit=None, dirty=False, engine=None, images=(image,))
        self._cache.keep_document(f"figures-{self._key}", asdict(record))

    def can_build_tree(self) -> bool:
        """Tell whether the tree is known, or else all layers from which to build it."""
        layers = zip(self._kept.outline.diff_ids, self._kept.estimated, strict=True)
        return self._cache.has_document(f"tree-{self._key}") or all(
            self._cache.touch_layer(diff_id, estimated=estimated) for diff_id, estimated in layers
        )

    def read_tree(self) -> Node | None:
        """Return the tree; None if it is not known."""
        kept: Mapping[str, Any] | None = self._cache.read_document(f"tree-{self._key}")
        try:
            return _build_node(kept["root"]) if kept else None
        except (*_MISFITS, RecursionError):
            return None

    def keep_tree(self, root: Node) -> None:
        """Keep the tree."""
        self._cache.keep_document(f"tree-{self._key}", {"root": _export_node(root)})


def _list_estimated(blobs: Sequence[Blob | None]) -> tuple[bool, ...]:
    return tuple(blob is None for blob in blobs)


def _digest(value: object) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _build_outline(kept: Mapping[str, Any], reference: str) -> Outline:
    return Outline(
        reference=reference,
        config_digest=kept["config_digest"],
        diff_ids=tuple(kept["diff_ids"]),
        labels=dict(kept["labels"]),
        shipped_bytes=tuple(kept["shipped_bytes"]),
        fingerprints=tuple(Fingerprint(**each) for each in kept["fingerprints"]),
    )


def _export_node(node: Node) -> list[Any]:
    return [node.name, node.bytes, node.category, node.files, [_export_node(child) for child in node.children]]


def _build_node(kept: list[Any]) -> Node:
    name, size, category, files, children = kept
    inner = tuple(map(_build_node, children))
    return Node(name=name, bytes=size, category=category, files=files, children=inner)
