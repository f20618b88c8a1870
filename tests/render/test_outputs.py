"""One value in several formats: files first, each completely or not at all."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TextIO

import pytest

from weighbridge.errors import SettingsError
from weighbridge.render.outputs import Outputs


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
