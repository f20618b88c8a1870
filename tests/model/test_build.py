"""A build's values."""

from __future__ import annotations

from weighbridge.model.build import Built, Step


def test_count() -> None:
    """Steps are counted by how they ended; one that still runs has not ended."""
    steps = (Step(name="a", state="done"), Step(name="b"), Step(name="c", state="done"), Step(name="d", state="failed"))
    built = Built(variant="x", image_id="sha256:1", seconds=1, steps=steps)
    assert [built.count(state) for state in ("done", "running", "failed", "cached")] == [2, 1, 1, 0]
