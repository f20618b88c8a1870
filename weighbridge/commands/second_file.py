"""Reads the file of settings that a user names for one run, besides the project's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighbridge.errors import SettingsError
from weighbridge.quoting import escape, quote
from weighbridge.settings.yaml_syntax import check_syntax

OPTION, VARIABLE = "--config", "INVOKE_RUNTIME_CONFIG"
"""What names the file: Invoke's option, or else its variable. Both work in every program that is made with Invoke."""
SUFFIXES = (".yaml", ".yml", ".json", ".py")
"""The kinds of files that Invoke reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFile:
    """The file."""

    path: Path
    named_by: str
    """The option or the variable."""

    @property
    def name(self) -> str:
        """Its path, for people."""
        return escape(str(self.path))


def read_second_file(second: SecondFile) -> Mapping[str, Any]:
    """Return what the second file holds; empty for a module, which Invoke will run.

    Raises:
        SettingsError: There is no such file, it is of another kind, or it cannot be read.
    """
    advice = "Correct its path, or leave it out." if second.named_by == OPTION else "Correct its path, or unset it."
    try:
        second.path.stat()
    except FileNotFoundError as error:  # Invoke silently ignores a missing file, and so would ignore the budgets in it
        message = f"{second.named_by} names {second.name}, which does not exist"
        raise SettingsError(message, advice=advice) from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        message = f"{second.named_by} names {quote(second.path)}, which cannot be read: {why}"
        raise SettingsError(message, advice=advice) from error
    if second.path.suffix not in SUFFIXES:
        message = f"{second.named_by} names {second.name}, which is no file of settings"
        raise SettingsError(message, advice=f"Use a file whose name ends in {', '.join(SUFFIXES)}.")
    return {} if second.path.suffix == ".py" else check_syntax(second.path)
