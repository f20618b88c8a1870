"""An image's tree: every byte is in its layer, under its owner, in its folder, and the sums hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.images import Entry
from tests.support.trees import image, leaves

RECORD = b"redis/__init__.py,,\n"
SITE = "venv/lib/python3.13/site-packages"
LAYERS = [
    [Entry("etc/motd", b"m" * 7), Entry("etc/gone", b"g" * 9)],
    [Entry(f"{SITE}/redis-8.1.0.dist-info/RECORD", RECORD), Entry(f"{SITE}/redis/__init__.py", b"r" * 50)],
    [Entry("app/main.py", b"a" * 40), Entry("app/models/one.py", b"b" * 30), Entry("etc/.wh.gone")],
]


def test_each_file_stands_below_its_layer_owner_and_folder() -> None:
    """Each file is below its layer, owner and folders; hidden files are waste, and the base's files are the base's."""
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
    """A layer has the category of its owners if all of them share it; otherwise none."""
    assert [child.category for child in image(LAYERS, base_layers=1).children] == ["", "python", "application"]


def test_names_that_are_alike_are_kept_once() -> None:
    """A tree of many files is small: names such as `__init__.py` come thousands of times."""
    found = image([[Entry(f"{folder}/long-name-{n}.py", b"1") for folder in ("app", "lib") for n in range(2)]])
    names = [leaf.name for owner in found.children[0].children for folder in owner.children for leaf in folder.children]
    assert len(names) == 4
    assert len(set(map(id, names))) == len(set(names)) == 2


@pytest.mark.parametrize("path", ["d/" * 2000 + "f", "a/b"])
def test_path_of_any_depth_is_kept(path: str) -> None:
    """Bytes are kept below two thousand folders, and at a path that is both a file and a folder."""
    root = image([[Entry(path, b"12345"), Entry("a", b"1"), Entry("d/e", b"22")]])
    assert root.bytes == 8


PATHS = st.lists(st.sampled_from(["a", "b", "c", "app", "usr"]), min_size=1, max_size=5).map("/".join)


@given(
    st.lists(st.lists(st.tuples(PATHS, st.integers(0, 40)), max_size=12), min_size=1, max_size=4), st.integers(1, 60)
)
def test_sums_close(layers: list[list[tuple[str, int]]], limit: int) -> None:
    """For any layers and any limit, every node is the sum of its parts."""
    image([[Entry(path, b"x" * size) for path, size in layer] for layer in layers], limit=limit)
