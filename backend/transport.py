"""Kombu's Redis transport without a bug that ends a worker if Redis goes away while a job runs.

It also drops what is no message; `undecodable.py` says how.

In Kombu 5.7.0 with Celery 5.7.0, Celery closes a connection that was lost. Then the channel returns unacknowledged jobs
to Redis (`restore_unacked`), or a job that ends just then acknowledges itself. Both ask `_connparams` for a connection
when the transport no longer has one (`client` is None). The resulting AttributeError is not among the connection errors
that Celery ignores, so the worker ends with status 1. Here it becomes a connection error: the worker waits for Redis,
and the job is sent again after the visibility timeout. `test_worker.py` stops Redis during a job. Remove this module
when Kombu has fixed the bug.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from redis.exceptions import ConnectionError as ConnectionLost

from backend.undecodable import DroppingChannel, DroppingTransport


class Channel(DroppingChannel):
    """Kombu's channel, except that a closed connection raises a connection error."""

    def _connparams(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - Kombu's interface
        if self.connection is None or self.connection.client is None:
            raise ConnectionLost("The connection to Redis is closed")
        return super()._connparams(asynchronous)  # type: ignore[no-untyped-call]  # Kombu ships few types


class Transport(DroppingTransport):
    """Kombu's transport, with our channel."""

    Channel = Channel


def install() -> None:
    """Make this the transport of `redis://` and `rediss://`. Kombu recognises TLS by the scheme, which so stays."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:Transport"))
