"""Lists the formats of every command.

A new format is a module and one line here. Its module is imported only when the format is used.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from weighbridge.errors import SettingsError

if TYPE_CHECKING:
    from weighbridge.model.build import BuildResult, Setup
    from weighbridge.model.smoke import Proof
    from weighbridge.render.log_commands import Syntax
    from weighbridge.report.comparison import Comparison
    from weighbridge.report.trend import Trend

T = TypeVar("T")


def _defer(module: str, name: str = "render", *, syntax: Syntax = "markup") -> Callable[..., None]:
    """Return a renderer that imports its module, which is below this folder, on the first call.

    The renderer takes the value and a stream; without a stream it writes to standard output. Formats for machines are
    UTF-8, whatever the terminal's encoding is.
    """

    def render(value: Any, *stream: Any) -> None:
        if syntax != "text" and not stream:
            from weighbridge.render import log_commands  # noqa: PLC0415 - the menu opens without it

            if isinstance(sys.stdout, io.TextIOWrapper):
                sys.stdout.reconfigure(encoding="utf-8")
            stream = (log_commands.guard(sys.stdout, syntax),)
        getattr(import_module(f"weighbridge.render.{module}"), name)(value, *stream)

    return render


SETUPS: Mapping[str, Callable[[Setup], None]] = {
    "terminal": _defer("terminal.built", "render_setup", syntax="text"),
    "json": _defer("json", "render_setup", syntax="json"),
}
BUILDS: Mapping[str, Callable[[BuildResult], None]] = {
    "terminal": _defer("terminal.built", syntax="text"),
    "json": _defer("json", "render_build", syntax="json"),
}
REPORTS: Mapping[str, Callable[..., None]] = {
    "terminal": _defer("terminal.report", syntax="text"),
    "json": _defer("json", syntax="json"),
    "markdown": _defer("markdown.report"),
    "html": _defer("html.report"),
    "svg": _defer("svg.report"),
    "badge": _defer("svg.badge"),
    "cyclonedx": _defer("cyclonedx", syntax="json"),
}
DIFFERENCES: Mapping[str, Callable[[Comparison], None]] = {
    "terminal": _defer("terminal.difference", syntax="text"),
    "json": _defer("json", "render_difference", syntax="json"),
}
PROOFS: Mapping[str, Callable[[Sequence[Proof]], None]] = {
    "terminal": _defer("terminal.smoke", syntax="text"),
    "json": _defer("json", "render_proofs", syntax="json"),
    "junit": _defer("junit"),
}
TRENDS: Mapping[str, Callable[[Trend], None]] = {
    "terminal": _defer("terminal.trend", syntax="text"),
    "json": _defer("json", "render_trend", syntax="json"),
}


_EXTRAS: Mapping[str, tuple[str, str]] = {"cyclonedx": ("cyclonedx", "bom")}
"""A format that needs a library of its own -> that library's name in Python, and the extra that brings it."""


def describe_choice(names: Iterable[str]) -> str:
    """Return the help of an option that takes one of these formats: `terminal, json or junit; …`."""
    *others, last = names
    return f"{', '.join(others)} or {last}; all but terminal print nothing else"


def choose(table: Mapping[str, T], name: str) -> T:
    """Return the renderer of that name.

    Raises:
        SettingsError: There is no such format, and the advice lists the formats; or its library is not installed.
    """
    if name not in table:
        raise SettingsError(f"Unknown format {name}", advice=f"Choose from {', '.join(table)}.")
    library, extra = _EXTRAS.get(name, ("", ""))
    if library and find_spec(library) is None:
        message = f"--format {name} needs a library that is not installed"
        raise SettingsError(message, advice=f"Install `weighbridge[{extra}]`.")
    return table[name]
