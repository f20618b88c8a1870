"""What is true of a whole proof, from its checks."""

from __future__ import annotations

import pytest

from weighbridge.model.smoke import Check, Outcome, Proof


@pytest.mark.parametrize(
    ("outcomes", "ok"),
    [
        ((), True),
        (("passed", "waived"), True),
        (("passed", "failed", "skipped", "failed"), False),
        (("skipped", "passed"), False),
    ],
)
def test_proof_holds_if_every_check_does(outcomes: tuple[Outcome, ...], ok: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """One rule that fails, or could not be tried, makes the whole proof fail; what is accepted does not."""
    checks = tuple(Check(role="api", rule="r", outcome=each, detail="", seconds=0) for each in outcomes)
    assert Proof(variant="multi", seconds=1, checks=checks).ok is ok
