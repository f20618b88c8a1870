"""Progress goes to standard error, moving lines are gone at the end, and an error comes last."""

from __future__ import annotations

import pytest

from weighbridge.render.terminal import console


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every output be 80 columns wide."""
    monkeypatch.setenv("COLUMNS", "80")


def test_activity_says_nothing_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """Progress goes to standard error; a pipe gets no moving lines."""
    with console.show_activity() as shown:
        shown.note("Pulling [redis]")
        shown.begin("hidden")
        shown.track_reading()(10**7)
        shown.finish("done")
    console.say("Recorded in [x]")
    assert capsys.readouterr() == ("", "Pulling [redis]\ndone\nRecorded in [x]\n")


def test_error_stands_last(capsys: pytest.CaptureFixture[str]) -> None:
    """Detail comes first and indented, the message last, long lines unbroken, brackets as they are."""
    message = f"It broke [x]: {'why ' * 30}and that is all."
    console.print_error(message, "one\ntwo [/y]")
    assert capsys.readouterr() == ("", f"  one\n  two [/y]\nerror: {message}\n")
