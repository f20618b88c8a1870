"""What a build writes down of the image that its target stands on, so that it is known wherever the image is weighed.

All of it comes from the Dockerfile's own FROM and from the engine's image of that name. It takes the place of labels
that the image would inherit from its base, because these tell of the base's base.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from weighbridge.build.dockerfile import SCRATCH, find_base, read_text
from weighbridge.build.platforms import is_own
from weighbridge.engine.protocol import Engine
from weighbridge.errors import EngineFault, NoSuchImage
from weighbridge.image.base_image import (
    DIGEST_LABEL,
    FROM_LABEL,
    NAME_LABEL,
    NOTHING,
    NOTHING_LABEL,
    STANDS_FOR_LABEL,
    TOP_LABEL,
)
from weighbridge.model.engine import LocalImage

_LABELS = (NAME_LABEL, DIGEST_LABEL, NOTHING_LABEL, FROM_LABEL, STANDS_FOR_LABEL, TOP_LABEL)


def describe_base(
    engine: Engine,
    dockerfile: Path,
    target: str | None,
    arguments: Mapping[str, str],
    platforms: Iterable[str] = (),
    *,
    others: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the labels that tell a target's base; an empty value takes the place of an inherited one.

    Args:
        engine: Asked for the base's digest, layers and labels.
        dockerfile: May be missing: the builder will say so.
        target: A stage; None: the last.
        arguments: The arguments of the build.
        others: Image in a FROM -> the stand-in that takes its place, see `Build.others`.
        platforms: Of the build; the base's layers are known of the engine's own platform alone.
    """
    try:
        base = find_base(read_text(dockerfile), target, arguments)
    except OSError:
        base = None
    if base is None:  # what the base says of its own base must not pass for what this build has read
        return {FROM_LABEL: "", TOP_LABEL: ""}
    if base == SCRATCH:
        return {FROM_LABEL: NOTHING}
    official, base = base, (others or {}).get(base, base)
    found = _find(engine, base)
    known = found if found and is_own(engine, platforms) else None
    written = {NAME_LABEL: base, FROM_LABEL: base}
    if base != official:
        written[STANDS_FOR_LABEL] = official
    if found and found.digest:
        written[DIGEST_LABEL] = found.digest
    if known and known.diff_ids:
        written[TOP_LABEL] = f"{len(known.diff_ids)} {known.diff_ids[-1]}"
    return {label: written.get(label, "") for label in _LABELS if label in written or _may_inherit(known, label)}


def _find(engine: Engine, reference: str) -> LocalImage | None:
    try:
        return engine.inspect_image(reference)
    except (NoSuchImage, EngineFault):  # the builder may find it elsewhere, or say what is wrong with the name
        return None


def _may_inherit(base: LocalImage | None, label: str) -> bool:
    return base is None or bool(base.labels.get(label))
