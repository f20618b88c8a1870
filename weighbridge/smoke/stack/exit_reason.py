"""Finds in what a program wrote why it failed or ended: the last line is seldom the one that says so.

Standard error is searched before standard output. The order of their lines among each other says nothing: Python, for
one, writes what it has buffered of its standard output after the text of the exception that ends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weighbridge.model.container import Streams

_TRACEBACK = re.compile(r"(?:Exception Group )?Traceback \(most recent call last\)")
_GROUP_MARGIN = re.compile(r"[ |+-]*")
"""What Python prints in front of each line of the traceback of an exception group."""
_LINKS = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
"""What Python prints between the exceptions of a chain, of which the last is the one that nobody handled."""
_SHOWN_CHARACTERS = 300
_PARAGRAPH_LINES = 5
"""How many lines below a heading are told with it."""
NOTHING = "(no output)"
"""In place of a line, if there is none."""
LINES = 200
"""How many lines to search, from the end of a log: a traceback through a framework is long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorLine:
    """What a line of a log reports."""

    text: str = ""
    """Its words, with those below it if it is a heading; empty if it begins a traceback."""
    exception: str = ""
    """The exception of the traceback that it begins or that follows it; empty: there is none."""

    @property
    def cause(self) -> str:
        """What other rules may tell, too: the exception alone, if there is one."""
        return self.exception or self.text

    def __str__(self) -> str:
        return "; ".join(filter(None, (self.text, self.exception)))


def find_error(streams: Streams, errors: str) -> str:
    """Return in one line the error that a program reports; empty if it reports none.

    That is the exception of the last traceback, because a server may log one and then exit normally. Without a
    traceback it is the last line that reports an error.

    Args:
        streams: What the program wrote, oldest line first.
        errors: A regular expression that matches lines that report an error.
    """
    both = [streams.errors.splitlines(), streams.output.splitlines()]
    exceptions = (_find_last_exception(lines) for lines in both)
    reports = (_find_last_report(lines, errors) for lines in both)
    return next((_shorten(found) for found in (*exceptions, *reports) if found), "")


def find_cause(streams: Streams, errors: str) -> str:
    """Return in one line why a program failed: the error that it reports, else its last line; never empty."""
    return find_error(streams, errors) or _shorten(_find_last_line(streams)) or NOTHING


def find_reason(streams: Streams, errors: str) -> str:
    """Return in one line why a container ended: its cause, and its last line if that is another one."""
    cause, last = find_cause(streams, errors), _shorten(_find_last_line(streams))
    return cause if last in cause else f"{cause}; its log ends: {last}"


def describe_error_line(lines: Sequence[str], at: int) -> ErrorLine:
    """Return what a line reports, which may be only the heading of the lines below it, such as `Error:`."""
    if _TRACEBACK.search(lines[at]):
        return ErrorLine(exception=_shorten(find_exception(lines, at) or lines[at]))
    end = _find_end_of_report(lines, at)
    following = next((number for number in range(end, len(lines)) if lines[number].strip()), at)
    return ErrorLine(
        text=_shorten(" ".join(line.strip() for line in lines[at:end])),
        exception=_shorten(find_exception(lines, following)) if _TRACEBACK.search(lines[following]) else "",
    )


def find_tracebacks(lines: Sequence[str]) -> list[int]:
    """Return the indexes of the lines with which tracebacks begin."""
    return [at for at, line in enumerate(lines) if _TRACEBACK.search(line)]


def find_exception(lines: Sequence[str], at: int) -> str:
    """Return type and message of the exception whose traceback begins at a line; empty if its end is missing.

    If others follow in its chain, it is that of the last.

    A logger may put the same words, with another time, in front of each line of the traceback.
    """
    begin = _TRACEBACK.search(lines[at])
    prefix = lines[at][: begin.start()] if begin else ""
    found, is_linked = "", False
    for line in _strip_prefix(prefix, lines[at + 1 :]):
        if not line.strip() or line[0].isspace():
            continue
        if not found:
            found = line.strip()
        elif line.strip() in _LINKS:
            is_linked = True
        elif is_linked and _TRACEBACK.match(line):
            found, is_linked = "", False
        else:
            break
    return found


def find_last_line(text: str) -> str:
    """Return the last line of a log or an output that is not blank."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), NOTHING)


def _strip_prefix(prefix: str, lines: Sequence[str]) -> Iterator[str]:
    """Yield lines without the margin of an exception group, or without what a logger puts in front of a line."""
    margin, shape = _GROUP_MARGIN.fullmatch(prefix), _find_shape(prefix)
    for line in lines:
        start = line[: len(prefix)]
        is_prefixed = _GROUP_MARGIN.fullmatch(start) if margin else _find_shape(start) == shape
        yield line[len(prefix) :] if is_prefixed else line


def _find_shape(prefix: str) -> str:
    return re.sub(r"\d", "0", prefix)


def _find_last_exception(lines: Sequence[str]) -> str:
    begins = find_tracebacks(lines)
    return find_exception(lines, begins[-1]) if begins else ""


def _find_last_report(lines: Sequence[str], errors: str) -> str:
    at = next((at for at in reversed(range(len(lines))) if re.search(errors, lines[at])), None)
    return "" if at is None else str(describe_error_line(lines, at))


def _find_end_of_report(lines: Sequence[str], at: int) -> int:
    """Return the index after the last line of what begins at a line: a heading has a paragraph."""
    if not lines[at].rstrip().endswith(":"):
        return at + 1
    below = range(at + 1, min(len(lines), at + 1 + _PARAGRAPH_LINES))
    ends = (number for number in below if not lines[number].strip() or _TRACEBACK.search(lines[number]))
    return next(ends, below.stop)


def _find_last_line(streams: Streams) -> str:
    lines = _split_lines(streams.errors) or _split_lines(streams.output)
    return lines[-1].strip() if lines else ""


def _split_lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def _shorten(text: str) -> str:
    return text.strip()[:_SHOWN_CHARACTERS]
