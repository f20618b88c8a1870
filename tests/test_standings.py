"""How the last smoke test of an image went is known wherever the image lies, and of that very image alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.reports import image, report
from weighbridge import standings
from weighbridge.cache import Cache
from weighbridge.model.smoke import Check, Outcome, Proof, StartCosts
from weighbridge.render.overview import stood

SMALL, LARGE = image("small"), image("large", base_mb=200)


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the user's cache folder, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def proof(outcome: Outcome = "passed") -> Proof:
    """Return a proof of two rules of the small image."""
    checks = [Check(role="api", rule=rule, outcome=each, detail="", seconds=0) for rule, each in RULES(outcome)]
    figures = StartCosts(api_ready_seconds=0.4, worker_memory_bytes=7)
    return Proof(variant="x", seconds=1, checks=tuple(checks), config_digest=SMALL.id, figures=figures)


def RULES(outcome: Outcome) -> tuple[tuple[str, Outcome], ...]:  # noqa: N802 - a table with one blank
    """Return two rules, the second with that outcome."""
    return ("live", "passed"), ("ready", outcome)


def test_last_word_counts() -> None:
    """What failed at first and passed later has passed; what was never tried has no standing."""
    standings.remember(proof("failed"))
    found = standings.of(report(SMALL, LARGE))
    assert found.keys() == {"small"}
    assert (found["small"].ok, found["small"].rules, found["small"].failed) == (False, 2, ("api ready",))
    standings.remember(proof())
    after = standings.of(report(replace(SMALL, variant="another name")))["another name"]
    assert (after.ok, after.failed, after.figures) == (
        True,
        (),
        StartCosts(api_ready_seconds=0.4, worker_memory_bytes=7),
    )
    assert after.at.endswith("Z")


def test_waived_rules_are_counted() -> None:
    """What invoke.yaml accepts does not hold all the same, and is told apart."""
    standings.remember(proof("waived"))
    found = standings.of(report(SMALL))["small"]
    assert (found.ok, found.rules, found.waived, found.failed) == (True, 2, 1, ())
    assert stood(found) == "✓ 1, 1 waived"


@pytest.mark.parametrize("kept", [{}, {"ok": "perhaps"}, {"ok": True, "at": "now", "rules": 1}])
def test_damaged_cache(kept: dict[str, object]) -> None:
    """What is no standing is none."""
    Cache().keep_document(f"standing-{SMALL.id}", kept)
    assert standings.of(report(SMALL)) == {}
