"""Shortens the waits of the smoke test, because a fake engine answers at once."""

from __future__ import annotations

import pytest

from weighbridge.smoke.rules import start
from weighbridge.smoke.stack import runs, signals


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll every millisecond, and shorten the limits that are no settings to a hundredth of a second."""
    monkeypatch.setattr(signals, "_POLL_SECONDS", 0.001)
    monkeypatch.setattr(runs, "_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(start, "_MOMENT_SECONDS", dict.fromkeys(start._MOMENT_SECONDS, 0.01))
