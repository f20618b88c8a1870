"""How the last smoke test of an image went, kept in the user's cache beside what else is known of an image.

Two questions are asked of it. Reports ask how it went, by the digest of the image's config: the same image in whatever
engine it lies. A push asks whether exactly this image, by the engine's id, has passed by the rules and settings of
today: an image never changes, so a proof of it stays one for as long as they do.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from weighbridge.cache import Cache
from weighbridge.model.report import Report
from weighbridge.model.smoke import Proof, Standing, count_outcomes
from weighbridge.settings.project import Settings


def remember(settings: Settings, code: str, proof: Proof) -> None:
    """Keep how it went; the last time counts, so a failure takes an earlier proof of the same image away.

    Args:
        settings: What it was proven by.
        code: Digest of the code that proved it.
        proof: What was found.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    passed = {"ok": proof.ok, "by": _rules(settings, code), "variant": proof.variant, "at": now}
    Cache().keep_document(_proof_key(proof.image_id), passed)
    counts = count_outcomes(proof.checks)
    standing = Standing(
        ok=proof.ok,
        at=now,
        rules=counts.total,
        failed=tuple(check.title for check in proof.checks if check.outcome == "failed"),
        waived=counts.waived,
        untried=counts.untried,
        figures=proof.figures,
    )
    Cache().keep_document(_standing_key(proof.config_digest), asdict(standing))


def proven(settings: Settings, code: str, image_id: str) -> bool:
    """Tell whether the last smoke test of exactly this image passed, by these settings and this code."""
    kept = Cache().document(_proof_key(image_id)) or {}
    return kept.get("ok") is True and kept.get("by") == _rules(settings, code)


def standings(report: Report) -> dict[str, Standing]:
    """Return the standing of each image of a report that was ever tried, by variant."""
    cache, adapter = Cache(), TypeAdapter(Standing)
    found = {}
    for image in report.images:
        try:
            found[image.variant] = adapter.validate_python(cache.document(_standing_key(image.id)))
        except ValidationError:
            continue  # never tried, or somebody wrote into the cache
    return found


def _rules(settings: Settings, code: str) -> str:
    """Return a digest of what an image is held to: what rules ask for is nowhere written down but in their code."""
    told = settings.model_dump_json(include={"roles", "smoke"})
    accepted = sorted((name, sorted(variant.accepts.items())) for name, variant in settings.variants.items())
    return hashlib.sha256(f"{code}{told}{accepted!r}".encode()).hexdigest()


def _proof_key(image_id: str) -> str:
    return f"proof-{image_id}"


def _standing_key(config_digest: str) -> str:
    return f"standing-{config_digest}"
