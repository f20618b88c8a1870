"""The categories of a ledger, in its order: whose a byte can be, what that is called, and what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from weighbridge.image.packages.ecosystems import ECOSYSTEMS
from weighbridge.model.report import APPLICATION, BASE, BYTECODE, UNOWNED, WASTED

__all__ = ["APPLICATION", "BASE", "BYTECODE", "CATEGORIES", "UNOWNED", "WASTED", "Category", "get_title"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A kind of owner of an image's bytes."""

    title: str
    """What all its bytes together are called, such as `Debian packages`."""
    prefix: str = ""
    """What stands before an owner's name, such as `Debian package`; empty where the name says enough."""
    remedy: str = ""
    """What a maintainer can do to leave an owner out, a sentence; empty where owners of the category are not theirs."""
    colour: str
    """`#rrggbb`: what is drawn gets its tints and shades from this one."""

    def describe(self, name: str) -> str:
        """Return what an owner of this name is called: `Debian package libc6`."""
        return f"{self.prefix} {name}".lstrip()


CATEGORIES: Mapping[str, Category] = {
    BASE: Category(title="base image", colour="#7d8da0"),
    **{
        each.category: Category(title=each.plural, prefix=each.singular, remedy=each.remedy, colour=each.colour)
        for each in ECOSYSTEMS
    },
    BYTECODE: Category(
        title="bytecode",
        prefix="bytecode of",
        remedy="Leave it out if a slower first start is no matter.",
        colour="#a98c55",
    ),
    APPLICATION: Category(
        title="application", remedy="Leave out with .dockerignore what does not run.", colour="#2ea043"
    ),
    UNOWNED: Category(
        title="unowned",
        remedy="No package owns it: find what makes it among the layers, and keep what runs.",
        colour="#8d55d0",
    ),
    WASTED: Category(title="wasted", colour="#d9362b"),
}
"""Every category, in the order of a ledger's rows."""


def get_title(category: str) -> str:
    """Return a category's title; one that this version does not know, as of a later record, keeps its name."""
    return CATEGORIES[category].title if category in CATEGORIES else category
