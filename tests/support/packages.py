"""What tests of several parsers draw: names, versions and paths as databases hold them."""

from __future__ import annotations

import re

from hypothesis import strategies as st

NAMES = st.from_regex(r"[a-z0-9][a-z0-9.+]{0,7}", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9][a-z0-9.+~]{0,7}", fullmatch=True)


def _is_segment(name: bytes) -> bool:
    """Tell whether a folder may hold something of this name, and a database without quoting list it."""
    return name not in {b"", b".", b".."} and not re.search(rb"[\n\0/]", name)


SEGMENTS = st.one_of(st.sampled_from([b"usr", b"bin", b"a b", b"...", b'"', b","]), st.binary(min_size=1, max_size=5))
PATHS = (
    st.lists(SEGMENTS.filter(_is_segment), min_size=1, max_size=4)
    .map(b"/".join)
    .map(lambda path: path.decode("utf-8", "surrogateescape"))
)
"""From the root, without a slash. Any byte that a file's name may hold, the newline left out."""


def damaged(*words: bytes) -> st.SearchStrategy[bytes]:
    """Return documents made of a format's own words and of anything else, so that a parser gets far into them."""
    return st.lists(st.one_of(st.sampled_from(words), st.binary(max_size=6)), max_size=30).map(b"".join)


def stays_inside(path: str) -> bool:
    """Tell whether a path could be one of an image's: from the root, with no step up and no empty step."""
    return not {"", ".", ".."} & set(path.split("/")) and "\0" not in path
