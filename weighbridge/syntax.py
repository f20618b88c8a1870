"""Whether invoke.yaml can be read at all: asked before Invoke reads it and ends in a traceback."""

from __future__ import annotations

from pathlib import Path

import yaml

from weighbridge.errors import SettingsError


def check_syntax(path: Path) -> None:
    """Read a settings file for its syntax alone; one that does not exist is fine.

    Raises:
        SettingsError: It is no YAML, not a mapping, or cannot be read; the message names the line.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        place = f"line {mark.line + 1}: " if mark else ""
        raise SettingsError(f"{path.name} is no YAML: {place}{problem or 'it cannot be parsed'}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path.name} cannot be read: {error}", advice="Make it a readable text file.") from error
    if not isinstance(content, dict | None):
        raise SettingsError(
            f"{path.name} holds a {'list' if isinstance(content, list) else 'single value'}, not settings"
        )
