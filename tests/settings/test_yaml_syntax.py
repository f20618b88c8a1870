"""An invoke.yaml that cannot be read is an error on one line, before Invoke reads it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import SettingsError
from weighbridge.settings.yaml_syntax import LONGEST, MOST_VALUES, Tagged, check_syntax, read_compose

MERGED = """
a: &a {x: 1}
b: &b {<<: *a, x: 2}
c: {<<: *b, x: 3}
"""
"""A key may occur in a merged mapping, too: that is what merging is for."""


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("", {}),
        ("# nothing\n", {}),
        ("a: 1\n", {"a": 1}),
        ("variants: {multi: {target: é}}\n", {"variants": {"multi": {"target": "é"}}}),
        (MERGED, {"a": {"x": 1}, "b": {"x": 2}, "c": {"x": 3}}),
        ("'5': 1\n\"on\": 2\n", {"5": 1, "on": 2}),
        ("a: &a [1]\nb: [*a, *a]\n", {"a": [1], "b": [[1], [1]]}),
    ],
)
def test_readable(tmp_path: Path, content: str, values: dict[str, Any]) -> None:
    """A mapping is fine, and so is a file without any key; what it holds is returned."""
    path = tmp_path / "invoke.yaml"
    path.write_text(content, encoding="utf-8")
    assert check_syntax(path) == values


def test_missing(tmp_path: Path) -> None:
    """A missing file is no error: the settings may come from the environment."""
    check_syntax(tmp_path / "invoke.yaml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: 1\nb: [1, 2\n", "invoke.yaml is no YAML: line 3: "),
        (b"a: 1\n\tb: 2\n", "invoke.yaml is no YAML: line 2: "),
        (b"a: 1\na: b: c\n", "invoke.yaml is no YAML: line 2: "),
        (b"a: *nowhere\n", "invoke.yaml is no YAML: line 1: "),
        (b"a: !!python/object:os.system {}\n", "invoke.yaml is no YAML: line 1: "),
        (b"a: 1\n---\nb: 2\n", "invoke.yaml is no YAML: line 2: "),
        (b"a: 1\nb: {c: 1}\na: 2\n", "invoke.yaml is no YAML: line 3: the key 'a' occurs twice. "),
        (b"a: {b: 1, b: 2}\n", "invoke.yaml is no YAML: line 1: the key 'b' occurs twice. "),
        (b"a: \x00\n", "invoke.yaml is no YAML: "),
        (b"a: caf\xe9\n", "invoke.yaml cannot be read: "),
        (b"- a\n- b\n", "invoke.yaml holds a list, not settings"),
        (b"text\n", "invoke.yaml holds a single value, not settings"),
        (b"0\n", "invoke.yaml holds a single value, not settings"),
        (b"a: 1\n5: 1\n", "invoke.yaml: line 2: the key 5 is not a text; put it in quotes. Correct it in invoke.yaml."),
        (b"a: {b: {c: [{1.5: x}]}}\n", "invoke.yaml: line 1: the key 1.5 is not a text"),
        (b"a:\n  on: 1\n", "invoke.yaml: line 2: the key on is not a text"),
        (b"a: {null: 1}\n", "invoke.yaml: line 1: the key null is not a text"),
        (b"2026-11-26: 1\n", "invoke.yaml: line 1: the key 2026-11-26 is not a text"),
        (b"? [a]\n: 1\n", "invoke.yaml: line 1: a key is not a text"),
        (b"a: &a {b: *a}\n", "invoke.yaml: line 1: a value contains itself. "),
        (b"a: 1\nb: &b [[*b]]\n", "invoke.yaml: line 2: a value contains itself. "),
        (b"[" * 5000, "invoke.yaml is nested too deeply. "),
        (b"a: 2026-13-01\n", "invoke.yaml has a value that cannot be read: month must be in 1..12. "),
        (b"a: !!bool x\n", "invoke.yaml has a value that cannot be read: "),
        (b"a: !!timestamp x\n", "invoke.yaml has a value that cannot be read: "),
        (b"a: " + b"1" * 5000, "invoke.yaml has a value that cannot be read: "),
    ],
)
def test_unreadable(tmp_path: Path, content: bytes, said: str) -> None:
    """The error is one line, with the number of the line where the parser stopped."""
    path = tmp_path / "invoke.yaml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        check_syntax(path)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_directory(tmp_path: Path) -> None:
    """A folder of that name is an error, too."""
    (tmp_path / "invoke.yaml").mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        check_syntax(tmp_path / "invoke.yaml")


def write_bomb(path: Path, width: int, depth: int, *, merged: bool) -> None:
    """Write aliases of aliases: `width` to the power of `depth` values, in lists or in mappings that are merged."""
    lines = ["a0: &a0 {x: 1}"]
    for level in range(1, depth + 1):
        inner = ", ".join([f"*a{level - 1}"] * width)
        lines.append(f"a{level}: &a{level} " + (f"{{<<: [{inner}]}}" if merged else f"[{inner}]"))
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("merged", [False, True], ids=["lists", "merged keys"])
def test_aliases_that_explode(tmp_path: Path, *, merged: bool) -> None:
    """A file of 500 bytes that stands for 10^9 values is refused at once, before anything is built from it."""
    path = tmp_path / "invoke.yaml"
    write_bomb(path, 10, 9, merged=merged)
    began = time.monotonic()
    with pytest.raises(SettingsError, match=r"^invoke.yaml: line .: with its aliases it has more than 100000 values"):
        check_syntax(path)
    assert time.monotonic() - began < 5


def test_most_values(tmp_path: Path) -> None:
    """As many values as the limit are fine, one more is not; each counts as often as an alias stands for it."""
    path = tmp_path / "invoke.yaml"
    ten = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"  # the list is one value, too
    rows = (MOST_VALUES - 1 - 1 - 10 - 2) // 10
    rest = MOST_VALUES - 1 - 1 - 10 - 2 - 10 * rows
    for extra, fits in ((rest, True), (rest + 1, False)):
        path.write_text(f"{ten}b: [{', '.join(['*a'] * rows + ['1'] * extra)}]\n")
        if fits:
            assert len(check_syntax(path)["b"]) == rows + extra
            continue
        with pytest.raises(SettingsError, match="more than 100000 values"):
            check_syntax(path)


def test_most_bytes(tmp_path: Path) -> None:
    """A file of exactly the limit is read, one that is a byte longer is not."""
    path = tmp_path / "invoke.yaml"
    path.write_bytes(b"a: 1\n#".ljust(LONGEST, b"-"))
    assert check_syntax(path) == {"a": 1}
    path.write_bytes(b"a: 1\n#".ljust(LONGEST + 1, b"-"))
    with pytest.raises(
        SettingsError, match=r"^invoke[.]yaml cannot be read: it is longer than 1000000 bytes[.] Make it"
    ):
        check_syntax(path)


def test_file_that_is_not_waited_for(tmp_path: Path) -> None:
    """A FIFO has no writer, and is an error at once."""
    os.mkfifo(tmp_path / "invoke.yaml")
    with pytest.raises(SettingsError, match=r"^invoke[.]yaml cannot be read: it is not a regular file[.] "):
        check_syntax(tmp_path / "invoke.yaml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"a": 1,}', "x.json is no JSON: line 1: "),
        ('{\n"a"}', "x.json is no JSON: line 2: "),
        ("", "x.json is no JSON: line 1: "),
        ('{"a": {"b": 1, "b": 2}}', "x.json has a value that cannot be read: the key 'b' occurs twice. "),
        ("[1]", "x.json holds a list, not settings. "),
        ("[" * 100_000, "x.json is nested too deeply. "),
        (f'{{"a": {"1" * 5000}}}', "x.json has a value that cannot be read: "),
    ],
)
def test_json(tmp_path: Path, content: str, said: str) -> None:
    """A file of JSON is read as JSON: tabs indent it, and a fault is an error on one line."""
    path = tmp_path / "x.json"
    path.write_text('{\n\t"a": {"5": [1]}}')
    assert check_syntax(path) == {"a": {"5": [1]}}
    path.write_text(content)
    with pytest.raises(SettingsError) as caught:
        check_syntax(path)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


@given(st.text(st.sampled_from("a1:{}[],&*!<-?|>'\"#% \n\t.0on~é")) | st.binary() | st.text())
def test_anything_is_settings_or_one_line(tmp_path_factory: pytest.TempPathFactory, content: str | bytes) -> None:
    """Whatever stands in a file, it holds settings whose keys are texts, or the error is ours, on one line."""
    path = tmp_path_factory.mktemp("settings") / "invoke.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(errors="surrogatepass"))
    said, found = "", dict[str, Any]()
    try:
        found = check_syntax(path)
    except SettingsError as error:
        said = str(error)
    assert said.isprintable()
    assert all(isinstance(key, str) for key in found)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("TRUE", True),
        ("~", None),
        ("", None),
        ("22:22", "22:22"),
        ("2001-12-14", "2001-12-14"),
        ("=", "="),
        ("0777", 511),
        ("0o777", 511),
        ("089", 89),
        ("0x1F", 31),
        ("-0b11", -3),
        ("1_000", 1000),
        ("100000000000000000000000", 1e23),
        ("1e3", 1000.0),
        ("-.inf", float("-inf")),
        ("'1'", "1"),
        ("!reset null", Tagged("!reset", None)),
        ("!override [1, {b: on}]", Tagged("!override", [1, {"b": "on"}])),
        ("!override {b: 0777}", Tagged("!override", {"b": 511})),
    ],
)
def test_compose(tmp_path: Path, content: str, value: object) -> None:
    """In a compose file, words and numbers are those of YAML 1.2, and a tag says how a value is merged."""
    path = tmp_path / "compose.yaml"
    path.write_text(f"a: {content}\n", encoding="utf-8")
    assert read_compose(path) == {"a": value}


DOUBLING = "a0: &a0 x\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(20))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: 1\na: 2\n", "compose.yaml is no YAML: line 2: the key 'a' occurs twice. "),
        ("1: a\n", "compose.yaml: line 1: the key 1 is not a text; put it in quotes. "),
        ("a: !other 1\n", "compose.yaml is no YAML: line 1: could not determine a constructor for the tag '!other'. "),
        ("a: !!int hidden\n", "compose.yaml has a value that cannot be read. "),
        ("a: &a [*a]\n", "compose.yaml: line 1: a value contains itself. "),
        (DOUBLING, f"compose.yaml: line 17: with its aliases it has more than {MOST_VALUES} values. "),
    ],
)
def test_wrong_compose(tmp_path: Path, content: str, said: str) -> None:
    """A compose file that cannot be read is an error on one line that shows no value; aliases are counted."""
    path = tmp_path / "compose.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read_compose(path)
    assert str(caught.value).startswith(said)
    assert "hidden" not in str(caught.value)


def test_missing_compose(tmp_path: Path) -> None:
    """Whether a compose file may be missing is for the caller to say."""
    with pytest.raises(FileNotFoundError):
        read_compose(tmp_path / "compose.yaml")
