"""Finds a build context that is far larger than what the image uses of it, and what makes it so large."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from weighbridge.build.context import Context
from weighbridge.build.dockerfile import list_sources, read_text
from weighbridge.errors import SettingsError
from weighbridge.model.build import LargeContext

LEAST_BYTES = 50_000_000
"""Below this, sending a context takes a moment, however little of it is used."""
TIMES = 10
"""How many times larger than what is used a context must be to be far larger."""
_PART = 10
"""An entry is named if it has at least a tenth of what is not used."""
_MOST_NAMES = 3
_EVERYTHING = frozenset({"", "*"})


def find_excess(folder: Path, dockerfile: Path, used_bytes: int) -> LargeContext | None:
    """Return what a builder gets that no image can use; None if that is little, or cannot be told.

    A builder gets the whole folder only if a step takes all of it, as `COPY . .` does. What other steps take by its
    name is wanted.

    Args:
        folder: The build context.
        dockerfile: May lie elsewhere.
        used_bytes: The most that the image can have of it: its files that neither the base nor a package has.
    """
    try:
        sources = list_sources(read_text(dockerfile))
        if _EVERYTHING.isdisjoint(sources):
            return None
        context = Context(folder=folder, dockerfile=dockerfile)
        sizes = context.measure()
    except (OSError, SettingsError):  # the builder took what we cannot read; this is advice, and no reason to fail
        return None
    wanted = {source.partition("/")[0] for source in sources}
    largest = _find_largest({name: size for name, size in sizes.items() if name not in wanted}, used_bytes)
    if not largest:
        return None
    return LargeContext(
        folder=str(folder),
        bytes=sum(sizes.values()),
        used_bytes=used_bytes,
        largest=largest,
        ignore_file=context.ignore_file.name,
    )


def _find_largest(sizes: Mapping[str, int], used_bytes: int) -> Mapping[str, int]:
    """Return the largest entries that cannot be used; none if all together are not far larger than what is used."""
    total = sum(sizes.values())
    if total < max(LEAST_BYTES, TIMES * used_bytes):
        return {}
    found = {name: size for name, size in sizes.items() if size > used_bytes and size * _PART >= total}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))[:_MOST_NAMES])
