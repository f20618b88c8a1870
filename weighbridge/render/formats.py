"""The tables of formats: a new one is a module of its own and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from weighbridge.checks import Proof
from weighbridge.difference import VariantDifference
from weighbridge.errors import SettingsError
from weighbridge.model import Report
from weighbridge.render import difference, json, junit, proofs, terminal

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
    "terminal": proofs.render,
    "json": json.render_proofs,
    "junit": junit.render,
}


def choose(table: Mapping[str, T], name: str) -> T:
    """Return the renderer of that name.

    Raises:
        SettingsError: There is none; the message lists the known.
    """
    if name not in table:
        raise SettingsError(f"Unknown format {name}", advice=f"Choose from {', '.join(table)}.")
    return table[name]
