"""Env files are read by Compose's rules; no error shows a value. Files as a whole: `test_reader.py`."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import SettingsError
from weighbridge.settings.compose.dotenv import parse, read_variables
from weighbridge.settings.compose.places import Place
from weighbridge.settings.yaml_syntax import LONGEST

PLACE = Place(".env")


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("", {}),
        ("\n \n# A=1\n", {}),
        ("A=1", {"A": "1"}),
        ("export A=1\nexport\tB=2", {"A": "1", "B": "2"}),
        ("A: 1\nB : 2\n C = 3 ", {"A": "1", "B": "2", "C": "3"}),
        ("A=a # b\nB=a#b\nC=#b\nD= # b", {"A": "a", "B": "a#b", "C": "#b", "D": "# b"}),
        ("A='$B \\n'\nB=\"\\n$A\"", {"A": "$B \\n", "B": "\n$B \\n"}),
        ('A="a\nb" # c\nB=2', {"A": "a\nb", "B": "2"}),
        ("A='x'B=2", {"A": "x", "B": "2"}),
        ("A=1\nA=${A}2", {"A": "12"}),
        ("A=$FAR\nFAR\nNEAR", {"A": "far", "FAR": "far"}),
        ("A=1\r\nB='2'\r\nFAR\r\n# c\r\nC='a\r\nb'", {"A": "1", "B": "2", "FAR": "far", "C": "a\r\nb"}),
        ('A="\\$B \\" \\\\ \\q \\0101 \\08"', {"A": '$B " \\ \\q A \\08'}),
        ("A=\nB=''\nC", {"A": "", "B": ""}),
        ("1A=1\na.b-c[0]=2\né=3", {"1A": "1", "a.b-c[0]": "2", "é": "3"}),
        ("export", {}),
    ],
)
def test_variables(text: str, variables: dict[str, str]) -> None:
    """Quotes, comments, escapes and variables have their values."""
    assert parse(text, {"FAR": "far"}, PLACE) == variables


def test_precedence() -> None:
    """A value uses the environment before its own file, and its own file before earlier ones."""
    text = "A=file\nB=file\nX=$A $B $C"
    assert parse(text, {"A": "environment"}, PLACE, {"B": "earlier", "C": "earlier"})["X"] == "environment file earlier"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A=1\nB C=hidden", "line 2: there is no name of a variable; it has letters, digits and _.-[] only"),
        ("%=hidden", "line 1: there is no name of a variable; it has letters, digits and _.-[] only"),
        ("=hidden", "line 1: there is no name of a variable; it has letters, digits and _.-[] only"),
        ("\nA='hidden", "line 2: a quoted value does not end"),
        ('A="hidden\\"', "line 1: a quoted value does not end"),
        ("A=1\nB=hidden\nC=${B", "line 3: a ${ has no } that closes it; write $$ for a plain $"),
        ("B=hidden\n\nC=${D?no}", "line 3: the variable D is required and has no value: no"),
    ],
)
def test_refused(text: str, said: str) -> None:
    """What is wrong is said of its line, and no value is shown."""
    with pytest.raises(SettingsError) as caught:
        parse(text, {}, PLACE)
    assert str(caught.value) == f".env: {said}. Correct it in .env."


def test_unset() -> None:
    """A variable that is not set is a note that names file and line."""
    place = Place(".env")
    assert parse("A=1\nB=x$NO\n", {}, place) == {"A": "1", "B": "x"}
    assert place.notes == [".env: line 2 uses the variable NO, which is not set: an empty text takes its place"]


def test_raw(tmp_path: Path) -> None:
    """With `format: raw` a value is what stands after the sign."""
    path = tmp_path / "raw.env"
    path.write_text("# comment\nA='$B' # c\n\nB=\n", encoding="utf-8")
    assert read_variables(path, {}, PLACE, is_raw=True) == {"A": "'$B' # c", "B": ""}

    path.write_text("A=1\nhidden\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"^\.env: line 2: there is no variable with a value[.]"):
        read_variables(path, {}, PLACE, is_raw=True)


def test_unreadable(tmp_path: Path) -> None:
    """A file that is not there, no file, or no text is an error at the place that names it."""
    place = Place("compose.yaml", "services.a.env_file")
    start = "^compose.yaml: services.a.env_file: the env file cannot be read: "
    with pytest.raises(SettingsError, match=f"{start}No such file"):
        read_variables(tmp_path / "no.env", {}, place)
    with pytest.raises(SettingsError, match=f"{start}Is a directory"):
        read_variables(tmp_path, {}, place)
    path = tmp_path / "latin.env"
    path.write_bytes(b"A=\xff\n")
    with pytest.raises(SettingsError, match=f"{start}it is no UTF-8[.]"):
        read_variables(path, {}, place)


def test_bounds() -> None:
    """Values that double from line to line, and many lines, end soon."""
    start = time.monotonic()
    doubling = "A0=xxxxxxxxxx\n" + "".join(f"A{n + 1}=$A{n}$A{n}\n" for n in range(100))
    with pytest.raises(SettingsError, match="longer than"):
        parse(doubling, {}, PLACE)
    assert len(parse("".join(f"A{n}=$X\n" for n in range(60_000)), {"X": "1"}, PLACE)) == 60_000
    with pytest.raises(SettingsError, match="does not end"):
        parse("A='" + "\\" * LONGEST, {}, PLACE)
    assert time.monotonic() - start < 10


@given(st.one_of(st.text(), st.text(alphabet="AB=:'\"\\#$ \n\r\t{}-exportn0")))
def test_any_text(text: str) -> None:
    """Whatever the text, there are variables or a SettingsError of one line."""
    said = ""
    try:
        assert all(parse(text, {"A": "1"}, PLACE))
    except SettingsError as error:
        said = str(error)
    assert said.isprintable()


@given(st.dictionaries(st.from_regex("[A-Za-z_][A-Za-z0-9_]*", fullmatch=True), st.text()))
def test_quoted_values(variables: dict[str, str]) -> None:
    """Values in double quotes, with quotes, escapes and dollars escaped, come back."""
    signs = str.maketrans({"\\": r"\\", '"': r"\"", "$": r"\$"})
    text = "".join(f'{name}="{value.translate(signs)}"\n' for name, value in variables.items())
    assert parse(text, {}, PLACE) == variables
