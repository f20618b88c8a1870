"""Lists wasted bytes so that people can act on them: what was hidden, by which instruction, and what to change."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from weighbridge.image.filesystem import DELETED_FILE, METADATA_ONLY, REPLACED, Loss
from weighbridge.model.report import Waste, WasteCause

MAX_ROWS = 8
"""How many rows one cause between two layers may have; more paths than this are merged into one row."""

_COPYING = re.compile(r"(?:COPY|ADD)\b")
_CACHES = (
    ("var/lib/apt/lists", "apt's lists: end that RUN with `rm -rf /var/lib/apt/lists/*`, or mount a cache over them"),
    ("var/cache/apt", "apt's packages: mount a cache there, `RUN --mount=type=cache,target=/var/cache/apt`"),
    ("root/.cache/pip", "pip's cache: `pip install --no-cache-dir`, or mount a cache over it"),
    ("root/.cache/uv", "uv's cache: `RUN --mount=type=cache,target=/root/.cache/uv`"),
    ("root/.npm", "npm's cache: `RUN --mount=type=cache,target=/root/.npm`"),
)


def list_waste(losses: Iterable[Loss], instructions: Sequence[str], base_layers: int) -> tuple[Waste, ...]:
    """Return the wasted bytes, the largest first.

    Args:
        losses: What `filesystem` recorded.
        instructions: One for each layer.
        base_layers: How many layers came with the base image; 0 if that is unknown.
    """
    found = []
    for (name, shipped_by, killed_by), group in groupby(sorted(losses, key=_make_key), _make_key):
        merged = list(group)
        places = [(loss.path, loss.size_bytes, loss.file_count) for loss in merged]
        if len(places) > MAX_ROWS:
            folder = _find_common_folder(loss.path for loss in merged)
            places = [(folder, sum(loss.size_bytes for loss in merged), sum(loss.file_count for loss in merged))]
        found += [
            Waste(
                cause=name,
                bytes=size,
                shipped_by=shipped_by,
                killed_by=killed_by,
                path=f"/{path}",
                file_count=count,
                remedy=_choose_remedy(name, (shipped_by, killed_by), path, instructions, base_layers),
            )
            for path, size, count in places
        ]
    return tuple(sorted(found, key=lambda row: (-row.bytes, row.shipped_by, row.killed_by, row.path)))


def _make_key(loss: Loss) -> tuple[WasteCause, int, int]:
    return loss.cause.name, loss.shipped_by, loss.cause.killed_by


def _find_common_folder(paths: Iterable[str]) -> str:
    """Return the deepest folder that contains all paths."""
    return posixpath.commonpath([f"/{path}" for path in paths]).strip("/")


def _choose_remedy(
    cause: WasteCause, layers: tuple[int, int], path: str, instructions: Sequence[str], base_layers: int
) -> str:
    shipped_by, killed_by = layers
    if killed_by < base_layers:
        return "The base image wastes this by itself: take another base."
    if shipped_by < base_layers:
        return _choose_base_remedy(cause, killed_by)
    if cause == METADATA_ONLY:
        return _choose_ownership_remedy(instructions[shipped_by], instructions[killed_by])
    if shipped_by == killed_by:
        return "The layer's own archive holds it twice: fix the tool that built the image, or use another one."
    if cause == REPLACED:
        return f"Ship it once: make its final form in the instruction of either layer {shipped_by} or {killed_by}."
    return _choose_deletion_remedy(cause, shipped_by, path, instructions[shipped_by])


def _choose_base_remedy(cause: WasteCause, killed_by: int) -> str:
    again = f"Layer {killed_by} ships these files of the base image again"
    match cause:
        case "metadata-only":
            return f"{again}, byte for byte: leave them alone."
        case "replaced":
            return f"{again}, changed: take a base with these changes."
        case "deleted-file" | "deleted-directory" | "opaque-directory":
            return "Deleting files of the base image frees nothing: take a smaller base, or copy out what you need."


def _choose_deletion_remedy(cause: WasteCause, shipped_by: int, path: str, maker: str) -> str:
    for folder, words in _CACHES:
        if f"{path}/".startswith(f"{folder}/"):
            return f"This is {words}."
    if _COPYING.match(maker):
        return "Do not copy it: leave it out with .dockerignore, or mount it (`RUN --mount=type=bind`)."
    what = "it" if cause == DELETED_FILE else "the folder"
    return f"Delete {what} in the instruction that makes {what} (layer {shipped_by}), or make it in an earlier stage."


def _choose_ownership_remedy(maker: str, changer: str) -> str:
    copied = _COPYING.match(maker)
    for word in ("chown", "chmod"):
        if copied and word in changer:
            return f"Only {word} changed these files, not their bytes: use `{copied[0]} --{word}=…` instead."
        if word in changer:
            return f"Only {word} changed these files, not their bytes: run it in the instruction that makes them."
    return "Only owner, mode or time changed, not the bytes: set these in the instruction that makes the files."
