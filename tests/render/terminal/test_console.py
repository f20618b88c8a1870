"""Progress goes to standard error, moving lines are gone at the end, and an error comes last."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


CONTROLS = "\x1b]0;title\x07\x1b[2J\x9b31m\x90q\x9c\x00\r\x08\x7f\u202eevil\u2066\u200f\udc9b\u2028\u2029\x85\x0b"
"""What controls a terminal: ESC, C1, NUL, CR, backspace, bidirectional marks, undecodable bytes, line separators."""


class _Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def _show_activity(text: str) -> None:
    with console.show_activity() as shown:
        shown.note(text)
        shown.finish(text, console.Cell(text, "red"))
        shown.tell(text)


WAYS: dict[str, Callable[[str], None]] = {
    "line": lambda text: console.print_line(text, console.Cell(text, "bold")),
    "paragraph": console.print_paragraph,
    "table": lambda text: console.print_table(text, (console.Column(name=text),), [(text,)]),
    "dense": lambda text: console.print_dense_table(text, (console.Column(name=text, shrinks=True),), [(text,)]),
    "entries": lambda text: console.print_entries([(console.Cell(text), [text])]),
    "say": console.say,
    "error": lambda text: console.print_error(text, text),
    "activity": _show_activity,
}


@pytest.mark.parametrize("way", WAYS)
@given(text=st.just(CONTROLS) | st.text(st.sampled_from(CONTROLS + "ab [/]\n")) | st.text())
def test_no_text_controls_a_terminal(way: str, text: str) -> None:
    """Whatever the text and the way it takes, only printable characters and our own line ends come out."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        patch.setenv("COLUMNS", "80")
        WAYS[way](text)
    shown = out.getvalue() + err.getvalue()
    assert all(sign.isprintable() for sign in shown.replace("\n", ""))


def test_moving_line_controls_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a terminal shows while something runs has no control characters but Rich's own."""
    plain, hostile = _Terminal(), _Terminal()
    for stream, text in ((plain, "a[b]"), (hostile, f"a[b]{CONTROLS}")):
        monkeypatch.setattr(sys, "stderr", stream)
        with console.show_activity() as shown:
            shown.note(text)
            shown.track_bytes(text)(10**6)
    assert "a[b]" in hostile.getvalue()
    for sign in set(CONTROLS) - {"\x1b", "\r"}:
        if not sign.isprintable():
            assert sign not in hostile.getvalue()
    assert "\x1b]0;" not in hostile.getvalue()
    assert "\x1b[2J" not in hostile.getvalue()
