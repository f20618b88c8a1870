"""The one place that joins an image's source, its layers and its base into a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from weighbridge.engine import Engine
from weighbridge.errors import EngineFault, NoSuchImage
from weighbridge.model import Base, Image, Layer, Report
from weighbridge.sources import ImageContent, daemon
from weighbridge.sources.history import instructions

BASE_LABEL = "org.opencontainers.image.base.name"
"""Names the image of the last FROM (OCI image-spec, annotations.md)."""


def measure(
    engine: Engine,
    variants: Mapping[str, str],
    *,
    recorded_at: str,
    commit: str | None,
    dirty: bool,
    on_progress: Callable[[int], None] | None = None,
) -> Report:
    """Weigh images of an engine, all in one pass.

    Args:
        engine: A connected engine.
        variants: Variant -> reference of its image.
        recorded_at: UTC, ISO 8601, whole seconds, ending in `Z`.
        commit: What the working tree stands on; None outside a repository.
        dirty: Whether the working tree differed from that commit.
        on_progress: Is told the number of bytes read so far.

    Raises:
        NoSuchImage, UnreadableImage, EngineError: As `sources.daemon.read` says.
    """
    contents = daemon.read(engine, variants.values(), on_progress)
    return Report(
        recorded_at=recorded_at,
        commit=commit,
        dirty=dirty,
        engine=engine.identity,
        images=tuple(
            weighed(variant, contents[reference], "docker", base_of(contents[reference], engine))
            for variant, reference in variants.items()
        ),
    )


def weighed(variant: str, content: ImageContent, source: str, base: Base | None) -> Image:
    """Return one image's figures; its sums are those of its layers."""
    told = instructions(content.history, len(content.diff_ids))
    layers = tuple(
        Layer(
            index=index,
            diff_id=diff_id,
            instruction=instruction,
            in_base=index < base.layers if base else None,
            shipped_bytes=layer.shipped_bytes,
            file_count=layer.file_count,
        )
        for index, (diff_id, instruction, layer) in enumerate(zip(content.diff_ids, told, content.layers, strict=True))
    )
    return Image(
        variant=variant,
        reference=content.reference,
        source=source,
        id=content.config_digest,
        platform=content.platform,
        shipped_bytes=sum(layer.shipped_bytes for layer in layers),
        file_count=sum(layer.file_count for layer in layers),
        base=base,
        layers=layers,
    )


def base_of(content: ImageContent, engine: Engine) -> Base | None:
    """Return the base that the image names in its label, if the engine has it and the image really stands on it."""
    reference = content.labels.get(BASE_LABEL, "").strip()
    if not reference:
        return None
    try:
        expected = engine.image(reference).diff_ids
    except (NoSuchImage, EngineFault):  # a fault: the label's text is no name that the engine understands
        return None
    if not expected or content.diff_ids[: len(expected)] != expected:
        return None
    return Base(
        reference=reference,
        layers=len(expected),
        shipped_bytes=sum(layer.shipped_bytes for layer in content.layers[: len(expected)]),
    )
