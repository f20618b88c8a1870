"""GitHub's own parser shows escaped text unchanged, without any reference."""

from __future__ import annotations

import re

from hypothesis import example, given

from tests.support.gfm import HELD, shown, texts
from weighbridge.quoting import flatten
from weighbridge.render.markdown import escaping


@given(texts)
@example("a \\| b `c` <b>d</b> a@b.org www.x.org http://x.org")
@example("<details>")
def test_quoted_text_is_code_and_nothing_else(text: str) -> None:
    """Any text of an image is shown unchanged, as code in one cell, without other tags or links."""
    read = shown(escaping.format_table([("x", False)], [(escaping.format_code(text, 10_000),)]))
    assert set(read.tags) <= HELD
    assert read.tags.count("td") == 1
    expected = flatten(text) or "(none)"
    assert re.sub(r"\s+", " ", read.text).strip() == f"x {expected}"


@given(texts)
@example("see @user, #123, !4, o/r#5, GH-6, :+1:, a@b.org and http://x.org")
@example("@user@.o/r#1 a@-b.c")
def test_plain_text_refers_to_nothing(text: str) -> None:
    """A sentence is shown unchanged, apart from invisible joiners, without tags, mentions or references."""
    read = shown(escaping.format_table([("x", False)], [(f"- {escaping.escape_prose(text, 10_000)}",)]))
    assert set(read.tags) <= HELD - {"code"}
    (told,) = re.findall(r"(?s)x\s+- (.*)", read.text) or [""]
    without = re.sub(r"\s+", " ", told.replace(escaping._JOINER, "")).strip()
    assert without == flatten(text).replace(escaping._JOINER, "").strip()
    assert not re.search(r"[@#!~%&$]\w|GH-\d|:[\w+-]+:", told)


def test_long_texts_are_cut() -> None:
    """Long text is cut before it is escaped, and ends with an ellipsis."""
    assert escaping.format_code("|" * 90) == f"<code>{79 * '&#124;'}…</code>"
    assert escaping.escape_prose("x" * 241) == f"{239 * 'x'}…"
    assert escaping.format_code("") == "(none)"
