"""The formats, and one value in several of them: files first, each completely or not at all."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, TextIO

import pytest

from tests.support.summaries import summary
from weighbridge.errors import SettingsError
from weighbridge.render import formats
from weighbridge.render.formats import Outputs


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
