"""What is true of a whole proof, from its checks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.model.smoke import Check, Outcome, Proof, count_outcomes


@pytest.mark.parametrize(
    ("outcomes", "ok"),
    [
        ((), True),
        (("passed", "waived"), True),
        (("passed", "failed", "skipped", "failed"), False),
        (("skipped", "passed"), True),
        (("noted", "skipped", "passed"), True),
        (("noted", "failed"), False),
    ],
)
def test_proof_holds_unless_a_rule_fails(outcomes: tuple[Outcome, ...], ok: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """One rule that fails makes the whole proof fail; one that is waived, noted, or was not tried does not."""
    assert Proof(variant="multi", seconds=1, checks=checks_of(outcomes)).ok is ok


@given(st.lists(st.sampled_from(get_args(Outcome))))
def test_every_check_is_counted_once(outcomes: list[Outcome]) -> None:
    """The counts are those of the outcomes; those of the tried and the untried add up to all."""
    counts = count_outcomes(checks_of(outcomes))
    assert counts.held == outcomes.count("passed")
    assert counts.failed == outcomes.count("failed")
    assert counts.waived == outcomes.count("waived")
    assert counts.noted == outcomes.count("noted")
    assert counts.untried == outcomes.count("skipped")
    assert counts.tried == len(outcomes) - outcomes.count("skipped")
    assert counts.total == len(outcomes)


def checks_of(outcomes: Iterable[Outcome]) -> tuple[Check, ...]:
    """Return a check of each outcome."""
    return tuple(Check(role="api", rule="r", outcome=each, detail="", seconds=0) for each in outcomes)
