"""Which images have passed the smoke test, by the engine's id: an image never changes, so a proof of it stays one.

Kept in the user's cache, beside what else is known of an image by its id. A proof counts for the rules and settings
that it was made by: with others, the image is to be proven anew.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from weighbridge import standings
from weighbridge.cache import Cache
from weighbridge.model.smoke import Proof
from weighbridge.settings import Settings


def remember(settings: Settings, code: str, proof: Proof) -> None:
    """Keep whether an image passed; a failure takes an earlier proof of the same image away.

    Args:
        settings: What it was proven by.
        code: Digest of the code that proved it.
        proof: What was found.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    value = {"ok": proof.ok, "by": _rules(settings, code), "variant": proof.variant, "at": now}
    Cache().keep_document(_key(proof.image_id), value)
    standings.remember(proof)


def proven(settings: Settings, code: str, image_id: str) -> bool:
    """Tell whether the last smoke test of exactly this image passed, by these settings and this code."""
    kept = Cache().document(_key(image_id)) or {}
    return kept.get("ok") is True and kept.get("by") == _rules(settings, code)


def _key(image_id: str) -> str:
    return f"proof-{image_id}"


def _rules(settings: Settings, code: str) -> str:
    """Return a digest of what an image is held to: what rules ask for is nowhere written down but in their code."""
    told = settings.model_dump_json(include={"roles", "smoke"})
    accepted = sorted((name, sorted(variant.accepts.items())) for name, variant in settings.variants.items())
    return hashlib.sha256(f"{code}{told}{accepted!r}".encode()).hexdigest()
