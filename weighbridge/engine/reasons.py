"""Finds the plainest reason in a chain of exceptions, because libraries wrap each other's exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import BadStatusLine
from json import JSONDecodeError

import requests
import urllib3.exceptions


def find_reason(error: BaseException, foreign: tuple[type[Exception], ...]) -> str:
    """Return the reason on one line, without a full stop.

    That is the server's explanation; without one, the operating system's; without that, the message of the innermost
    exception of the `foreign` libraries.
    """
    links = tuple(walk_chain(error))
    said = [str(text) for text in (getattr(each, "explanation", None) for each in links) if text]
    if any(text.lstrip().startswith("<") for text in said) or any(map(_is_no_engine, links)):
        return "what answers there is no container engine"
    of_system = [
        each.strerror or str(each) for each in links if isinstance(each, OSError) and not isinstance(each, foreign)
    ]
    inner = [str(each) for each in links if isinstance(each, foreign)]
    text = (said or of_system[-1:] or inner[-1:] or [str(error)])[0]
    return " ".join(text.split()).rstrip(".") or type(error).__name__


def walk_chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception, then its cause, the cause of that, and so on."""
    while error:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def lacks_permission(error: BaseException) -> bool:
    """Tell whether an exception came from the operating system denying access to this user."""
    return any(isinstance(each, PermissionError) for each in walk_chain(error))


def has_timed_out(error: BaseException) -> bool:
    """Tell whether an exception came from a timeout."""
    return any(isinstance(each, requests.Timeout | urllib3.exceptions.TimeoutError) for each in walk_chain(error))


def _is_no_engine(error: BaseException) -> bool:
    return isinstance(error, BadStatusLine | JSONDecodeError) and not isinstance(error, OSError)
