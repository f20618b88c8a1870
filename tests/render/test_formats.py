"""The formats, and one value in several of them: files first, each completely or not at all."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, TextIO

import pytest

from tests.support.summaries import summary
from weighbridge.errors import SettingsError
from weighbridge.model.report import Report
from weighbridge.render import formats
from weighbridge.render.formats import Outputs
from weighbridge.report.comparison import Comparison, compare_reports
from weighbridge.report.summary import Summary


def _words(value: str, stream: TextIO | None = None) -> None:
    (stream or sys.stdout).write(f"{value} in words\n")


def _closed(value: str, stream: TextIO | None = None) -> None:
    if stream is None:
        raise BrokenPipeError(value)
    stream.write(f"{value} closed\n")


def _broken(value: str, stream: TextIO | None = None) -> None:
    (stream or sys.stdout).write("half of ")
    raise ValueError(value)


TABLE = {"words": _words, "closed": _closed, "broken": _broken}


def test_each_goes_where_it_is_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One format goes to standard output, the others into files, which are replaced."""
    file = tmp_path / "a:b.txt"
    file.write_text("what stood there before and is longer")
    Outputs(TABLE, ["words", f"words:{file}"]).write("ä")
    assert (capsys.readouterr().out, file.read_bytes()) == ("ä in words\n", "ä in words\n".encode())
    Outputs(TABLE, []).write("b")
    assert capsys.readouterr().out == "b in words\n"


def test_files_are_written_though_nobody_reads_on(tmp_path: Path) -> None:
    """`invoke report … | head -1` closes standard output early, but the files are complete."""
    with pytest.raises(BrokenPipeError):
        Outputs(TABLE, ["closed", f"words:{tmp_path / 'x'}"]).write("a")
    assert (tmp_path / "x").read_text() == "a in words\n"


def test_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    """If a format fails, the file keeps its old content."""
    file = tmp_path / "x"
    file.write_text("before")
    with pytest.raises(ValueError, match="a"):
        Outputs(TABLE, [f"broken:{file}"]).write("a")
    assert file.read_text() == "before"


def test_file_that_cannot_be_written(tmp_path: Path) -> None:
    """A file that cannot be written is an error before any work starts."""
    with pytest.raises(SettingsError, match="cannot be written"):
        Outputs(TABLE, [f"words:{tmp_path / 'none' / 'x'}"])
    with pytest.raises(SettingsError, match="Is a directory"):
        Outputs(TABLE, [f"words:{tmp_path}"]).write("a")
    assert [*tmp_path.iterdir()] == []


def test_names_of_standard_output_are_standard_output(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`words:/dev/stdout` is `words`, also as a link and as one place of two; standard error is a log, too."""
    (tmp_path / "link").symlink_to("/dev/stdout")
    for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", tmp_path / "link"):
        Outputs(TABLE, [f"words:{name}"]).write("a")
        assert capsys.readouterr() == ("a in words\n", "")
        with pytest.raises(SettingsError, match=r"^Several formats go to standard output[.] "):
            Outputs(TABLE, ["closed", f"words:{name}"])
    Outputs(TABLE, ["words", "words:/dev/stderr"]).write("a")
    assert capsys.readouterr() == ("a in words\n", "a in words\n")


def test_two_names_of_one_file(tmp_path: Path) -> None:
    """A link and its target are one place, and only one format may go there."""
    (tmp_path / "link").symlink_to("file")
    with pytest.raises(SettingsError, match=r"^Several formats go to .*link[.] "):
        Outputs(TABLE, [f"words:{tmp_path / 'link'}", f"closed:{tmp_path / 'file'}"])


def test_formats_of_the_smoke_test() -> None:
    """The smoke test has a format for people, for scripts and for CI."""
    assert list(formats.PROOFS) == ["terminal", "json", "junit"]


@pytest.mark.parametrize("table", [formats.REPORTS, formats.PROOFS])
def test_formats(table: dict[str, object]) -> None:
    """The terminal is the first format; an unknown one is refused with a list of all."""
    assert formats.choose(table, next(iter(table))) is table["terminal"]
    with pytest.raises(SettingsError, match=rf"^Unknown format xml[.] Choose from {', '.join(table)}[.]$"):
        formats.choose(table, "xml")


@pytest.mark.parametrize("name", sorted(set(formats.REPORTS) - {"html"}))
def test_only_a_page_asks_for_files_and_history(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the page reads files and history, which take long to compute."""
    formats.REPORTS[name](replace(summary(), trees=_refused, history=_refused))
    assert capsys.readouterr().out


def _refused() -> NoReturn:
    raise AssertionError


PRELUDE, DEED = "--mount=type=secret,id=ca set -eux; export A=b; ", "make everything"


def instructed() -> Summary:
    """Return a summary in which the instruction of every layer that is ours has a prelude, and causes are layers."""
    whole = summary()
    assert whole.baseline

    def with_prelude(report: Report) -> Report:
        images = []
        for image in report.images:
            first, *ours = image.layers
            own = tuple(replace(layer, instruction=f"RUN {PRELUDE}{DEED}") for layer in ours)
            rebuilds = tuple(replace(each, layers=own) for each in image.rebuilds)
            images.append(replace(image, layers=(first, *own), ledger=(), rebuilds=rebuilds))
        return replace(report, images=tuple(images))

    report, before = with_prelude(whole.report), with_prelude(whole.baseline.report)
    found = tuple(each for each in compare_reports(before, report) if isinstance(each, Comparison))
    return replace(whole, report=report, baseline=replace(whole.baseline, report=before, comparisons=found))


@pytest.mark.parametrize(("name", "least"), [("terminal", 4), ("markdown", 3), ("html", 4)])
def test_instructions_are_shown_without_their_prelude(name: str, least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers, causes and rebuilds say what an instruction does; a page also has the whole, for those who open it."""
    monkeypatch.setenv("COLUMNS", "200")
    stream = io.StringIO()
    formats.REPORTS[name](instructed(), stream)
    text = stream.getvalue()
    assert text.count(f"RUN {DEED}") >= least
    opened = text.count(f"</summary><code>RUN {PRELUDE}{DEED}</code>")
    assert text.count(PRELUDE) == opened
    assert bool(opened) is (name == "html")


def test_instructions_are_whole_for_programs() -> None:
    """JSON is the record: it has each instruction as the image tells it."""
    stream = io.StringIO()
    formats.REPORTS["json"](instructed(), stream)
    assert f"RUN {PRELUDE}{DEED}" in stream.getvalue()
    assert f"RUN {DEED}" not in stream.getvalue()


def test_difference_without_preludes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two images compared tell what their layers' instructions do, and to programs the whole."""
    monkeypatch.setenv("COLUMNS", "200")
    whole = instructed()
    assert whole.baseline
    change = next(each for each in whole.baseline.comparisons if each.delta_bytes)
    formats.DIFFERENCES["terminal"](change)
    shown = capsys.readouterr().out
    assert f"RUN {DEED}" in shown
    assert PRELUDE not in shown
    formats.DIFFERENCES["json"](change)
    assert f"RUN {PRELUDE}{DEED}" in capsys.readouterr().out
