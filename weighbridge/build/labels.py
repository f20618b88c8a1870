"""Makes an image's labels: OCI annotations with facts from Git and pyproject.toml, and nothing that is only guessed.

Names and meanings: OCI image-spec, annotations.md, "Pre-Defined Annotation Keys". Facts that are the same for every
build (title, description, licences) stand in the Dockerfile; `base_labels` names the base. The labels come from the
build's own arguments. These also become the environment from which the application answers `/version`, so both agree.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from weighbridge import git

TIME_ARGUMENT = "SOURCE_DATE_EPOCH"
"""BuildKit from 0.11 on uses it for the times in the config and its history; older versions ignore it."""
BASE_ARGUMENT = "PYTHON_IMAGE"
"""The build argument that names the base."""
_SPEC = "org.opencontainers.image"
_BY_ARGUMENT = {
    "VERSION": f"{_SPEC}.version",
    "REVISION": f"{_SPEC}.revision",
    "CREATED": f"{_SPEC}.created",
    "SOURCE": f"{_SPEC}.source",
}


def collect_arguments(project: Path) -> dict[str, str]:
    """Return the build arguments that identify what is built; unknown ones are left out.

    Raises:
        SettingsError: SOURCE_DATE_EPOCH is not a time, see `git.read_source_time`.
    """
    time = git.read_source_time(project)
    found = {
        "VERSION": _read_version(project),
        "REVISION": git.read_revision(project).described,
        "CREATED": "" if time is None else datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "SOURCE": git.read_source_url(project),
        TIME_ARGUMENT: "" if time is None else str(time),
    }
    return {name: value for name, value in found.items() if value}


def make_labels(given: Mapping[str, str]) -> dict[str, str]:
    """Return the labels for a build's arguments."""
    return {label: given[name] for name, label in _BY_ARGUMENT.items() if given.get(name)}


def _read_version(project: Path) -> str:
    """Return the version from pyproject.toml, its only source; empty if there is none."""
    try:
        found = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    return str(found)
