"""Makes an image's labels: OCI annotations with facts from Git and pyproject.toml, and nothing that is only guessed.

Names and meanings: OCI image-spec, annotations.md, "Pre-Defined Annotation Keys". Facts that are the same for every
build (title, description, licences, the base's name) stand in the Dockerfile. The labels come from the build's own
arguments. These also become the environment from which the application answers `/version`, so the two always agree.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from weighbridge import git
from weighbridge.image.base_image import DIGEST_LABEL, NAME_LABEL, TOP_LABEL

TIME_ARGUMENT = "SOURCE_DATE_EPOCH"
"""BuildKit from 0.11 on uses it for the times in the config and its history; older versions ignore it."""
BASE_ARGUMENT, DIGEST_ARGUMENT = "PYTHON_IMAGE", "PYTHON_IMAGE_DIGEST"
"""Build arguments: the base's name, and its digest if that is known."""
_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$", re.IGNORECASE | re.MULTILINE)
_BASE = (f"${BASE_ARGUMENT}", f"${{{BASE_ARGUMENT}}}")
_SPEC = "org.opencontainers.image"
_BY_ARGUMENT = {
    "VERSION": f"{_SPEC}.version",
    "REVISION": f"{_SPEC}.revision",
    "CREATED": f"{_SPEC}.created",
    "SOURCE": f"{_SPEC}.source",
}


def arguments(project: Path) -> dict[str, str]:
    """Return the build arguments that identify what is built; unknown ones are left out.

    Raises:
        SettingsError: SOURCE_DATE_EPOCH is not a time, see `git.source_time`.
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
    """Return the labels for a build's arguments."""
    return {label: given[name] for name, label in _BY_ARGUMENT.items() if given.get(name)}


def _version(project: Path) -> str:
    """Return the version from pyproject.toml, its only source; empty if there is none."""
    try:
        found = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    return str(found)


def base_layer_labels(diff_ids: Sequence[str]) -> dict[str, str]:
    """Return the label in which a build states its base's number of layers and its top layer.

    Args:
        diff_ids: The base image's layers, lowest first.
    """
    return {TOP_LABEL: f"{len(diff_ids)} {diff_ids[-1]}"} if diff_ids else {}


def base_labels(given: Mapping[str, str], dockerfile: str, target: str | None) -> dict[str, str]:
    """Return the labels with the base's name and digest, if the target is built on the base that the arguments name.

    Args:
        given: The arguments of the build.
        dockerfile: The text of the Dockerfile.
        target: A stage of the Dockerfile; None: the last one.
    """
    found = [each.groups() for each in _FROM.finditer(dockerfile)]
    stages = {str(name).lower(): str(base) for base, name in found if name}
    base = stages.get(target.lower(), "") if target else found[-1][0] if found else ""
    for _ in stages:  # a stage can only name an earlier one, so the chain has at most this many steps
        base = stages.get(base.lower(), base)
    told_by = {NAME_LABEL: BASE_ARGUMENT, DIGEST_LABEL: DIGEST_ARGUMENT}
    return {label: given[name] for label, name in told_by.items() if given.get(name)} if base in _BASE else {}
