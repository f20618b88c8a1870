"""GitHub-flavoured Markdown, made from text that may come from anywhere: an image's paths, packages and instructions.

What comes from outside stays text, in GitHub and in GitLab: it begins no markup, no link, no table cell and no formula,
and it mentions nobody. `quoted` makes code of it, which both leave alone; `plain` leaves a sentence a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from weighbridge.quoting import cut

# A code span of backticks cannot hold `\|` in a table, so code is HTML, and each sign that means something an entity:
# entities never are markup. Points and colons count only in what would be linked.
_MARKUP = re.compile(r"[&<>|\\`*_\[\]~@#$]|:(?=//)|(?<=www)\.", re.IGNORECASE)
# What begins a reference is read after entities have been undone. A word joiner, which nobody sees, keeps it from that
# which would make it one. A mail address may go on with a point or a dash.
_REFERENCE = re.compile(r"([#!~%&$])(?=[\w\"])|(@)(?=\S)|(:)(?=[\w+-])|(GH-)(?=\d)", re.IGNORECASE)
_JOINER = "\u2060"


def quoted(text: str, width: int = 80) -> str:
    """Return text as code, on one line, cut to so many signs; `(none)` where there is nothing."""
    shown = _escaped(cut(text, width))
    return f"<code>{shown.replace('&#64;', '&#64;<!-- -->')}</code>" if shown else "(none)"  # else a mail address links


def plain(text: str, width: int = 240) -> str:
    """Return text as prose, on one line, cut to so many signs; nothing in it is markup or refers to anything."""
    return _escaped(_REFERENCE.sub(rf"\1\2\3\4{_JOINER}", cut(text, width)))


def table(columns: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]]) -> str:
    """Return a table.

    Args:
        columns: The name of each, and whether it stands on the right.
        rows: Cells that are Markdown already.
    """
    head = "| " + " | ".join(name for name, _ in columns) + " |"
    line = "|" + "|".join("---:" if right else "---" for _, right in columns) + "|"
    return "\n".join((head, line, *("| " + " | ".join(row) + " |" for row in rows))) + "\n"


def folded(title: str, body: str) -> str:
    """Return a part that is opened by a click; title and body are Markdown already, the title without blocks."""
    return f"<details><summary>{title}</summary>\n\n{body.rstrip()}\n\n</details>\n"


def _escaped(text: str) -> str:
    return _MARKUP.sub(lambda sign: f"&#{ord(sign[0])};", text)
