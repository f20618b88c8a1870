"""Writes the first budgets: what the images of a project weigh today, and a little more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from invoke.context import Context

from weighbridge import files
from weighbridge.commands import choose, weigh
from weighbridge.commands.cli import open_project
from weighbridge.commands.project import find_file
from weighbridge.errors import SettingsError, WeighbridgeError
from weighbridge.quoting import escape
from weighbridge.render.terminal import console
from weighbridge.settings import source
from weighbridge.settings.initial.document import Draft, write
from weighbridge.settings.project import Settings
from weighbridge.settings.yaml_syntax import LONGEST

_PERCENT = 5
_TENTH_BYTES = 100_000
"""A tenth of a megabyte, to which limits are rounded up."""


def run(c: Context, root: str) -> None:
    """Add budgets at the end of weighbridge.yaml, or print them if the settings stand elsewhere or have some.

    Raises:
        SettingsError: There are no settings, or the file cannot be written.
        NoSuchImage, EngineError: An image cannot be weighed.
    """
    project = open_project(c, "init", root, needs_file=True, use="images")
    draft = Draft()
    set_budgets(draft, _weigh(project.settings, project.root))
    section = write(draft)
    found = find_file(c.config, root)
    if found and found.path.name in source.OWN and "budgets" not in found.values:
        _append(found.path, section)
        console.print_line(f"Added budgets to {found.path.name}: today's weight and {_PERCENT} %.")
    else:
        console.print_line(section.rstrip("\n"))


def weigh_known(settings: Settings, folder: Path) -> dict[str, int]:
    """Return variant -> its shipped bytes, if the engine has all images; else nothing."""
    try:
        return _weigh(settings, folder)
    except WeighbridgeError:
        return {}


def set_budgets(draft: Draft, weights: Mapping[str, int]) -> None:
    """Set a limit for what each variant ships."""
    draft.set(("budgets",), {}, f"What the images ship today and {_PERCENT} %; docs/budgets.md has other figures.")
    for variant, shipped in weights.items():
        draft.set(("budgets", "variants", variant, "shipped"), format_limit(shipped), f"Today it ships {shipped:,} B.")


def format_limit(shipped_bytes: int) -> str:
    """Return a limit a little above a weight, as settings write it."""
    return f"{math.ceil(shipped_bytes * (100 + _PERCENT) / 100 / _TENTH_BYTES) / 10} MB"


def _weigh(settings: Settings, folder: Path) -> dict[str, int]:
    wanted = choose.choose_images(settings, (), ())
    with console.show_activity() as shown:
        weighed = weigh.weigh(wanted, folder, settings=settings, on_progress=shown.track_reading())
    return {image.variant: image.shipped_bytes for image in weighed.report.images}


def _append(path: Path, section: str) -> None:
    """Add a section at the end of a file in YAML's block style, and leave all its lines as they are.

    Raises:
        SettingsError: The file is in another style, or cannot be written.
    """
    name = escape(path.name)
    try:
        text = files.read(path, LONGEST)
        if text.lstrip().startswith(b"{"):
            raise SettingsError(f"{name} begins with a brace", advice="Write its keys on lines of their own first.")
        files.replace(path, text.rstrip(b"\n") + b"\n\n" + section.encode())
    except OSError as error:
        raise SettingsError(f"{name} cannot be written: {error.strerror}", advice="Make it writable.") from error
