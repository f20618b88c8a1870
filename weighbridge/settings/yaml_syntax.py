"""Checks the syntax of invoke.yaml before Invoke reads it, because Invoke would end with a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError

from weighbridge.errors import SettingsError

_READABLE = "Make it a text file in UTF-8 that you may read."
_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Refuses a key that occurs twice in one mapping; PyYAML silently takes the last one."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set[tuple[str, str]]()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if (key.tag, key.value) in seen:
                    raise ComposerError(None, None, f"the key {key.value!r} occurs twice", key.start_mark)
                seen.add((key.tag, key.value))
        return node


def check_syntax(path: Path) -> None:
    """Check the syntax of a settings file, which need not exist.

    Raises:
        SettingsError: It is no YAML, has a key twice, is no mapping, or cannot be read; the message names the line.
    """
    advice = f"Correct it in {path.name}."
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader
    except FileNotFoundError:
        return
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        place = f"line {mark.line + 1}: " if mark else ""
        message = f"{path.name} is no YAML: {place}{problem or 'it cannot be parsed'}"
        raise SettingsError(message, advice=advice) from error
    except OSError as error:
        raise SettingsError(f"{path.name} cannot be read: {error.strerror}", advice=_READABLE) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path.name} cannot be read: it is no UTF-8 ({error})", advice=_READABLE) from error
    if not isinstance(content, dict | None):
        kind = "list" if isinstance(content, list) else "single value"
        raise SettingsError(f"{path.name} holds a {kind}, not settings", advice=advice)
