"""Builds one image's tree of layers, owners, folders and files. Every byte is in it; small files are merged."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from sys import intern

from weighbridge.image.filesystem import Filesystem
from weighbridge.image.layer import FILE
from weighbridge.image.owners import Owner
from weighbridge.image.prelude import strip_prelude
from weighbridge.model.report import BASE, WASTED
from weighbridge.model.tree import LIMIT, Node, find_common, fold

_DEPTH = 24
"""How many folders of a path become nodes: a path may have two thousand, and the functions here are recursive."""

_Folder = dict[str, "int | _Folder"]
"""Name -> the bytes of a file, or a folder. Names of folders end in a slash, because an archive may have a file and a
folder at the same path."""


def build_tree(
    view: Filesystem,
    owned: tuple[Sequence[Owner], array[int]],
    instructions: Sequence[str],
    base_layers: int = 0,
    *,
    limit: int = LIMIT,
) -> Node:
    """Return the parts of an image: layer, owner, folders, file.

    Args:
        view: The merged layers.
        owned: What `owners.assign_owners` returns for `view`.
        instructions: The instruction of each layer.
        base_layers: How many layers came with the base image. Files of these layers count to the base, whoever owns
            them.
        limit: How many nodes to keep. The smallest files of each folder are merged into one node.

    Returns:
        A node with the image's `shipped_bytes`. Bytes that a container no longer sees are in the part `wasted` of
        their layer.
    """
    known, places = owned
    layers = []
    for index, instruction in enumerate(instructions):
        parts = dict[tuple[str, str], _Folder]()
        for path, number, size in _iterate_shipped(view, index):
            owner = _name_owner(known[places[number]], seen=view.links[number] > 0, base=index < base_layers)
            _put(parts.setdefault(owner, {}), path, size)
        # What has become nodes need not stay: there is one for each file.
        owners = [_build_node(key[1], parts.pop(key), key[0]) for key in [*parts]]
        layers.append(
            _join(
                f"{index}: {strip_prelude(instruction)}",
                _sort_by_size(owners),
                find_common([each.category for each in owners]),
            )
        )
    return fold(_join("", tuple(layers), ""), limit)


def _iterate_shipped(view: Filesystem, layer: int) -> Iterator[tuple[str, int, int]]:
    """Yield path, number and bytes of a layer's files, including those that a container no longer sees."""
    for number, entry in enumerate(view.layers[layer].iterate_entries(), view.offsets[layer]):
        if entry.kind == FILE and entry.size:
            yield entry.path, number, entry.size


def _name_owner(owner: Owner, *, seen: bool, base: bool) -> tuple[str, str]:
    if not seen:
        return WASTED, WASTED
    return BASE if base else owner.category, f"{owner.name} {owner.version or ''}".rstrip()


def _put(folder: _Folder, path: str, size: int) -> None:
    *folders, name = path.split("/", _DEPTH)
    for each in folders:
        inner = folder.setdefault(intern(f"{each}/"), {})
        if isinstance(inner, dict):  # always: only folders' names end in a slash
            folder = inner
    old, name = folder.get(name, 0), intern(name)  # many files have the same names
    folder[name] = size + (old if isinstance(old, int) else 0)  # an archive may hold a path twice; it ships both


def _build_node(name: str, found: int | _Folder, category: str) -> Node:
    if isinstance(found, int):
        return Node(name=name, bytes=found, category=category)
    nodes = []
    for inner, value in found.items():
        title, held = inner, value
        while isinstance(held, dict) and len(held) == 1:  # a folder with a single entry tells nothing
            [(last, held)] = held.items()
            title += last
        nodes.append(_build_node(title.rstrip("/"), held, category))
    return _join(name, _sort_by_size(nodes), category)


def _join(name: str, children: tuple[Node, ...], category: str) -> Node:
    return Node(
        name=name,
        bytes=sum(child.bytes for child in children),
        children=children,
        category=category,
        files=sum(child.files for child in children),
    )


def _sort_by_size(nodes: Sequence[Node]) -> tuple[Node, ...]:
    return tuple(sorted(nodes, key=lambda node: (-node.bytes, node.name)))
