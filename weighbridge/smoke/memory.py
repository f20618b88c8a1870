"""Which images have passed the smoke test, by the engine's id: an image never changes, so a proof of it stays one.

Kept in the user's cache, beside what else is known of an image by its id. A proof counts for the rules and settings
that it was made by: with others, the image is to be proven anew.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from weighbridge import standings
from weighbridge.cache import Cache
from weighbridge.checks import Proof
from weighbridge.settings import Settings

_BELOW = (
    *("commands.py", "containers.py", "contents.py", "engine.py", "filesystem.py", "inspection.py"),
    *("screening.py", "tokens.py"),
    *("sources/exposure.py", "sources/layers.py", "sources/machines.py", "sources/suspects.py"),
)
"""What else decides on a proof: how containers are confined, and what is found in an image's layers."""


def remember(settings: Settings, proof: Proof) -> None:
    """Keep whether an image passed; a failure takes an earlier proof of the same image away."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    value = {"ok": proof.ok, "by": _rules(settings), "variant": proof.variant, "at": now}
    Cache().keep_document(_key(proof.image_id), value)
    standings.remember(proof)


def proven(settings: Settings, image_id: str) -> bool:
    """Tell whether the last smoke test of exactly this image passed, by the rules and settings of today."""
    kept = Cache().document(_key(image_id)) or {}
    return kept.get("ok") is True and kept.get("by") == _rules(settings)


def _key(image_id: str) -> str:
    return f"proof-{image_id}"


def _rules(settings: Settings) -> str:
    """Return a digest of what an image is held to."""
    told = settings.model_dump_json(include={"roles", "smoke"})
    accepted = sorted((name, sorted(variant.accepts.items())) for name, variant in settings.variants.items())
    return hashlib.sha256(_sources() + told.encode() + repr(accepted).encode()).hexdigest()


@cache
def _sources() -> bytes:
    """Return a digest of the rules themselves: what they ask for is nowhere written down but in their code."""
    package = Path(__file__).parents[1]
    files = sorted([*Path(__file__).parent.rglob("*.py"), *(package / name for name in _BELOW)])
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).digest()
