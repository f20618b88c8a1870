"""Text from an image is no command for the log of a CI job, and documents mean the same as before."""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.proofs import FAILED, check
from tests.support.summaries import summary
from weighbridge.render import formats, log_commands
from weighbridge.render.log_commands import break_marks
from weighbridge.render.terminal import console

BLANKS = " \t\u00a0\u2003\u3000\ufeff\u00ad"
HOSTILE = st.text(st.sampled_from(":#[]a \t\n\r\u2028\u00ad\u2060\ufeff\u0301\x1b0m")) | st.text()


def obeys(text: str) -> bool:
    """Tell whether GitHub's runner could take a line for a command (`TryParseV2` and `TryParse` in ActionCommand.cs).

    .NET's StreamReader splits lines; its comparison skips the characters that Unicode calls ignorable.
    """
    text = re.sub("[\u00ad\u2060\ufeff\u200b\x00]", "", text)
    lines = re.split(r"\r\n|\r|\n", text)
    return any(line.lstrip().startswith("::") or "##[" in line for line in lines)


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this be a job of GitHub Actions."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")


@pytest.mark.usefixtures("github")
@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("::error::x", ": :error::x"),
        ("a\n  ::add-mask::x\n", "a\n  : :add-mask::x\n"),
        ("a\r::error::x", "a\r: :error::x"),
        ("\x1b[1m::error::x\x1b[0m", "\x1b[1m: :error::x\x1b[0m"),
        (f"{BLANKS}::error::x", f"{BLANKS}: :error::x"),
        (":\u00ad:error::x", ": \u00ad:error::x"),
        ("RUN echo ##[error]x", "RUN echo ## [error]x"),
        ("####[group]", "#### [group]"),
        ("#\u2060#\u2060[group]", "#\u2060#\u2060 [group]"),
        ("std::string, a: b, # [x], #[y]", "std::string, a: b, # [x], #[y]"),
        ("section_start:1:x", "section_start:1:x"),
    ],
)
def test_marks_of_github(text: str, broken: str) -> None:
    """Both marks are broken by a visible blank, wherever a line may begin; all else stays."""
    assert break_marks(text, "text") == broken
    assert not obeys(broken)


def test_marks_of_gitlab(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of GitLab folds nothing that an image's text tells it to fold; GitHub's marks mean nothing there."""
    monkeypatch.setenv("GITLAB_CI", "true")
    text = "section_start:1:a\r\x1b[0K ##[x]\nsection_end:1:a section_x:1"
    assert break_marks(text, "text") == "section_start :1:a\r\x1b[0K ##[x]\nsection_end :1:a section_x:1"
    assert json.loads(break_marks('"section_start:1"', "json")) == "section_start:1"
    assert break_marks("section_start:1", "markup") == "section_start&#58;1"


@pytest.mark.usefixtures("github")
@given(HOSTILE)
def test_no_text_is_obeyed(text: str) -> None:
    """Whatever the text, the runner finds no command in it."""
    assert not obeys(break_marks(text, "text"))


@pytest.mark.usefixtures("github")
@given(st.recursive(HOSTILE, lambda inner: st.lists(inner) | st.dictionaries(HOSTILE, inner), max_leaves=8))
def test_json_stays_equal(value: object) -> None:
    """JSON has the same value as before, with and without escapes for what is not ASCII."""
    for escaped in (True, False):
        text = break_marks(json.dumps(value, indent=2, ensure_ascii=escaped), "json")
        assert json.loads(text) == value
        assert not obeys(text)


@pytest.mark.usefixtures("github")
@given(st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from(":#[\n")), HOSTILE)
def test_markup_stays_equal(text: str, name: str) -> None:
    """A document has the same text and attributes as before, and the JSON in a page's script the same value."""
    element = ET.Element("a", title=re.sub("[^ -~]", "", name))
    element.text = re.sub("[\ufffe\uffff]", "", text)
    written = ET.tostring(element, encoding="unicode")
    broken = break_marks(written, "markup")
    read, same = ET.fromstring(broken), ET.fromstring(written)  # noqa: S314 - our own
    assert (read.text, read.attrib) == (same.text, same.attrib)
    assert not obeys(broken)
    page = f'<p>::x\n</p><script type="application/json" id="d">{json.dumps(name)}</script>'
    assert json.loads(re.findall('json" id="d">(.*)</script>', break_marks(page, "markup"))[0]) == name


@pytest.mark.usefixtures("github")
def test_styles_and_scripts_of_a_page_stay() -> None:
    """Our own style and scripts have no entities, and the page's policy knows them by their digests."""
    page = "<style>\n::selection {}\n</style><script>\n'##['\n</script><p>\n::x ##[y]</p>"
    assert break_marks(page, "markup") == page.replace("\n::x ##[y]", "\n&#58;:x ##&#91;y]")


HOSTILE_NAME = "::error::a ##[error]b"


@pytest.mark.parametrize("name", formats.REPORTS)
def test_no_report_is_obeyed(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In a job no format writes a mark to standard output; into a file it writes what it writes elsewhere."""
    value, elsewhere = summary(HOSTILE_NAME), io.StringIO()
    monkeypatch.setenv("COLUMNS", "80")
    formats.REPORTS[name](value, elsewhere)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    formats.REPORTS[name](value)
    shown, into_file = capsys.readouterr().out, io.StringIO()
    assert shown
    page = re.compile(r"<style>.*?</style>|<script>.*?</script>", re.DOTALL)  # ours, and no text of an image
    assert not obeys(page.sub("", shown))
    formats.REPORTS[name](value, into_file)
    assert into_file.getvalue() == elsewhere.getvalue()
    if name in {"json", "cyclonedx"}:
        assert json.loads(shown) == json.loads(elsewhere.getvalue())
        assert HOSTILE_NAME in json.dumps(json.loads(shown))


@pytest.mark.usefixtures("github")
@pytest.mark.parametrize("name", formats.PROOFS)
def test_no_smoke_test_is_obeyed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the reason of a rule that fails nor a container's log is a command; JUnit has the same text."""
    text = "it fails\n::error::a\r##[error]b"
    formats.PROOFS[name]([replace(FAILED, checks=(check("api", "x", outcome="failed", detail=text),), log=text)])
    shown = capsys.readouterr().out
    assert not obeys(shown)
    if name == "junit":
        failure = ET.fromstring(shown).find("*/*/failure")  # noqa: S314 - our own
        assert failure is not None
        assert failure.get("message") == text.replace("\r", "\n")


@pytest.mark.usefixtures("github")
def test_no_message_is_obeyed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines, wrapped paragraphs, tables, notes and errors go through the same guard, on both streams."""
    monkeypatch.setenv("COLUMNS", "20")
    text = "\r::error::a ##[x] " + "y" * 18 + " ::error::b"
    console.print_line(text)
    console.print_paragraph(text)
    console.print_table(text, (console.Column(name=text),), [(text,)])
    console.print_dense_table(text, (console.Column(name=text),), [(text,)])
    console.print_entries([(console.Cell("::error::a"), [text])])
    console.say(text)
    console.print_error("a\n::error::x ##[y]", f"a\n{text}")
    with console.show_activity() as shown:
        shown.note(text)
        shown.finish(text)
        shown.tell(text)
    out, err = capsys.readouterr()
    assert "error::b" in out
    assert "error::a" in err
    assert not obeys(out)
    assert not obeys(err)


def test_nothing_changes_outside_of_a_job(capsys: pytest.CaptureFixture[str]) -> None:
    """Without the variables the streams are used as they are, so a terminal shows the text of the image."""
    assert log_commands.guard(sys.stdout, "text") is sys.stdout
    console.print_line("::error::a ##[x] section_start:1:y")
    assert capsys.readouterr().out == "::error::a ##[x] section_start:1:y\n"
