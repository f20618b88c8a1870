"""Wrong tokens cost their sender time, and nobody else's."""

from __future__ import annotations

import time

import pytest

from backend import attempts
from backend.attempts import Attempts


def _fail(counted: Attempts, address: str, times: int = 10) -> None:
    for _ in range(times):
        counted.note_failure(address)


def test_an_address_waits_after_too_many_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten are free; then one is forgiven every three seconds, and in the end all."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    counted = Attempts()
    waits = []
    for _ in range(11):
        waits.append(counted.find_wait("10.0.0.1"))
        counted.note_failure("10.0.0.1")
    assert waits == [0] * 10 + [3]
    assert counted.find_wait("10.0.0.1") == 6
    now += 6
    assert counted.find_wait("10.0.0.1") == 0
    counted.note_failure("10.0.0.1")
    assert counted.find_wait("10.0.0.1") == 3
    now += 60
    _fail(counted, "10.0.0.1", 9)
    assert counted.find_wait("10.0.0.1") == 0


def test_others_do_not_wait() -> None:
    """Neither other addresses of IPv4 nor other networks of IPv6; one network of IPv6 is one sender."""
    counted = Attempts()
    _fail(counted, "10.0.0.1")
    for number in range(10):
        counted.note_failure(f"2001:db8::{number}")

    assert counted.find_wait("10.0.0.1") == counted.find_wait("2001:db8::ffff") == 3
    assert [counted.find_wait(other) for other in ("10.0.0.2", "2001:db8:0:1::1", "", "testclient")] == [0] * 4


def test_addresses_of_ipv4_are_told_apart_on_ipv6() -> None:
    """A server that listens on `::` sees each as `::ffff:…`; one that guesses does not lock out all others."""
    counted = Attempts()
    _fail(counted, "::ffff:10.0.0.1")

    assert counted.find_wait("::ffff:10.0.0.1") == counted.find_wait("10.0.0.1") == 3
    assert counted.find_wait("::ffff:10.0.0.2") == 0


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many senders the latest are remembered."""
    monkeypatch.setattr(attempts, "_MOST_ADDRESSES", 3)
    counted = Attempts()
    for number in range(5):
        _fail(counted, f"10.0.0.{number}")

    assert [bool(counted.find_wait(f"10.0.0.{number}")) for number in range(5)] == [False, False, True, True, True]
