"""The tables of formats: a new one is a module of its own and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from weighbridge.difference import VariantDifference
from weighbridge.errors import SettingsError
from weighbridge.model import Proof, Report
from weighbridge.render import difference, json, progress, terminal

T = TypeVar("T")

REPORTS: Mapping[str, Callable[[Report], None]] = {
    "terminal": terminal.render,
    "json": json.render,
}
DIFFERENCES: Mapping[str, Callable[[VariantDifference], None]] = {
    "terminal": difference.render,
    "json": json.render_difference,
}
PROOFS: Mapping[str, Callable[[Sequence[Proof]], None]] = {
    "terminal": progress.print_proofs,
    "json": json.render_proofs,
}


def choose(table: Mapping[str, T], name: str) -> T:
    """Return the renderer of that name.

    Raises:
        SettingsError: There is none; the message lists the known.
    """
    if name not in table:
        raise SettingsError(f"Unknown format {name}", advice=f"Choose from {', '.join(table)}.")
    return table[name]
