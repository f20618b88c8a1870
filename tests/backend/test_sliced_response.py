"""An answer that has to be cut off, through a real server."""

from __future__ import annotations

import logging

import httpx
import pytest

from backend import answers
from backend.answers import SLICE_BYTES
from backend.errors import StoreUnavailable
from backend.large_values import LargeValue
from backend.settings import Settings
from tests.backend.conftest import Record, Serving


def test_answer_that_is_cut_off(
    settings: Settings,
    serving: Serving,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """If the database fails in the middle, the client sees that something is missing, and the log says why."""
    read = LargeValue.read

    def fail(value: LargeValue, start: int, size: int) -> bytes:
        if start > SLICE_BYTES:
            raise StoreUnavailable from OSError("gone")
        return read(value, start, size)

    with serving(settings) as client:
        large = record(unknown="x" * 4 * SLICE_BYTES)
        location = client.post("/v1/reports", json=large).headers["location"]
        assert client.get(location).json() == large
        with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
            patch.setattr(LargeValue, "read", fail)
            with pytest.raises(httpx.RemoteProtocolError, match="received 524288 bytes, expected"):
                client.get(location)
        assert "an answer was cut off: OSError: gone" in caplog.text
        assert "Traceback" not in caplog.text
        assert client.get(location).json() == large
        assert 'weighbridge_bytes_in_flight{kind="answers"} 0.0' in client.get("/metrics").text
    assert answers.SLICED_BYTES // (2 * SLICE_BYTES) == 32
