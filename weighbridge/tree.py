"""One image's bytes as nested parts: layer, owner, folders, file; closed to the byte, small files put together."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from weighbridge.filesystem import Filesystem
from weighbridge.layers import FILE
from weighbridge.owners import Owner

LIMIT = 3000
"""Nodes that a tree has at most, so that a page with several images stays small."""
WASTED = "wasted"
_BASE = "base"
_DEPTH = 24
"""Parts of a path that become nodes of their own: a path may have two thousand, and walks here are recursive."""
_FINENESS = 8
"""How much smaller than an even share of the bytes a node may be where folding begins."""

_Folder = dict[str, "int | _Folder"]
"""Name -> bytes of a file, or a folder, whose name here ends in a slash: an archive may hold both under one path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A part of an image. The children's bytes add up to its own."""

    name: str
    bytes: int
    children: tuple[Node, ...] = ()
    """The largest first; layers in the image's order."""
    category: str = ""
    """Of the owner, as in `model.LedgerRow`; empty where there are several."""
    files: int = 1
    """How many files it stands for."""


def of_image(
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
        owned: What `owners.owners` says of them.
        instructions: What made each layer.
        base_layers: How many layers came with the base image: what is seen of these is the base's, whoever owns it.
        limit: Nodes to leave; smaller files are put together, a node for those of one folder.

    Returns:
        A node whose bytes are the image's `shipped_bytes`. Bytes that a container no longer sees are their layer's
        part `wasted`.
    """
    known, places = owned
    layers = []
    for index, instruction in enumerate(instructions):
        parts = dict[tuple[str, str], _Folder]()
        for path, number, size in _shipped(view, index):
            owner = _owner(known[places[number]], seen=view.links[number] > 0, base=index < base_layers)
            _put(parts.setdefault(owner, {}), path, size)
        owners = [_node(name, folder, category) for (category, name), folder in parts.items()]
        layers.append(_joined(f"{index}: {instruction}", _by_size(owners), _one([each.category for each in owners])))
    return folded(_joined("", tuple(layers), ""), limit)


def _shipped(view: Filesystem, layer: int) -> Iterator[tuple[str, int, int]]:
    """Yield path, number and bytes of a layer's files, those included that are no longer seen."""
    for number, entry in enumerate(view.layers[layer].entries(), view.offsets[layer]):
        if entry.kind == FILE and entry.size:
            yield entry.path, number, entry.size


def _owner(owner: Owner, *, seen: bool, base: bool) -> tuple[str, str]:
    if not seen:
        return WASTED, WASTED
    return _BASE if base else owner.category, f"{owner.name} {owner.version or ''}".rstrip()


def _put(folder: _Folder, path: str, size: int) -> None:
    *folders, name = path.split("/", _DEPTH)
    for each in folders:
        inner = folder.setdefault(f"{each}/", {})
        if isinstance(inner, dict):  # always: only folders' names end in a slash
            folder = inner
    old = folder.get(name, 0)
    folder[name] = size + (old if isinstance(old, int) else 0)  # an archive may hold a path twice, and ships both


def _node(name: str, found: int | _Folder, category: str) -> Node:
    if isinstance(found, int):
        return Node(name=name, bytes=found, category=category)
    nodes = []
    for inner, value in found.items():
        title, held = inner, value
        while isinstance(held, dict) and len(held) == 1:  # folders that hold one thing say nothing by themselves
            [(last, held)] = held.items()
            title += last
        nodes.append(_node(title.rstrip("/"), held, category))
    return _joined(name, _by_size(nodes), category)


def _joined(name: str, children: tuple[Node, ...], category: str) -> Node:
    return Node(
        name=name,
        bytes=sum(child.bytes for child in children),
        children=children,
        category=category,
        files=sum(child.files for child in children),
    )


def _by_size(nodes: Sequence[Node]) -> tuple[Node, ...]:
    return tuple(sorted(nodes, key=lambda node: (-node.bytes, node.name)))


def _one(categories: Sequence[str]) -> str:
    return categories[0] if len(set(categories)) == 1 else ""


def count(node: Node) -> int:
    """Return how many nodes a tree has."""
    return 1 + sum(map(count, node.children))


def folded(node: Node, limit: int, what: str = "files") -> Node:
    """Return the tree with the smallest parts put together, so that few more than `limit` nodes are left.

    The parts of the first level are kept, however many. Sums stay closed.

    Args:
        node: The tree.
        limit: How many nodes to leave.
        what: What its leaves are, for the names of the new nodes: `12 smaller files`.
    """
    if not node.bytes or count(node) <= limit:
        return node
    least = max(1, node.bytes // (_FINENESS * limit))
    while (more := max(least + 1, least * 5 // 4)) <= node.bytes and 1 + _left(node.children, least) > limit:
        least = more
    return replace(node, children=tuple(_without(child, least, what) for child in node.children))


def _left(nodes: Sequence[Node], least: int) -> int:
    """Return how many nodes `_without` leaves of these, without making them."""
    left = len(nodes)
    for node in nodes:
        if node.children:
            kept = [child for child in node.children if child.bytes >= least]
            left += _left(kept, least) + (len(kept) < len(node.children))
    return left


def _without(node: Node, least: int, what: str) -> Node:
    """Return a tree whose parts below so many bytes are one part in each folder."""
    kept = tuple(_without(child, least, what) for child in node.children if child.bytes >= least)
    rest = [child for child in node.children if child.bytes < least]
    if len(rest) == 1 and not rest[0].children:
        return replace(node, children=(*kept, *rest))
    if not rest:
        return replace(node, children=kept)
    files = sum(child.files for child in rest)
    name = f"{files:,} smaller {what}" if kept else f"{files:,} {what}"
    if files == 1:
        name = rest[0].name
    together = Node(
        name=name,
        bytes=sum(child.bytes for child in rest),
        category=_one([child.category for child in rest]),
        files=files,
    )
    return replace(node, children=(*kept, together))
