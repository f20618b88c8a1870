"""The categories of a ledger."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from weighbridge.image.categories import CATEGORIES, get_title
from weighbridge.image.packages.ecosystems import ECOSYSTEMS


def test_order() -> None:
    """The base comes first, then every ecosystem in the table's order, then what no package has."""
    first, *rest = CATEGORIES
    count = len(ECOSYSTEMS)
    assert first == "base"
    assert rest[:count] == [each.category for each in ECOSYSTEMS]
    assert rest[count:] == ["bytecode", "application", "unowned", "wasted"]


@pytest.mark.parametrize("room", ["image", "report"])
def test_nothing_else_spells_them(room: str) -> None:
    """The module of records names what belongs to no package; those that sort a ledger's rows use these names."""
    spelled = {
        (path.name, node.value)
        for path in (Path(__file__).parents[2] / "weighbridge" / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in {"application", "unowned", "wasted"}
    }
    assert spelled <= {("categories.py", "application"), ("categories.py", "unowned"), ("categories.py", "wasted")}


@pytest.mark.parametrize(
    ("category", "told"),
    [
        ("debian", "Debian package x"),
        ("python", "Python package x"),
        ("bytecode", "bytecode of x"),
        ("application", "x"),
    ],
)
def test_owners_are_described(category: str, told: str) -> None:
    """An owner is called by its category and its name, or by its name where that says enough."""
    assert CATEGORIES[category].describe("x") == told


def test_remedies() -> None:
    """Every owner that a maintainer decides on has a remedy, which is a sentence; the base and waste have none."""
    remedies = {name: category.remedy for name, category in CATEGORIES.items() if category.remedy}
    assert remedies.keys() == CATEGORIES.keys() - {"base", "wasted"}
    assert all(re.fullmatch(r"[A-Z].*[.]", remedy) for remedy in remedies.values())


def test_titles() -> None:
    """A category of a later record keeps its name."""
    assert get_title("debian") == "Debian packages"
    assert get_title("of-later") == "of-later"
