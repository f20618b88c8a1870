"""What starts cost: whole bytes, seconds with three digits, and None for what was not measured."""

from __future__ import annotations

from tests.support.fakes import settings
from weighbridge.model.smoke import StartCosts
from weighbridge.smoke.stack import start_costs
from weighbridge.smoke.stack.observations import Findings, Observations


def held(memory_bytes: int) -> Findings:
    """Return findings in which only the memory matters."""
    return Findings(processes=(), root_is_read_only=True, writes={}, listening=(), memory_bytes=memory_bytes)


def test_what_was_measured() -> None:
    """Each figure belongs to its own role, seconds are rounded, and other containers' memory does not count."""
    observed = Observations(live_seconds={"api": 0.12349}, ready_seconds={"api": 1.0, "worker": 2.0006})
    observed.findings.update(api=held(1000), worker=held(2000), client=held(3000))
    assert start_costs.compute(observed, settings()) == StartCosts(
        api_live_seconds=0.123,
        api_ready_seconds=1.0,
        worker_ready_seconds=2.001,
        api_memory_bytes=1000,
        worker_memory_bytes=2000,
    )


def test_what_was_not_measured() -> None:
    """A role that was never probed has no figure, which differs from 0."""
    assert start_costs.compute(Observations(), settings()) == StartCosts()
    assert start_costs.compute(Observations(live_seconds={"api": 0.0}), settings()) == StartCosts(api_live_seconds=0.0)
