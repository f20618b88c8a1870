"""Reads a layer in a process of its own, and says what that took of the image's budget."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from weighbridge.sources.budget import Budget, Resource
from weighbridge.sources.tar.compression import Readable
from weighbridge.sources.tar.gzip_estimate import PackHere
from weighbridge.sources.tar.layer import ReadLayer, read_layer


class Headed(Protocol):
    """A stream whose first bytes can be seen before they are read."""

    head: bytes

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""


@dataclass(frozen=True, slots=True)
class ReadAlone:
    """A layer, and what was spent of the budget."""

    layer: ReadLayer
    spent: Counter[Resource]


def read_stream(budget: Budget, is_estimated: bool, stream: Headed) -> ReadAlone:  # noqa: FBT001 - called from afar
    """Read a layer, with an estimate of its pull bytes or without; see `read_layer` for what it raises."""
    return read_alone(stream, stream.head, budget, is_estimated=is_estimated)


def read_alone(source: Readable, head: bytes, budget: Budget, *, is_estimated: bool) -> ReadAlone:
    """Read a layer, whose first bytes are `head`, as `read_stream` does."""
    before, packer = budget.spent, PackHere()
    layer = read_layer(source, head, budget=budget, get_packer=(lambda: packer) if is_estimated else None)
    return ReadAlone(layer, budget.spent - before)
