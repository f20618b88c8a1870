"""Why something failed, in the plainest words that a chain of exceptions holds: libraries wrap each other's."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import BadStatusLine
from json import JSONDecodeError

import requests
import urllib3.exceptions


def plain(error: BaseException, foreign: tuple[type[Exception], ...]) -> str:
    """Return the reason in one line without a full stop.

    The words of the server come before those of the operating system, and these before those of the innermost of the
    `foreign` libraries.
    """
    links = tuple(chain(error))
    said = [str(text) for text in (getattr(each, "explanation", None) for each in links) if text]
    if any(text.lstrip().startswith("<") for text in said) or any(map(_is_no_engine, links)):
        return "what answers there is no container engine"
    of_system = [
        each.strerror or str(each) for each in links if isinstance(each, OSError) and not isinstance(each, foreign)
    ]
    inner = [str(each) for each in links if isinstance(each, foreign)]
    text = (said or of_system[-1:] or inner[-1:] or [str(error)])[0]
    return " ".join(text.split()).rstrip(".") or type(error).__name__


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and all that led to it."""
    while error:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def lacks_permission(error: BaseException) -> bool:
    """Tell whether the operating system refused, to this user, what led to an exception."""
    return any(isinstance(each, PermissionError) for each in chain(error))


def timed_out(error: BaseException) -> bool:
    """Tell whether an exception comes from waiting for too long."""
    return any(isinstance(each, requests.Timeout | urllib3.exceptions.TimeoutError) for each in chain(error))


def _is_no_engine(error: BaseException) -> bool:
    return isinstance(error, BadStatusLine | JSONDecodeError) and not isinstance(error, OSError)
