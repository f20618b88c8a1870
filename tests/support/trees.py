"""The tree of layers, held to what they ship, and what is read off it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.support.images import Entry
from tests.support.layers import layer_of
from weighbridge.image import filesystem, tree
from weighbridge.image.owners import assign_owners, read_packages
from weighbridge.model.tree import LIMIT, Node


def image(layers: Sequence[Sequence[Entry]], base_layers: int = 0, limit: int = LIMIT) -> Node:
    """Return the tree of an image, held to what its layers ship."""
    contents = [layer_of(entries) for entries in layers]
    view = filesystem.stack(contents)
    owned = assign_owners(view, read_packages(view), ["app"])
    root = tree.build_tree(view, owned, [f"RUN {number}" for number in range(len(layers))], base_layers, limit=limit)
    assert [child.bytes for child in root.children] == [content.shipped_bytes for content in contents]
    hold(root)
    return root


def hold(node: Node) -> None:
    """Hold what must hold of every node: it is what its parts are."""
    if node.children:
        assert node.bytes == sum(child.bytes for child in node.children)
        assert node.files == sum(child.files for child in node.children)
    for child in node.children:
        hold(child)


def leaves(node: Node, path: str = "") -> Iterator[tuple[str, int, str]]:
    """Yield the path through the tree, the bytes and the category of each leaf."""
    path = f"{path}|{node.name}" if node.name else path
    if not node.children:
        yield path, node.bytes, node.category
    for child in node.children:
        yield from leaves(child, path)


def names(node: Node) -> Iterator[tuple[str, int]]:
    """Yield name and files of each node."""
    yield node.name, node.files
    for child in node.children:
        yield from names(child)
