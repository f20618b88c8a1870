"""Which containers, networks and volumes are ours: by a label and by a name that is made of the label's value.

A container has all labels of its image besides its own, and anybody may build an image on one of ours. So a label that
the image has, too, proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weighbridge.engine.protocol import LABEL
from weighbridge.errors import NoSuchImage
from weighbridge.model.engine import LocalImage

Rows = Sequence[dict[str, Any]]
"""Rows of `GET /containers/json`, `/networks` or `/volumes`."""


def find_owned(api: Any, label: str, find_image: Callable[[str], LocalImage]) -> tuple[Rows, Rows, Rows]:
    """Return the containers, networks and volumes that are ours.

    Args:
        api: The SDK's client.
        label: What they have to carry: `key` or `key=value`.
        find_image: Returns an image by its id; raises `NoSuchImage` if it is gone.
    """
    key, chosen = label.partition("=")[0], {"label": label}
    containers = [each for each in api.containers(all=True, filters=chosen) if _is_named_by(each, key)]
    return (
        [each for each in containers if not _may_have(find_image, each["ImageID"], key)],
        [each for each in api.networks(filters=chosen) if _is_named_by(each, key)],
        [each for each in api.volumes(filters=chosen)["Volumes"] or () if _is_named_by(each, key)],
    )


def read_label(facts: dict[str, Any], key: str) -> str:
    """Return the value of a row's label; empty where it has none."""
    return str((facts.get("Labels") or {}).get(key, ""))


def _is_named_by(facts: dict[str, Any], key: str) -> bool:
    """Return whether a name is that of all that we create: our own, the label's value, and perhaps more behind it."""
    name = f"{LABEL}-{read_label(facts, key)}"
    names = [each.removeprefix("/") for each in facts.get("Names") or [facts.get("Name", "")]]
    return any(each == name or each.startswith(f"{name}-") for each in names)


def _may_have(find_image: Callable[[str], LocalImage], image_id: str, key: str) -> bool:
    """Return whether a container's label may come from its image, as it may if the image is gone."""
    try:
        return key in find_image(image_id).labels
    except NoSuchImage:
        return True
