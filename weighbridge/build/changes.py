"""Applies small changes of one file, as in daily work, to a copy of the build context, and undoes them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from weighbridge.build.context import Context
from weighbridge.errors import SettingsError
from weighbridge.settings.project import Change, Settings
from weighbridge.settings.values import UNIQUE


def find_context(settings: Settings, project: Path, variant: str) -> Context:
    """Return the build context of a variant."""
    chosen = settings.variants[variant]
    return Context(folder=project / chosen.context, dockerfile=project / chosen.dockerfile)


def check(settings: Settings, project: Path, variants: Iterable[str]) -> None:
    """Make sure that each change in the settings applies to the context of each variant.

    Raises:
        SettingsError: A change does not apply; the message says why.
    """
    for context in {find_context(settings, project, variant) for variant in variants}:
        for name, change in settings.changes.items():
            change_text(_read_text(context, name, change), name, change)


@contextmanager
def apply(context: Context, name: str, change: Change) -> Iterator[None]:
    """Apply a change to a context, which must be a copy of ours, and undo it when the block ends.

    Raises:
        SettingsError: The change does not apply, as in `check`.
    """
    path, before = context.folder / change.file, _read_text(context, name, change)
    after = change_text(before, name, change)
    _write(path, after)
    try:
        yield
    finally:
        _write(path, before)


def _write(path: Path, text: str) -> None:
    """Write a file, even a read-only one, and keep its mode, because another mode would be a second change."""
    mode = path.stat().st_mode
    path.chmod(mode | 0o200)
    path.write_text(text, encoding="utf-8", newline="")
    path.chmod(mode)


def change_text(text: str, name: str, change: Change) -> str:
    """Return a file's text after a change; the result is different each time.

    Raises:
        SettingsError: The pattern of the change does not match the text.
    """
    word = secrets.token_hex(4)
    if change.find:
        replacement = change.replace.replace(UNIQUE, word)
        text, found = re.subn(change.find, lambda _: replacement, text, count=1)
        if not found:
            raise SettingsError(
                f"The change {name} does not apply: changes.{name}.find matches nothing in {change.file}"
            )
    if not change.append:
        return text
    begin = text if text.endswith("\n") or not text else f"{text}\n"
    return f"{begin}{change.append.replace(UNIQUE, word)}\n"


def _read_text(context: Context, name: str, change: Change) -> str:
    if not context.is_sent(change.file):
        raise SettingsError(
            f"The change {name} does not apply: {change.file} is not a regular file of the build context "
            f"{context.folder}",
            advice=f"Correct changes.{name}.file in the settings, or .dockerignore.",
        )
    try:
        return (context.folder / change.file).read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"The change {name} does not apply: {change.file} cannot be read: {reason}") from error
