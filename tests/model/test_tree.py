"""A tree is folded: small parts of one folder become one, and sums stay."""

from __future__ import annotations

from tests.support.images import Entry
from tests.support.trees import image, leaves, names
from weighbridge.model.tree import count


def test_small_files_are_put_together() -> None:
    """Each folder keeps its large files; the others become one part, whose name says how many they are."""
    many = [Entry(f"app/x/{number}.py", b"x" * (1 + number % 7)) for number in range(2000)]
    root = image([[*many, Entry("app/big", b"b" * 100_000)]], limit=50)
    assert count(root) <= 50
    assert {(name, files) for name, files in names(root) if "smaller" in name or name.endswith("files")} == {
        ("2,000 files", 2000)
    }
    assert ("|0: RUN 0|/app|app|big", 100_000, "application") in set(leaves(root))


def test_folding_keeps_the_first_level() -> None:
    """Every layer remains, however small it is and however low the limit."""
    root = image([[Entry("a", b"a")], [Entry("b", b"b" * 10_000)], [Entry("c", b"c")]], limit=1)
    assert [child.name for child in root.children] == ["0: RUN 0", "1: RUN 1", "2: RUN 2"]
