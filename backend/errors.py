"""The errors of the service, distinguished by what the caller can do about them.

The tree:

    BackendError
      Invalid              the content is wrong; sending it again does not help
      NotFound             no such report or comparison
      Unavailable          a service that we need does not answer; try again later
        StoreUnavailable     the database
          WrongSchema          its schema is not the one that this program needs
        BrokerUnavailable    Redis
        Busy                 we do as much already as our memory allows
"""

from __future__ import annotations

RETRY_SECONDS = 5
"""When a caller may try again, in `Retry-After`."""


class BackendError(Exception):
    """Superclass of our errors, never raised itself. Its text is for the caller and contains no secret."""


class Invalid(BackendError):
    """The content breaks the contract; the text names the field."""


class NotFound(BackendError):
    """There is no report or comparison with that id."""


class Unavailable(BackendError):
    """A service that we need does not answer now."""


class StoreUnavailable(Unavailable):
    """The database cannot be reached, read or written."""

    def __init__(self) -> None:
        super().__init__("The database does not answer or cannot be written to. Try again later.")


class WrongSchema(StoreUnavailable):
    """The database answers, but has another schema. The reason completes the sentence "The database …"."""

    def __init__(self, reason: str) -> None:
        BackendError.__init__(self, f"The database {reason}")
        self.reason = reason


class BrokerUnavailable(Unavailable):
    """Redis cannot be reached, so no job can be sent."""

    def __init__(self) -> None:
        super().__init__("The job queue does not answer, so the comparison was not started. Try again later.")


class Busy(Unavailable):
    """As many requests, or bytes of them, are in work as the service's memory allows."""

    def __init__(self) -> None:
        super().__init__("The service has too much to do. Try again later.")


def root_cause(error: BaseException) -> str:
    """Return the first cause of an error on one line. It is only for the log, because it may contain an address."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}".partition("\n")[0].removesuffix(": ")
