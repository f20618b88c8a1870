"""Computes one image's figures: layers, waste, ledger and base. All sums agree to the byte."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from weighbridge.image import filesystem, ledger, owners, requirements, tree, waste
from weighbridge.image.content import Blob, ImageContent
from weighbridge.image.dependencies import Gathering, Key, Needs
from weighbridge.image.filesystem import Filesystem
from weighbridge.image.history import list_instructions
from weighbridge.image.owners import Owner
from weighbridge.image.packages.databases import parse_packages
from weighbridge.image.requirements import Demand
from weighbridge.model.report import Base, Image, Layer, Pull
from weighbridge.model.tree import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """An image's figures and its tree."""

    image: Image
    tree: Callable[[], Node]
    """Builds the tree, layer by layer down to files, from what was read."""


_MOST_SOURCES = 100
"""Files of one image that may ask for packages; those that lie deepest are left out."""
_NOTHING_ASKED = Demand()


def weigh(
    variant: str, source: str, content: ImageContent, base: Base | None, demand: Demand = _NOTHING_ASKED
) -> Weighed:
    """Return one image's figures; its sums are those of its layers.

    Args:
        variant: What the report calls the image.
        source: Where its bytes came from, such as `registry`.
        content: What was read of it.
        base: What it stands on, where that is known.
        demand: What is asked of it besides what it says itself.
    """
    view = filesystem.stack(content.layers)
    owned, needs = _find_owners(view, content, demand)
    base_layers = base.layers if base else 0
    told = list_instructions(content.history, len(content.diff_ids))
    wasted = waste.list_waste(view.losses.values(), told, base_layers)
    live = view.sum_live_bytes()
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
        pull=_compute_pull(layers, content.blobs, len(content.config)),
        base=base,
        layers=layers,
        ledger=ledger.build_ledger(view, base_layers, owned, wasted, needs),
        waste=wasted,
    )
    return Weighed(image=image, tree=partial(tree.build_tree, view.strip_paths(), owned, told, base_layers))


def _compute_pull(layers: Iterable[Layer], blobs: Sequence[Blob | None], config_bytes: int) -> Pull:
    """Return what a node that has none of the layers pulls: each blob once, and the config."""
    once = {layer.diff_id: layer.pull_bytes or 0 for layer in layers}
    return Pull(bytes=config_bytes + sum(once.values()), basis="exact" if all(blobs) else "estimated")


def _find_owners(
    view: Filesystem, content: ImageContent, demand: Demand
) -> tuple[tuple[list[Owner], array[int]], Mapping[Key, Needs]]:
    """Return whose each file is, and what the packages are there for."""
    documents = owners.collect_documents(view)
    places = sorted(filter(requirements.is_source, documents), key=lambda path: (path.count("/"), path))
    sources = {path: documents[path] for path in places[:_MOST_SOURCES]}
    gathering = Gathering((*_list_commands(content.config), *demand.commands), sources)
    owned = owners.find_owners(view, content.working_dir, gathering.watch(parse_packages(documents)))
    told = (requirements.read(path, text) for path, text in gathering.list_sources().items())
    return owned, gathering.resolve(content.platform, (*filter(None, told), *demand.requirements))


def _list_commands(config: bytes) -> list[tuple[str, ...]]:
    """Return the words of what an image runs: its entry point with its command, and its health check."""
    try:
        execution = _build_table(_build_table(json.loads(config)).get("config"))
    except (ValueError, RecursionError):  # it was checked before, by a parser with other limits
        return []
    check = _build_table(execution.get("Healthcheck")).get("Test")
    words = (execution.get("Entrypoint"), execution.get("Cmd"), check)
    return [tuple(word for word in each if isinstance(word, str)) for each in words if isinstance(each, list)]


def _build_table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
