"""The result of an image's last smoke test: by the image's id for a push, by its config's digest for a report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.reports import image, report
from weighbridge.cache import Cache
from weighbridge.model.rules import Profile
from weighbridge.model.smoke import Check, Outcome, Proof, RuleCounts, StartCosts, TriedImage
from weighbridge.render.overview import describe_standing
from weighbridge.settings.project import Settings, check
from weighbridge.smoke import history

SMALL, LARGE = image("small"), image("large", base_mb=200)
SETTINGS = check({"variants": {"a": {}}})
CODE = "0123"
"""The digest of the code that proves."""
ID, OTHER = "sha256:a", "sha256:b"


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the user's cache folder, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def proof(image_id: str = ID, *others: TriedImage, ok: bool = True, profile: Profile = "works") -> Proof:
    """Return a proof of one check, of an image and of those that ran beside it."""
    made = Check(role="api", rule="ready", outcome="passed" if ok else "failed", detail="", seconds=0)
    own = TriedImage(key="a", image_id=image_id, config_digest="sha256:config")
    return Proof(variant="a", seconds=1, checks=(made,), images=(own, *others), profile=profile)


def test_only_that_image_is_proven() -> None:
    """A proof is valid for one id only; the last one of a profile counts."""
    assert not history.is_proven(SETTINGS, CODE, ID, {})
    history.remember(SETTINGS, CODE, proof())
    assert history.is_proven(SETTINGS, CODE, ID, {})
    assert not history.is_proven(SETTINGS, CODE, OTHER, {})
    history.remember(SETTINGS, CODE, proof(ok=False))
    assert not history.is_proven(SETTINGS, CODE, ID, {})


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ({"reports": {"directory": "elsewhere"}}, True),
        ({"repository": "other"}, True),
        ({"variants": {"a": {"target": "b"}}}, True),
        ({"smoke": {"user": 4242}}, False),
        ({"variants": {"a": {"accepts": {"no-compiler": "why"}}}}, False),
        ({"roles": {"api": {"grace_seconds": 1}}}, False),
    ],
)
def test_other_settings_are_another_proof(changed: dict[str, object], counts: bool) -> None:  # noqa: FBT001 - a column
    """The settings of roles and smoke test, and waived rules, are part of a proof; names are not."""
    history.remember(SETTINGS, CODE, proof())
    settings: Settings = check({"variants": {"a": {}}, **changed})
    assert history.is_proven(settings, CODE, ID, {}) is counts


def test_each_profile_has_its_own_proof() -> None:
    """What works is not thereby hardened; a failure under one profile leaves the proof under the other as it was."""
    hardened = check({"variants": {"a": {}}, "smoke": {"profile": "hardened"}})
    history.remember(SETTINGS, CODE, proof())
    assert not history.is_proven(hardened, CODE, ID, {})
    history.remember(hardened, CODE, proof(profile="hardened", ok=False))
    assert history.is_proven(SETTINGS, CODE, ID, {})
    assert not history.is_proven(hardened, CODE, ID, {})
    history.remember(hardened, CODE, proof(profile="hardened"))
    history.remember(SETTINGS, CODE, proof(ok=False))
    assert history.is_proven(hardened, CODE, ID, {})
    assert not history.is_proven(SETTINGS, CODE, ID, {})


@pytest.mark.parametrize(
    ("beside", "counts"),
    [
        ({"a": ID, "b": OTHER}, True),
        ({"a": ID, "b": OTHER, "c": "sha256:c"}, True),
        ({}, True),
        ({"b": "sha256:newer"}, False),
        ({"a": "sha256:newer", "b": OTHER}, False),
    ],
)
def test_images_that_run_together_are_proven_together(beside: dict[str, str], counts: bool) -> None:  # noqa: FBT001 - a column
    """A proof of several images is valid for each of them as long as none has been built anew since then."""
    history.remember(SETTINGS, CODE, proof(ID, TriedImage(key="b", image_id=OTHER, config_digest="sha256:other")))
    assert history.is_proven(SETTINGS, CODE, ID, beside) is counts
    assert history.is_proven(SETTINGS, CODE, OTHER, beside) is counts


def test_every_image_of_a_proof_has_its_standing() -> None:
    """A report of either image of a stack has the result of the stack."""
    other = TriedImage(key="large", image_id=OTHER, config_digest=LARGE.id)
    history.remember(SETTINGS, CODE, replace(proof_of(), images=(*proof_of().images, other)))
    found = history.read_standings(report(SMALL, LARGE))
    assert found["small"] == found["large"]


def test_other_rules_are_another_proof() -> None:
    """A rule that was added or changed since then has not been tried."""
    history.remember(SETTINGS, CODE, proof())
    assert not history.is_proven(SETTINGS, "4567", ID, {})


def test_damaged_memory_proves_nothing(cache: Path) -> None:
    """A damaged document counts as not proven, until the next proof replaces it."""
    history.remember(SETTINGS, CODE, proof())
    (path,) = cache.rglob("proof-*")
    for data in (b"", b"nonsense", path.read_bytes()[:-3]):
        path.write_bytes(data)
        assert not history.is_proven(SETTINGS, CODE, ID, {})
    history.remember(SETTINGS, CODE, proof())
    assert history.is_proven(SETTINGS, CODE, ID, {})


def test_folder_that_cannot_be_written(cache: Path) -> None:
    """If the cache cannot be written, nothing fails, but nothing counts as proven."""
    (cache / "weighbridge").write_text("no folder")
    history.remember(SETTINGS, CODE, proof())
    assert not history.is_proven(SETTINGS, CODE, ID, {})


def proof_of(outcome: Outcome = "passed") -> Proof:
    """Return a proof of two rules of the small image."""
    checks = [Check(role="api", rule=rule, outcome=each, detail="", seconds=0) for rule, each in RULES(outcome)]
    figures = StartCosts(api_ready_seconds=0.4, worker_memory_bytes=7)
    images = (TriedImage(key="x", image_id=ID, config_digest=SMALL.id),)
    return Proof(variant="x", seconds=1, checks=tuple(checks), images=images, figures=figures)


def RULES(outcome: Outcome) -> tuple[tuple[str, Outcome], ...]:  # noqa: N802 - a table with one blank
    """Return two rules, the second with that outcome."""
    return ("live", "passed"), ("ready", outcome)


def test_last_word_counts() -> None:
    """The last result counts; an image that was never tried has none."""
    history.remember(SETTINGS, CODE, proof_of("failed"))
    found = history.read_standings(report(SMALL, LARGE))
    assert found.keys() == {"small"}
    assert (found["small"].ok, found["small"].rules, found["small"].failed) == (False, 2, ("api ready",))
    history.remember(SETTINGS, CODE, proof_of())
    after = history.read_standings(report(replace(SMALL, variant="another name")))["another name"]
    assert (after.ok, after.failed, after.figures) == (
        True,
        (),
        StartCosts(api_ready_seconds=0.4, worker_memory_bytes=7),
    )
    assert after.at.endswith("Z")


def test_waived_rules_are_counted() -> None:
    """A waived rule does not count as held."""
    history.remember(SETTINGS, CODE, proof_of("waived"))
    found = history.read_standings(report(SMALL))["small"]
    assert (found.ok, found.counts, found.failed) == (True, RuleCounts(held=1, failed=0, waived=1, untried=0), ())
    assert describe_standing(found) == "✓ 1 of 2 rules holds, 1 waived"


def test_untried_rules_are_counted() -> None:
    """A rule that was not tried counts neither as held nor as failed."""
    history.remember(SETTINGS, CODE, proof_of("skipped"))
    found = history.read_standings(report(SMALL))["small"]
    assert (found.ok, found.counts) == (True, RuleCounts(held=1, failed=0, waived=0, untried=1))
    assert describe_standing(found) == "✓ 1 of 2 rules holds, 1 not tried"


def test_noted_rules_are_counted() -> None:
    """A rule that only `hardened` demands counts neither as held nor as failed, and is told."""
    history.remember(SETTINGS, CODE, replace(proof_of("noted"), profile="works"))
    found = history.read_standings(report(SMALL))["small"]
    assert (found.ok, found.profile, found.counts) == (
        True,
        "works",
        RuleCounts(held=1, failed=0, waived=0, untried=0, noted=1),
    )
    assert describe_standing(found) == "✓ 1 of 2 rules holds, 1 noted for `hardened`"


def test_standing_kept_before_untried_rules_were_counted() -> None:
    """A document without the count is read, and its untried rules count as none."""
    kept = {"ok": False, "at": "2026-11-24T09:00:00Z", "rules": 45, "failed": ["worker ready"], "waived": 2}
    Cache().keep_document(f"standing-{SMALL.id}", kept)
    assert describe_standing(history.read_standings(report(SMALL))["small"]) == "✗ 1 of 45 rules fails, 2 waived"


@pytest.mark.parametrize("kept", [{}, {"ok": "perhaps"}, {"ok": True, "at": "now", "rules": 1}])
def test_damaged_standing(kept: dict[str, object]) -> None:
    """A damaged document counts as no result."""
    Cache().keep_document(f"standing-{SMALL.id}", kept)
    assert history.read_standings(report(SMALL)) == {}
