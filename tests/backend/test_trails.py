"""Which request a job comes from: what is kept of it, and what the headers of a message say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend import request_ids, tracing, trails
from backend.trails import Trail

SPAN = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.fixture(autouse=True)
def _no_request() -> Iterator[None]:
    """Leave no request behind."""
    yield
    request_ids.follow(None)


def test_work_of_our_own_has_no_trail() -> None:
    """Nothing is kept, and a message says nothing."""
    assert trails.find_current() == Trail()
    assert trails.write_current_headers() == {}
    assert Trail().write_headers() == {}


def test_a_request_has_its_id() -> None:
    """Without traces, that is all."""
    request_ids.follow("follow.me")

    assert trails.find_current() == Trail("follow.me")
    assert trails.write_current_headers() == Trail("follow.me").write_headers() == {"request_id": "follow.me"}


@pytest.mark.parametrize(("given", "kept"), [(SPAN, SPAN), (f"{SPAN}-longer", None), ("", None), ("x" * 55, None)])
def test_a_span_is_kept_if_it_has_the_form(monkeypatch: pytest.MonkeyPatch, given: str, kept: str | None) -> None:
    """Only what fits into the column; the first message has whatever the trace says."""
    carried = {"traceparent": given, "tracestate": "vendor=1"}
    monkeypatch.setattr(tracing, "carry", lambda: carried)  # another propagator than the default may be set

    assert trails.find_current() == Trail(None, kept)
    assert Trail(None, kept).write_headers() == ({"traceparent": kept} if kept else {})
    assert trails.write_current_headers() == carried
