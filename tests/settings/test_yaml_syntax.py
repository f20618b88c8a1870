"""An invoke.yaml that cannot be read is an error on one line, before Invoke reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.errors import SettingsError
from weighbridge.settings.yaml_syntax import check_syntax

MERGED = """
a: &a {x: 1}
b: &b {<<: *a, x: 2}
c: {<<: *b, x: 3}
"""
"""A key may occur in a merged mapping, too: that is what merging is for."""


@pytest.mark.parametrize("content", ["", "# nothing\n", "a: 1\n", "variants: {multi: {target: é}}\n", MERGED])
def test_readable(tmp_path: Path, content: str) -> None:
    """A mapping is fine, and so is a file without any key."""
    path = tmp_path / "invoke.yaml"
    path.write_text(content, encoding="utf-8")
    check_syntax(path)


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
