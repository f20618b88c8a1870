"""Makes GitHub-flavoured Markdown from untrusted text: an image's paths, packages and instructions.

Text from outside stays text, in GitHub and in GitLab: it starts no markup, link, table cell or formula, and it mentions
no user. `format_code` turns it into code, which both leave alone; `escape_prose` keeps it prose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from weighbridge.quoting import cut

# A code span in backticks cannot contain `\|` in a table. Therefore code is HTML, and every special character is an
# entity, which is never read as markup. Points and colons are special only where they would make a link.
_MARKUP = re.compile(r"[&<>|\\`*_\[\]~@#$]|:(?=//)|(?<=www)\.", re.IGNORECASE)
# References are found only after entities have been decoded. An invisible word joiner separates the first character
# from the rest, so that it is no longer a reference. A mail address may continue with a point or a dash.
_REFERENCE = re.compile(r"([#!~%&$])(?=[\w\"])|(@)(?=\S)|(:)(?=[\w+-])|(GH-)(?=\d)", re.IGNORECASE)
_JOINER = "\u2060"


def format_code(text: str, width: int = 80) -> str:
    """Return text as code, on one line, cut to `width` characters; `(none)` if it is empty."""
    shown = _escape(cut(text, width))
    # Without the comment, a mail address would become a link.
    return f"<code>{shown.replace('&#64;', '&#64;<!-- -->')}</code>" if shown else "(none)"


def escape_prose(text: str, width: int = 240) -> str:
    """Return text as prose, on one line, cut to `width` characters, without any markup or reference."""
    return _escape(_REFERENCE.sub(rf"\1\2\3\4{_JOINER}", cut(text, width)))


def format_table(columns: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]]) -> str:
    """Return a table.

    Args:
        columns: The name of each, and whether it is aligned to the right.
        rows: Cells, which are already Markdown.
    """
    head = "| " + " | ".join(name for name, _ in columns) + " |"
    line = "|" + "|".join("---:" if right else "---" for _, right in columns) + "|"
    return "\n".join((head, line, *("| " + " | ".join(row) + " |" for row in rows))) + "\n"


def fold(title: str, body: str) -> str:
    """Return a part that opens on a click. Title and body are already Markdown; the title has no blocks."""
    return f"<details><summary>{title}</summary>\n\n{body.rstrip()}\n\n</details>\n"


def _escape(text: str) -> str:
    return _MARKUP.sub(lambda sign: f"&#{ord(sign[0])};", text)
