"""What can go wrong in the service, told apart by what the caller can do about it.

The tree:

    BackendError
      Invalid              the content is wrong; sending it again will not help
      NotFound             no such report or comparison
      Unavailable          a service that we need does not answer; try again later
        StoreUnavailable     the database
        BrokerUnavailable    Redis
"""

from __future__ import annotations


class BackendError(Exception):
    """Superclass of our errors, never raised itself. Its text is for the caller and holds no secret."""


class Invalid(BackendError):
    """What was sent breaks the contract; the text names the field."""


class NotFound(BackendError):
    """There is no report or comparison of that id."""


class Unavailable(BackendError):
    """A service that we need does not answer now."""


class StoreUnavailable(Unavailable):
    """The database cannot be reached, read or written."""

    def __init__(self) -> None:
        super().__init__("The database does not answer or cannot be written. Try again later.")


class BrokerUnavailable(Unavailable):
    """Redis cannot be reached, so no job can be sent."""

    def __init__(self) -> None:
        super().__init__("The job queue does not answer, so the comparison was not started. Try again later.")


def root_cause(error: BaseException) -> str:
    """Return what is at the bottom of an error, in one line: for the log, because it may hold an address."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}".partition("\n")[0].removesuffix(": ")
