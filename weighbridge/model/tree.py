"""The parts of an image as a tree, layer by layer down to files: its values, and how it is made small for a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

LIMIT = 3000
"""Nodes that a tree has at most, so that a page with several images stays small."""
WASTED = "wasted"
_FINENESS = 8
"""How much smaller than an even share of the bytes a node may be where folding begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A part of an image. The children's bytes add up to its own."""

    name: str
    bytes: int
    children: tuple[Node, ...] = ()
    """The largest first; layers in the image's order."""
    category: str = ""
    """Of the owner, as in `model.report.LedgerRow`; empty where there are several."""
    files: int = 1
    """How many files it stands for."""


def common(categories: Sequence[str]) -> str:
    """Return the category that all of these are; empty where there are several."""
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
        category=common([child.category for child in rest]),
        files=files,
    )
    return replace(node, children=(*kept, together))
