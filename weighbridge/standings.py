"""How the last smoke test of an image went, by the digest of its config: the same image in whatever engine it lies.

Kept in the user's cache by `invoke smoke`, told by `invoke report`. Whether an image may be pushed is another question,
which also asks by what rules it passed: see `smoke.memory`.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from weighbridge.cache import Cache
from weighbridge.model.report import Report
from weighbridge.model.smoke import Proof, Standing


def remember(proof: Proof) -> None:
    """Keep how it went; the last time counts."""
    standing = Standing(
        ok=proof.ok,
        at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        rules=len(proof.checks),
        failed=tuple(f"{check.role} {check.rule}" for check in proof.checks if check.outcome == "failed"),
        waived=sum(check.outcome == "waived" for check in proof.checks),
        figures=proof.figures,
    )
    Cache().keep_document(_key(proof.config_digest), asdict(standing))


def of(report: Report) -> dict[str, Standing]:
    """Return the standing of each image of a report that was ever tried, by variant."""
    cache, adapter = Cache(), TypeAdapter(Standing)
    found = {}
    for image in report.images:
        try:
            found[image.variant] = adapter.validate_python(cache.document(_key(image.id)))
        except ValidationError:
            continue  # never tried, or somebody wrote into the cache
    return found


def _key(config_digest: str) -> str:
    return f"standing-{config_digest}"
