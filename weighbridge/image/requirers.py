"""Which package requires which: the links of one ecosystem's packages, by what each says of itself; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from weighbridge.image.packages import markers
from weighbridge.image.packages.package import Package
from weighbridge.image.requirements import split_requirement

MOST_LINKS = 200_000
"""Of one ecosystem in one image; a whole desktop of Debian has some 20,000."""


@dataclass(slots=True, eq=False)
class Node:
    """One package without its files, and what requires it."""

    package: Package
    folder: str = ""
    """Of a distribution of Python, the folder that holds it."""
    requirers: set[str] = field(default_factory=set)
    """Names."""
    extras: frozenset[str] = frozenset()
    """Of a distribution of Python: those that somebody asked for."""


def link(nodes: Sequence[Node]) -> bool:
    """Note for each package which others require it, by name or by what it provides.

    Returns:
        Whether all links were followed; there may be more than anybody's image has.
    """
    index, left = _build_index(nodes), MOST_LINKS
    for node in nodes:
        for name in node.package.requires:
            required = index.get(name, ())
            left -= len(required)
            if left < 0:
                return False
            for each in required:
                _require(node, each)
    return True


def link_distributions(nodes: Sequence[Node], platform: str, named: Mapping[str, frozenset[str]]) -> bool:
    """Note for each distribution of Python which others require it.

    An environment has its own where it has one of that name. Where pip says that nobody asked for a distribution that
    nothing requires, it came by an extra that somebody asked for where no file tells it, such as in a Dockerfile: then
    that extra counts.

    Args:
        nodes: All distributions of an image.
        platform: The image's, `linux/amd64`.
        named: Name of a distribution -> the extras that files ask for with it.

    Returns:
        Whether all links were followed.
    """
    found = _Distributions(nodes, platform, named)
    found.spread(nodes)
    found.spread(found.add_unwritten_extras())
    return found.is_complete


def _build_index(nodes: Iterable[Node]) -> dict[str, list[Node]]:
    found = defaultdict[str, list[Node]](list)
    for node in nodes:
        for name in dict.fromkeys((node.package.name, *node.package.provides)):
            found[name].append(node)
    return found


def _require(requirer: Node, required: Node) -> None:
    if requirer.package.name != required.package.name:
        required.requirers.add(requirer.package.name)


@dataclass(frozen=True, slots=True)
class _Requirement:
    """What a distribution may require of those that are there."""

    requirer: Node
    required: tuple[Node, ...]
    extras: frozenset[str]
    marker: str


class _Distributions:
    """Python's distributions, whose requirements count by platform, Python and the extras that are asked for."""

    def __init__(self, nodes: Sequence[Node], platform: str, named: Mapping[str, frozenset[str]]) -> None:
        self._nodes, self._left, self.is_complete = nodes, MOST_LINKS, True
        self._where = {node.folder: markers.describe_environment(platform, node.folder) for node in nodes}
        self._own = defaultdict[int, list[_Requirement]](list)
        self._on = defaultdict[int, list[_Requirement]](list)
        folders = defaultdict[str, list[Node]](list)
        for node in nodes:
            folders[node.folder].append(node)
            node.extras = named.get(node.package.name, frozenset())
        everywhere, near = _build_index(nodes), {folder: _build_index(group) for folder, group in folders.items()}
        for node in nodes:
            for text in node.package.requires:
                found = split_requirement(text)
                if found and (required := near[node.folder].get(found[0]) or everywhere.get(found[0])):
                    self._note(_Requirement(node, tuple(required), found[1], markers.split_marker(text)))

    def _note(self, requirement: _Requirement) -> None:
        if self._pay(len(requirement.required)):
            self._own[id(requirement.requirer)].append(requirement)
            for required in requirement.required:
                self._on[id(required)].append(requirement)

    def _pay(self, links: int) -> bool:
        """Tell whether so many links more may be followed."""
        self._left -= links
        self.is_complete = self.is_complete and self._left >= 0
        return self.is_complete

    def spread(self, nodes: Iterable[Node]) -> None:
        """Follow what these require, and whatever comes to be required by the extras that they ask for."""
        waiting = dict.fromkeys(nodes)
        while waiting:
            node, _ = waiting.popitem()
            for each in self._own[id(node)]:
                if not self._pay(1):
                    return
                if markers.holds(each.marker, self._where[node.folder], node.extras):
                    for required in each.required:
                        _require(node, required)
                        if not each.extras <= required.extras:
                            required.extras |= each.extras
                            waiting[required] = None

    def add_unwritten_extras(self) -> list[Node]:
        """Add the extras that somebody must have asked for; return the distributions that have them."""
        found = list[tuple[Node, frozenset[str]]]()
        for node in self._nodes:
            package = node.package
            if node.requirers or package.requested or package.is_application:
                continue
            for each in self._on[id(node)]:
                extras, where = markers.find_extras(each.marker), self._where[each.requirer.folder]
                if extras and each.requirer is not node and markers.holds(each.marker, where, extras):
                    found.append((each.requirer, extras))
        for requirer, extras in found:
            requirer.extras |= extras
        return [requirer for requirer, _ in found]
