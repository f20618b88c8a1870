"""What an image says of itself: the OCI's annotations as labels, of what Git and pyproject.toml tell, and no guess.

Names and meanings: OCI image-spec, annotations.md, "Pre-Defined Annotation Keys". What is the same for every build
(title, description, licences) stands in the Dockerfile; the base is told by `base_labels`. Labels are made from the
build's own arguments, which also become the environment that the application answers `/version` from: so both agree.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from weighbridge import git

TIME_ARGUMENT = "SOURCE_DATE_EPOCH"
"""BuildKit takes it by itself from 0.11 on, for the times in the config and its history; older ones leave it alone."""
BASE_ARGUMENT = "PYTHON_IMAGE"
"""The build argument that names the base."""
_SPEC = "org.opencontainers.image"
_BY_ARGUMENT = {
    "VERSION": f"{_SPEC}.version",
    "REVISION": f"{_SPEC}.revision",
    "CREATED": f"{_SPEC}.created",
    "SOURCE": f"{_SPEC}.source",
}


def arguments(project: Path) -> dict[str, str]:
    """Return the build arguments that tell what is built; what is not known is left out.

    Raises:
        SettingsError: SOURCE_DATE_EPOCH is no time, see `git.source_time`.
    """
    time = git.source_time(project)
    found = {
        "VERSION": _version(project),
        "REVISION": git.current(project).described,
        "CREATED": "" if time is None else datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "SOURCE": git.source(project),
        TIME_ARGUMENT: "" if time is None else str(time),
    }
    return {name: value for name, value in found.items() if value}


def labels(given: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that fit a build's arguments."""
    return {label: given[name] for name, label in _BY_ARGUMENT.items() if given.get(name)}


def _version(project: Path) -> str:
    """Return the version in pyproject.toml, the only place that has it; empty where there is none."""
    try:
        found = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    return str(found)
