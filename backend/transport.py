"""Kombu's Redis transport, less one fault that ends a worker whose Redis goes away while a job runs.

Kombu 5.7.0, with Celery 5.7.0: after a lost connection Celery closes it, and the channel gives unacknowledged jobs back
to Redis (`restore_unacked`), or a job that ends just then acknowledges itself. Both ask `_connparams` for a connection
after the transport has let go of its own (`client` is None), and its AttributeError is none of the connection errors
that Celery then ignores: the worker ended with status 1. Said as the connection error that it is, the worker waits for
Redis, and the job comes again after the visibility timeout. To be dropped when Kombu does this itself; `test_worker.py`
stops Redis under a running job.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis
from redis.exceptions import ConnectionError as ConnectionLost


class Channel(redis.Channel):
    """Kombu's, but closed is closed."""

    def _connparams(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - Kombu's interface
        if self.connection is None or self.connection.client is None:
            raise ConnectionLost("The connection to Redis is closed")
        return super()._connparams(asynchronous)  # type: ignore[no-untyped-call]  # Kombu ships few types


class Transport(redis.Transport):
    """Kombu's, with our channel."""

    Channel = Channel


def install() -> None:
    """Make this the transport of `redis://` and `rediss://`: a name, for Kombu tells TLS by the scheme's own."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:Transport"))
