"""What starts cost, as it is kept: whole bytes, three digits of seconds, and nothing that was not measured."""

from __future__ import annotations

from weighbridge.model.smoke import StartCosts
from weighbridge.smoke.stack import start_costs
from weighbridge.smoke.stack.observations import Findings, Observations


def held(memory_bytes: int) -> Findings:
    """Return what the probe saw of containers of which only the memory counts."""
    return Findings(processes=(), root_is_read_only=True, writes={}, listening=(), memory_bytes=memory_bytes)


def test_what_was_measured() -> None:
    """Each figure is of its own role, and seconds are rounded; another container's memory does not count."""
    observed = Observations(api_live_seconds=0.12349, api_ready_seconds=1.0, worker_ready_seconds=2.0006)
    observed.findings.update(api=held(1000), worker=held(2000), client=held(3000))
    assert start_costs.of(observed) == StartCosts(
        api_live_seconds=0.123,
        api_ready_seconds=1.0,
        worker_ready_seconds=2.001,
        api_memory_bytes=1000,
        worker_memory_bytes=2000,
    )


def test_what_was_not_measured() -> None:
    """A role that was never seen leaves no figure, which is another thing than 0."""
    assert start_costs.of(Observations()) == StartCosts()
    assert start_costs.of(Observations(api_live_seconds=0.0)) == StartCosts(api_live_seconds=0.0)
