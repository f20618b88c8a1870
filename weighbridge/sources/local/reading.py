"""How images are read where an engine keeps them: what is known, what is limited, who is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weighbridge.cache import Cache
from weighbridge.model.limits import DEFAULT, Limits

if TYPE_CHECKING:  # whoever reads nothing loads no reader
    from weighbridge.sources.processes.pool import Pool
    from weighbridge.sources.tar.layer import Watches

Note = Callable[[str], object]
"""Called with one line for people to read."""


def note_nothing(_line: str) -> None:
    """Tell nobody."""


def wait_idly() -> None:
    """Do nothing else meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How to read images."""

    cache: Cache
    """Has layers that were read before."""
    on_progress: Callable[[int], None] | None = None
    """Called with the number of bytes read so far."""
    watches: Watches | None = None
    """Inspects all layers."""
    limits: Limits = DEFAULT
    """Of each image."""
    pool: Pool | None = None
    """Reads several layers at once; None: this process reads them all."""
    on_note: Note = note_nothing
    """Called with one line for each image: where it is read, and if not there, why."""
    while_waiting: Callable[[], object] = wait_idly
    """Called when other processes have begun to read, and this one has nothing to do but wait for them."""
