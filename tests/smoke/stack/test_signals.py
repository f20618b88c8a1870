"""Signals are deferred until nothing is half done, and then have their usual effect."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from threading import Thread

import pytest

from weighbridge.smoke.stack import signals
from weighbridge.smoke.stack.signals import Interruption, defer


@pytest.fixture(autouse=True)
def _default_handlers() -> Iterator[None]:
    """Start each test from Python's own handlers, and check that it ends with them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    signal.signal(signal.SIGINT, before)


def send(number: int) -> None:
    """Send this process a signal."""
    os.kill(os.getpid(), number)


def test_interrupt_waits_for_check() -> None:
    """Ctrl-C, even if a wrapper repeats it, does nothing until the run checks for it."""
    steps = []

    def run() -> None:
        with defer() as interruption:
            send(signal.SIGINT)
            send(signal.SIGINT)
            steps.append("made")
            interruption.check()
            steps.append("never")

    with pytest.raises(KeyboardInterrupt):
        run()
    assert steps == ["made"]


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_second_press_raises_at_once(monkeypatch: pytest.MonkeyPatch, second: int) -> None:
    """A second signal raises at once, wherever the run is; the first signal decides what is raised."""
    monkeypatch.setattr(signals, "_ONE_PRESS_SECONDS", 0.0)
    steps = []

    def run() -> None:
        with defer():
            send(signal.SIGINT)
            steps.append("hangs")
            send(second)
            steps.append("never")

    with pytest.raises(KeyboardInterrupt):
        run()
    assert steps == ["hangs"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_stop_becomes_an_exit_code(number: int, code: int) -> None:
    """SIGTERM ends the process with the shell's exit code for it."""

    def run() -> None:
        with defer() as interruption:
            send(number)
            interruption.pause()

    with pytest.raises(SystemExit) as caught:
        run()
    assert caught.value.code == code


def test_late_signal_is_not_lost() -> None:
    """A signal that comes during the removal, after the last check, is raised at the end."""
    with pytest.raises(KeyboardInterrupt), defer():
        send(signal.SIGINT)


def test_failure_goes_first() -> None:
    """An exception on its way is not replaced by a signal."""

    def run() -> None:
        with defer():
            send(signal.SIGINT)
            raise LookupError

    with pytest.raises(LookupError):
        run()


def test_ignored_signal_stays_ignored() -> None:
    """Under nohup, a closed terminal does not end the run."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with defer() as interruption:
            send(signal.SIGHUP)
            interruption.check()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_thread() -> None:
    """Outside the main thread nothing is changed, and nothing fails."""
    seen: list[Interruption] = []

    def use() -> None:
        with defer() as interruption:
            interruption.pause()
            seen.append(interruption)

    thread = Thread(target=use)
    thread.start()
    thread.join()
    assert len(seen) == 1
