"""One image as nested parts: every byte in its layer, with its owner, in its folder, and sums that close."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.images import Entry
from tests.support.layers import layer_of
from weighbridge.image import filesystem, tree
from weighbridge.image.owners import owners, packages
from weighbridge.model.tree import LIMIT, Node, count


def image(layers: Sequence[Sequence[Entry]], base_layers: int = 0, limit: int = LIMIT) -> Node:
    """Return the tree of an image, held to what its layers ship."""
    contents = [layer_of(entries) for entries in layers]
    view = filesystem.stack(contents)
    owned = owners(view, packages(view), ["app"])
    root = tree.of_image(view, owned, [f"RUN {number}" for number in range(len(layers))], base_layers, limit=limit)
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


RECORD = b"redis/__init__.py,,\n"
SITE = "venv/lib/python3.13/site-packages"
LAYERS = [
    [Entry("etc/motd", b"m" * 7), Entry("etc/gone", b"g" * 9)],
    [Entry(f"{SITE}/redis-8.1.0.dist-info/RECORD", RECORD), Entry(f"{SITE}/redis/__init__.py", b"r" * 50)],
    [Entry("app/main.py", b"a" * 40), Entry("app/models/one.py", b"b" * 30), Entry("etc/.wh.gone")],
]


def test_each_file_stands_below_its_layer_owner_and_folder() -> None:
    """Layer, owner, folders, file; what is hidden is waste, and what the base image has is the base's."""
    found = set(leaves(image(LAYERS, base_layers=1)))
    assert found == {
        ("|0: RUN 0|/etc|etc/motd", 7, "base"),
        ("|0: RUN 0|wasted|etc/gone", 9, "wasted"),
        (f"|1: RUN 1|redis 8.1.0|{SITE}|redis-8.1.0.dist-info/RECORD", 20, "python"),
        (f"|1: RUN 1|redis 8.1.0|{SITE}|redis/__init__.py", 50, "python"),
        ("|2: RUN 2|/app|app|main.py", 40, "application"),
        ("|2: RUN 2|/app|app|models/one.py", 30, "application"),
    }


def test_layer_has_the_category_that_all_its_owners_have() -> None:
    """Where they differ it has none."""
    assert [child.category for child in image(LAYERS, base_layers=1).children] == ["", "python", "application"]


def test_small_files_are_put_together() -> None:
    """Each folder keeps its large files; the rest is one part that says how many they are."""
    many = [Entry(f"app/x/{number}.py", b"x" * (1 + number % 7)) for number in range(2000)]
    root = image([[*many, Entry("app/big", b"b" * 100_000)]], limit=50)
    assert count(root) <= 50
    assert {(name, files) for name, files in names(root) if "smaller" in name or name.endswith("files")} == {
        ("2,000 files", 2000)
    }
    assert ("|0: RUN 0|/app|app|big", 100_000, "application") in set(leaves(root))


def names(node: Node) -> Iterator[tuple[str, int]]:
    """Yield name and files of each node."""
    yield node.name, node.files
    for child in node.children:
        yield from names(child)


def test_folding_keeps_the_first_level() -> None:
    """A layer is a layer, however small, and however few nodes are asked for."""
    root = image([[Entry("a", b"a")], [Entry("b", b"b" * 10_000)], [Entry("c", b"c")]], limit=1)
    assert [child.name for child in root.children] == ["0: RUN 0", "1: RUN 1", "2: RUN 2"]


@pytest.mark.parametrize("path", ["d/" * 2000 + "f", "a/b"])
def test_path_of_any_depth_is_kept(path: str) -> None:
    """A path with two thousand folders, and one that is file and folder at once."""
    root = image([[Entry(path, b"12345"), Entry("a", b"1"), Entry("d/e", b"22")]])
    assert root.bytes == 8


PATHS = st.lists(st.sampled_from(["a", "b", "c", "app", "usr"]), min_size=1, max_size=5).map("/".join)


@given(
    st.lists(st.lists(st.tuples(PATHS, st.integers(0, 40)), max_size=12), min_size=1, max_size=4), st.integers(1, 60)
)
def test_sums_close(layers: list[list[tuple[str, int]]], limit: int) -> None:
    """Whatever the layers hold, and however much is folded, every node is the sum of its parts."""
    image([[Entry(path, b"x" * size) for path, size in layer] for layer in layers], limit=limit)
