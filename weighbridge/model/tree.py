"""The parts of an image as a tree, from layers down to files, and how to fold it so that it fits a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

LIMIT = 3000
"""The most nodes of a tree, so that a page with several images stays small."""
_FINENESS = 8
"""Folding begins with nodes this many times smaller than an even share of the bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A part of an image. The bytes of its children, if it has any, add up to its own."""

    name: str
    bytes: int
    children: tuple[Node, ...] = ()
    """The largest first, except that layers are in the order of the image."""
    category: str = ""
    """Category of the owner, as in `model.report.LedgerRow`; empty if there are several."""
    files: int = 1
    """How many files are in it."""


def find_common(categories: Sequence[str]) -> str:
    """Return the category if all are the same; empty if there are several, or none."""
    return categories[0] if len(set(categories)) == 1 else ""


def count(node: Node) -> int:
    """Return the number of nodes in a tree."""
    return 1 + sum(map(count, node.children))


def fold(node: Node, limit: int, what: str = "files") -> Node:
    """Return the tree with its smallest parts merged, so that little more than `limit` nodes remain.

    All parts of the first level remain. The bytes of children still add up to those of their parent.

    Args:
        node: The tree.
        limit: How many nodes should remain.
        what: The noun for its leaves, for the names of merged nodes: `12 smaller files`.
    """
    if not node.bytes or count(node) <= limit:
        return node
    least = max(1, node.bytes // (_FINENESS * limit))
    while (more := max(least + 1, least * 5 // 4)) <= node.bytes and 1 + _count_left(node.children, least) > limit:
        least = more
    return replace(node, children=tuple(_merge_small(child, least, what) for child in node.children))


def _count_left(nodes: Sequence[Node], least: int) -> int:
    """Return how many nodes would remain of these after `_merge_small`."""
    left = len(nodes)
    for node in nodes:
        if node.children:
            kept = [child for child in node.children if child.bytes >= least]
            left += _count_left(kept, least) + (len(kept) < len(node.children))
    return left


def _merge_small(node: Node, least: int, what: str) -> Node:
    """Return a tree in which, in each folder, all parts smaller than `least` bytes are merged into one."""
    kept = tuple(_merge_small(child, least, what) for child in node.children if child.bytes >= least)
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
        category=find_common([child.category for child in rest]),
        files=files,
    )
    return replace(node, children=(*kept, together))
