"""Says what a version has changed for a file of settings that an earlier one wrote: one row for each change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of the meaning of settings, rules or records."""

    find: Callable[[Values], bool]
    """Tells whether it concerns these settings."""
    text: str
    """What is different, and the line to change."""


def _has_no_profile(values: Values) -> bool:
    smoke = values.get("smoke")
    return not (isinstance(smoke, Mapping) and "profile" in smoke)


def _proves(values: Values) -> bool:
    return bool(values.get("variants") or values.get("roles") or values.get("smoke"))


BEFORE_INIT: tuple[Change, ...] = (
    Change(
        find=lambda values: _proves(values) and _has_no_profile(values),
        text="The smoke test demands `works` where settings name no profile; version 0.1 demanded everything. "
        "Add `profile: hardened` under `smoke` to be held to all rules as before, or `profile: works`.",
    ),
)
"""What has changed since version 0.1, whose files have no key `init`.

A later version adds a table of its own here, for the files whose `init.version` is earlier.
"""
FACTS = (
    "Records of version 0.1 are read as before. Its proofs count no longer: `invoke build --push` proves anew.",
    "The rules `api keeps-running` and `worker keeps-running` are new: a role that ends by itself fails them.",
    "The rule `image no-tool-files` is new: add weighbridge.yaml, reports/ and .venv/ to .dockerignore.",
)
"""What is worth knowing for whoever comes from version 0.1, and needs no change of the settings."""


def list_changes(values: Values) -> Iterator[str]:
    """Yield what has to change in settings, in words with the line to change.

    Args:
        values: The settings as the file has them.
    """
    if "init" not in values:
        yield from (change.text for change in BEFORE_INIT if change.find(values))


def list_facts(values: Values) -> tuple[str, ...]:
    """Return what else is different since the version that wrote the settings."""
    return () if "init" in values else FACTS
