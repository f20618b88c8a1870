"""Checks the syntax of a settings file, YAML or JSON, before Invoke reads it and would end with a traceback.

It also reads compose files, whose words and numbers are those of YAML 1.2, within the same bounds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError

from weighbridge import files
from weighbridge.errors import SettingsError
from weighbridge.quoting import escape, quote

LONGEST = 1_000_000
"""The most bytes of a settings file."""
MOST_VALUES = 100_000
"""The most keys and values that a settings file has if each alias (`*name`) is replaced by what it stands for."""
_READABLE = "Make it a text file in UTF-8 that you may read."
_MERGE = "tag:yaml.org,2002:merge"
_TEXTS = {_MERGE, "tag:yaml.org,2002:str", "tag:yaml.org,2002:value"}
_MISFITS = (ValueError, LookupError, TypeError, AttributeError, OverflowError)
"""What PyYAML raises for a value that does not fit its tag, such as `!!bool x` or the date 2026-13-01."""


class _Refused(ComposerError):
    """The file is YAML that Invoke cannot work with."""


class _Loader(yaml.SafeLoader):
    """Refuses a key that occurs twice, of which PyYAML takes the last, and what Invoke cannot work with.

    Invoke needs keys that are texts, and copies each alias.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set[tuple[str, str]]()
        for key, _ in node.value:
            if key.tag not in _TEXTS:
                shown = f"the key {key.value}" if isinstance(key, yaml.ScalarNode) else "a key"
                raise _Refused(None, None, f"{shown} is not a text; put it in quotes", key.start_mark)
            if key.tag != _MERGE:
                if (key.tag, key.value) in seen:
                    raise ComposerError(None, None, f"the key {key.value!r} occurs twice", key.start_mark)
                seen.add((key.tag, key.value))
        return node

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None:
            _count_values(node, {}, set())
        return node


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value under one of the tags by which a compose file says how it is merged."""

    tag: str
    """`!reset` or `!override`."""
    value: Any


class _ComposeLoader(_Loader):
    """Takes words and numbers as Compose does: `yes` and `22:22` are texts, `1e3` is a number, dates are texts."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def build_integer(self, node: yaml.ScalarNode) -> int | float:
        text = str(node.value).replace("_", "").lower()
        sign, digits = (-1 if text.startswith("-") else 1), text.lstrip("+-")
        base = {"0x": 16, "0o": 8, "0b": 2}.get(digits[:2], 8 if re.fullmatch("0[0-7]+", digits) else 10)
        number = sign * int(digits, base)
        return number if abs(number) < _TOO_LARGE else float(number)

    def build_tagged(self, node: yaml.Node) -> Tagged:
        kind = type(node)
        tag = self.resolve(kind, node.value, (True, False))  # type: ignore[no-untyped-call]
        untagged = kind(tag, node.value, node.start_mark, node.end_mark)
        return Tagged(node.tag, self.construct_object(untagged, deep=True))


_TOO_LARGE = 2**64
_SIGNS = list("-+.0123456789")
_FORMS = (
    ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", "true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", "[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)", _SIGNS),
    ("float", r"[-+]?(?:(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))", _SIGNS),
    ("float", r"\.(?:nan|NaN|NAN)", ["."]),
    ("merge", "<<", ["<"]),
)
"""The kinds of plain values, each with a regular expression, and the characters that it begins with."""


@cache
def _prepare_compose_loader() -> type[_ComposeLoader]:
    """Return the loader of compose files. The menu opens without it, because it takes a while."""
    for tag, form, first in _FORMS:
        _ComposeLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{form})$"), first)
    _ComposeLoader.add_constructor("tag:yaml.org,2002:int", _ComposeLoader.build_integer)
    for tag in ("!reset", "!override"):
        _ComposeLoader.add_constructor(tag, _ComposeLoader.build_tagged)
    return _ComposeLoader


def check_syntax(path: Path) -> dict[str, Any]:
    """Check the syntax of a settings file, which need not exist, and return what it holds.

    Raises:
        SettingsError: It is no YAML or, if its name ends in `.json`, no JSON; a key occurs twice or is no text; it is
            no mapping; is too large; or cannot be read. The message names the line.
    """
    try:
        return _read(path, _parse_json if path.suffix == ".json" else _parse_yaml)
    except FileNotFoundError:
        return {}


def read_compose(path: Path) -> dict[str, Any]:
    """Return what a compose file holds; a value under `!reset` or `!override` is a `Tagged`.

    Raises:
        FileNotFoundError: There is no such file.
        SettingsError: See `check_syntax`.
    """
    return _read(path, _parse_json if path.suffix == ".json" else _parse_compose)


def _read(path: Path, parse: Callable[[str], Any]) -> dict[str, Any]:
    name = escape(path.name)
    advice = f"Correct it in {name}."
    try:
        content = parse(files.read(path, LONGEST).decode())
    except FileNotFoundError:
        raise
    except _Refused as error:
        mark = error.problem_mark
        raise SettingsError(f"{name}: line {mark.line + 1 if mark else 1}: {error.problem}", advice=advice) from error
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        place = f"line {mark.line + 1}: " if mark else ""
        message = f"{name} is no YAML: {place}{problem or 'it cannot be parsed'}"
        raise SettingsError(message, advice=advice) from error
    except RecursionError as error:
        raise SettingsError(f"{name} is nested too deeply", advice=advice) from error
    except OSError as error:
        raise SettingsError(f"{name} cannot be read: {error.strerror}", advice=_READABLE) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{name} cannot be read: it is no UTF-8 ({error})", advice=_READABLE) from error
    except json.JSONDecodeError as error:
        raise SettingsError(f"{name} is no JSON: line {error.lineno}: {error.msg}", advice=advice) from error
    except _MISFITS as error:
        why = "" if parse is _parse_compose else f": {quote(error)}"  # it may show a value of an environment
        raise SettingsError(f"{name} has a value that cannot be read{why}", advice=advice) from error
    if not isinstance(content, dict | None):
        kind = "list" if isinstance(content, list) else "single value"
        raise SettingsError(f"{name} holds a {kind}, not settings", advice=advice)
    return content or {}


def _parse_yaml(text: str) -> Any:
    return deepcopy(_parse_once(text))


@cache
def _parse_once(text: str) -> Any:
    """Parse a settings file: Invoke's tasks check it when they are loaded, and read it when one of them is called."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader


def _parse_compose(text: str) -> Any:
    return yaml.load(text, Loader=_prepare_compose_loader())  # noqa: S506 - a safe loader


def _parse_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_build_object)


def _build_object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} occurs twice")
    return found


def _count_values(node: yaml.Node, known: dict[int, int], around: set[int]) -> int:
    """Return how many keys and values a node has, with those of each alias.

    Args:
        node: What to count.
        known: Identity of a node -> its count.
        around: The identities of the nodes that this one is in.
    """
    if id(node) in around:
        raise _Refused(None, None, "a value contains itself", node.start_mark)
    if id(node) not in known:
        parts = node.value if isinstance(node, yaml.CollectionNode) else ()
        if isinstance(node, yaml.MappingNode):
            parts = [part for pair in node.value for part in pair]
        count = 1 + sum(_count_values(part, known, around | {id(node)}) for part in parts)
        if count > MOST_VALUES:
            raise _Refused(None, None, f"with its aliases it has more than {MOST_VALUES} values", node.start_mark)
        known[id(node)] = count
    return known[id(node)]
