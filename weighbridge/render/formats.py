"""The tables of formats: a new one is a module of its own and one line here, imported when it is chosen."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from weighbridge.errors import SettingsError

if TYPE_CHECKING:
    from weighbridge.checks import Proof
    from weighbridge.difference import VariantDifference
    from weighbridge.summary import Summary
    from weighbridge.trend import Trend

T = TypeVar("T")


def _of(module: str, name: str = "render", *, machine: bool = True) -> Callable[[Any], None]:
    """Return a function of a module beside this one, which is imported when that is called.

    What machines read is UTF-8, whatever the terminal's encoding is.
    """

    def render(value: Any) -> None:
        if machine and isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")
        getattr(import_module(f"weighbridge.render.{module}"), name)(value)

    return render


REPORTS: Mapping[str, Callable[[Summary], None]] = {
    "terminal": _of("terminal", machine=False),
    "json": _of("json"),
    "markdown": _of("markdown"),
    "html": _of("html"),
    "svg": _of("svg"),
    "badge": _of("badge"),
    "cyclonedx": _of("cyclonedx"),
}
DIFFERENCES: Mapping[str, Callable[[VariantDifference], None]] = {
    "terminal": _of("difference", machine=False),
    "json": _of("json", "render_difference"),
}
PROOFS: Mapping[str, Callable[[Sequence[Proof]], None]] = {
    "terminal": _of("proofs", machine=False),
    "json": _of("json", "render_proofs"),
    "junit": _of("junit"),
}
TRENDS: Mapping[str, Callable[[Trend], None]] = {
    "terminal": _of("trend", machine=False),
    "json": _of("trend", "render_json"),
}


def choose(table: Mapping[str, T], name: str) -> T:
    """Return the renderer of that name.

    Raises:
        SettingsError: There is none; the message lists the known.
    """
    if name not in table:
        raise SettingsError(f"Unknown format {name}", advice=f"Choose from {', '.join(table)}.")
    return table[name]
