"""Markdown as GitHub's own parser reads it, and texts that would break it."""

from __future__ import annotations

from html.parser import HTMLParser

import cmarkgfm  # type: ignore[import-untyped] # it has no types
from cmarkgfm.cmark import Options  # type: ignore[import-untyped] # as above
from hypothesis import strategies as st


class Reader(HTMLParser):
    """What a page shows: its text, and the tags that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser's own signature
        """Keep the tag."""
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.texts.append(data)

    @property
    def text(self) -> str:
        """All the text, in one."""
        return "".join(self.texts)


def shown(text: str) -> Reader:
    """Return what GitHub's parser makes of Markdown."""
    return Reader(cmarkgfm.github_flavored_markdown_to_html(text, options=Options.CMARK_OPT_UNSAFE))


# Signs of all kinds, often those that Markdown, HTML, tables and references are made of.
NASTY = "|`\\*_[]()<>&~:@#$!{}\n\r\t -+=./\u202e\0\ud800w1aé漢"


PIECES = (
    "@user",
    "#123",
    "GH-12",
    "o/r#1",
    "www.x.org",
    "http://x.org",
    "a@b.org",
    "</code>",
    "<!--",
    "-->",
    "\\|",
    "`",
)


texts = st.lists(
    st.one_of(st.sampled_from(PIECES), st.text(st.sampled_from(NASTY), max_size=8), st.text(max_size=4))
).map("".join)


HELD = {"code", "table", "thead", "tbody", "tr", "th", "td"}
