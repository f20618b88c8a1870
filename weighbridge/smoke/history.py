"""Keeps the result of the last smoke test of each image in the user's cache.

Two callers need it. Reports look up the result by the digest of the image's config, which is the same in every engine.
A push looks up, by the engine's id, whether exactly this image has passed under today's rules and settings: an image
never changes, so its proof stays valid as long as rules and settings stay the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from weighbridge.cache import Cache
from weighbridge.model.report import Report
from weighbridge.model.rules import Profile
from weighbridge.settings.project import Settings

if TYPE_CHECKING:  # a report of images that no smoke test has tried does not need them
    from weighbridge.model.smoke import Proof, Standing


def remember(settings: Settings, code: str, proof: Proof) -> None:
    """Keep the result of a smoke test. Only the last one of each profile counts: a failure replaces an earlier success.

    Args:
        settings: The settings under which the image was tried.
        code: Digest of the code that tried it.
        proof: The result.
    """
    from weighbridge.model.smoke import Standing, count_outcomes  # noqa: PLC0415 - as above

    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    tried = {each.key: each.image_id for each in proof.images}
    passed = {"ok": proof.ok, "by": _digest_rules(settings, code), "variant": proof.variant, "at": now, "with": tried}
    counts = count_outcomes(proof.checks)
    standing = Standing(
        ok=proof.ok,
        at=now,
        rules=counts.total,
        failed=tuple(check.title for check in proof.checks if check.outcome == "failed"),
        waived=counts.waived,
        untried=counts.untried,
        noted=counts.noted,
        profile=proof.profile,
        figures=proof.figures,
    )
    for each in proof.images:
        Cache().keep_document(_build_proof_key(proof.profile, each.image_id), passed)
        Cache().keep_document(_build_standing_key(each.config_digest), asdict(standing))


def is_proven(settings: Settings, code: str, image_id: str, beside: Mapping[str, str]) -> bool:
    """Tell whether the last smoke test of exactly this image passed, under these settings and with this code.

    Args:
        settings: The settings, with what compose files say.
        code: Digest of the code that would try it.
        image_id: The image.
        beside: Key -> id of the images that there are now; where several run together, all must be those of the test.
    """
    kept = Cache().read_document(_build_proof_key(settings.smoke.profile, image_id)) or {}
    tried = kept.get("with")
    if not isinstance(tried, dict) or any(beside.get(key, known) != known for key, known in tried.items()):
        return False
    return kept.get("ok") is True and kept.get("by") == _digest_rules(settings, code)


def read_standings(report: Report) -> dict[str, Standing]:
    """Return variant -> result of its last smoke test, for each image of a report that a smoke test has tried."""
    cache = Cache()
    kept = {image.variant: cache.read_document(_build_standing_key(image.id)) for image in report.images}
    if not any(kept.values()):
        return {}
    from weighbridge.model.smoke import Standing  # noqa: PLC0415 - as above

    found, adapter = {}, TypeAdapter(Standing)
    for variant, document in kept.items():
        with suppress(ValidationError):  # never tried, or somebody damaged the cache
            found[variant] = adapter.validate_python(document)
    return found


def _digest_rules(settings: Settings, code: str) -> str:
    """Return a digest of all that decides the outcome: the code of the rules, and the settings that they read."""
    relevant = settings.model_dump_json(include={"roles", "smoke"})
    accepted = sorted((name, sorted(variant.accepts.items())) for name, variant in settings.variants.items())
    return hashlib.sha256(f"{code}{relevant}{accepted!r}".encode()).hexdigest()


def _build_proof_key(profile: Profile, image_id: str) -> str:
    return f"proof-{profile}-{image_id}"


def _build_standing_key(config_digest: str) -> str:
    return f"standing-{config_digest}"
