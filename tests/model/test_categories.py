"""The categories of a ledger."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from weighbridge.model import report
from weighbridge.model.categories import CATEGORIES, MANAGERS
from weighbridge.render.html import report as html


def test_records_tell_of_all_categories() -> None:
    """The record's documentation lists every category, in the order of the rows."""
    told = inspect.getsource(report.LedgerRow).partition("category: str")[2].partition('"""\n')[0]
    assert tuple(re.findall("`([a-z]+)`", told)) == tuple(CATEGORIES)


def test_packages_have_a_manager() -> None:
    """Exactly the categories of packages have `packages` in their title."""
    assert {category for category, title in CATEGORIES.items() if title.endswith(" packages")} == set(MANAGERS)


def test_every_category_has_a_colour() -> None:
    """The page's style has a colour for each category."""
    style = Path(html.__file__).with_name("style.css").read_text(encoding="utf-8")
    assert set(CATEGORIES) <= set(re.findall(r"^\.c-([a-z]+) ", style, re.MULTILINE))
