"""Lists the formats of every command.

A new format is a module and one line here. Its module is imported only when the format is used.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from weighbridge.errors import SettingsError

if TYPE_CHECKING:
    from weighbridge.render.log_commands import Syntax

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders a value; its module, which is below this folder, is imported on the first call or by `load`."""

    module: str
    name: str = "render"
    syntax: Syntax = "markup"

    def load(self) -> Callable[..., None]:
        """Import the module; return its function."""
        function: Callable[..., None] = getattr(import_module(f"weighbridge.render.{self.module}"), self.name)
        return function

    def __call__(self, value: Any, *stream: Any) -> None:
        """Render a value to a stream, or else to standard output.

        Formats for machines are UTF-8, whatever the terminal's encoding is.
        """
        if self.syntax != "text" and not stream:
            from weighbridge.render import log_commands  # noqa: PLC0415 - the menu opens without it

            if isinstance(sys.stdout, io.TextIOWrapper):
                sys.stdout.reconfigure(encoding="utf-8")
            stream = (log_commands.guard(sys.stdout, self.syntax),)
        self.load()(value, *stream)


SETUPS: Mapping[str, Renderer] = {
    "terminal": Renderer("terminal.built", "render_setup", syntax="text"),
    "json": Renderer("json", "render_setup", syntax="json"),
}
BUILDS: Mapping[str, Renderer] = {
    "terminal": Renderer("terminal.built", syntax="text"),
    "json": Renderer("json", "render_build", syntax="json"),
}
REPORTS: Mapping[str, Renderer] = {
    "terminal": Renderer("terminal.report", syntax="text"),
    "json": Renderer("json", syntax="json"),
    "markdown": Renderer("markdown.report"),
    "html": Renderer("html.report"),
    "svg": Renderer("svg.report"),
    "badge": Renderer("svg.badge"),
    "cyclonedx": Renderer("cyclonedx", syntax="json"),
}
DIFFERENCES: Mapping[str, Renderer] = {
    "terminal": Renderer("terminal.difference", syntax="text"),
    "json": Renderer("json", "render_difference", syntax="json"),
}
PROOFS: Mapping[str, Renderer] = {
    "terminal": Renderer("terminal.smoke", syntax="text"),
    "json": Renderer("json", "render_proofs", syntax="json"),
    "junit": Renderer("junit"),
}
TRENDS: Mapping[str, Renderer] = {
    "terminal": Renderer("terminal.trend", syntax="text"),
    "json": Renderer("json", "render_trend", syntax="json"),
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
