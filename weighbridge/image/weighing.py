"""Computes one image's figures: layers, waste, ledger and base. All sums agree to the byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from weighbridge.image import filesystem, ledger, owners, tree, waste
from weighbridge.image.content import Blob, ImageContent
from weighbridge.image.history import instructions
from weighbridge.model.report import Base, Image, Layer, Pull
from weighbridge.model.tree import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """An image's figures and its tree."""

    image: Image
    tree: Callable[[], Node]
    """Builds the tree, layer by layer down to files, from what was read."""


def weigh(variant: str, source: str, content: ImageContent, base: Base | None) -> Weighed:
    """Return one image's figures; the sums of its layers are the sums of the image.

    Args:
        variant: What the report calls the image.
        source: Where its bytes came from, such as `registry`.
        content: The image as it was read.
        base: Its base image, if known.
    """
    view = filesystem.stack(content.layers)
    owned = owners.owned(view, content.working_dir)
    base_layers = base.layers if base else 0
    told = instructions(content.history, len(content.diff_ids))
    wasted = waste.rows(view.losses.values(), told, base_layers)
    live = view.live_bytes()
    layers = tuple(
        Layer(
            index=index,
            diff_id=diff_id,
            instruction=instruction,
            in_base=index < base.layers if base else None,
            shipped_bytes=layer.shipped_bytes,
            live_bytes=live[index],
            wasted_bytes=layer.shipped_bytes - live[index],
            pull_bytes=blob.size_bytes if blob else layer.deflated_bytes,
            blob=blob.digest if blob else None,
            file_count=layer.file_count,
        )
        for index, (diff_id, instruction, layer, blob) in enumerate(
            zip(content.diff_ids, told, content.layers, content.blobs, strict=True)
        )
    )
    image = Image(
        variant=variant,
        reference=content.reference,
        source=source,
        id=content.config_digest,
        platform=content.platform,
        shipped_bytes=sum(layer.shipped_bytes for layer in layers),
        live_bytes=sum(live),
        wasted_bytes=sum(each.bytes for each in wasted),
        file_count=sum(layer.file_count for layer in layers),
        pull=_pull(layers, content.blobs, len(content.config)),
        base=base,
        layers=layers,
        ledger=ledger.breakdown(view, base_layers, owned, wasted),
        waste=wasted,
    )
    return Weighed(image=image, tree=partial(tree.of_image, view.flat(), owned, told, base_layers))


def _pull(layers: Iterable[Layer], blobs: Sequence[Blob | None], config_bytes: int) -> Pull:
    """Return what a node that has none of the layers pulls: each blob once, and the config."""
    once = {layer.diff_id: layer.pull_bytes or 0 for layer in layers}
    return Pull(bytes=config_bytes + sum(once.values()), basis="exact" if all(blobs) else "estimated")
