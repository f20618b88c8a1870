"""Drops and counts messages that are none, because the first one would end the worker that takes it.

Kombu parses a message while it reads from Redis, in the worker's main loop. Celery handles a message with wrong
content, but not one that cannot be parsed or lacks its envelope: the exception ends the worker, and then the next one.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

from kombu.transport import redis
from redis.exceptions import RedisError

COUNTER = "backend.undecodable"
"""The key in Redis under which all workers count."""
_FAULTS = (AttributeError, KeyError, RecursionError, TypeError, ValueError)
_log = logging.getLogger(__name__)


class DroppingChannel(redis.Channel):
    """Kombu's channel, except that a text that is no JSON is dropped. It is taken off the queue before it is parsed."""

    def _brpop_read(self, **options: Any) -> Any:
        self.connection.is_delivering = False
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]  # Kombu ships few types
        except _FAULTS as error:
            if self.connection is None or self.connection.is_delivering:  # a fault of the receiver, not of the message
                raise
            self.drop(error)
            return True

    def drop(self, error: Exception) -> None:
        """Count a message, and log what is wrong with it but nothing that is in it."""
        with suppress(RedisError, OSError), self.conn_or_acquire() as client:
            client.incr(COUNTER)
        _log.error("undecodable message dropped: %s", type(error).__name__)


class DroppingTransport(redis.Transport):
    """Kombu's transport, except that a message without its envelope is dropped."""

    is_delivering = False

    def _deliver(self, message: Any, queue: str) -> None:
        try:
            _check_envelope(message, self.channels[0])
        except _FAULTS as error:
            self.channels[0].drop(error)
            return
        self.is_delivering = True
        super()._deliver(message, queue)  # type: ignore[no-untyped-call]  # Kombu ships few types


def _check_envelope(message: Any, channel: Any) -> None:
    """Raise one of `_FAULTS` if Kombu or Celery cannot handle a parsed message: they need some of its parts."""
    made = channel.Message(message, channel=channel)
    texts = [made.delivery_tag, *(made.headers[name] for name in ("task", "id") if "task" in made.headers)]
    objects = made.headers, made.delivery_info, made.properties
    if not all(isinstance(part, str) for part in texts) or not all(isinstance(part, dict) for part in objects):
        raise TypeError("a part of the envelope has another type")
