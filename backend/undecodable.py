"""Drops and counts messages that are none, because the first one would end the worker that takes it.

Kombu parses a message while it reads from Redis, in the worker's main loop. Celery handles a message with wrong
content, but not one that cannot be parsed or lacks its envelope: the exception ends the worker, and then the next one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from kombu.transport import redis
from redis.exceptions import RedisError

QUEUE = "celery"
"""Celery's queue, in which only jobs may be."""
COUNTER = "backend.undecodable"
"""The key in Redis under which all workers count."""
_UNREADABLE = (KeyError, RecursionError, TypeError, ValueError)
"""What parsing raises. Not AttributeError: a connection that was closed raises that."""
_WRONG = (*_UNREADABLE, AttributeError)
"""What using a parsed message raises that has other parts than a message."""
_log = logging.getLogger(__name__)


class DroppingChannel(redis.Channel):
    """Kombu's channel, except that a text that is no JSON is dropped. It is taken off the queue before it is parsed."""

    def _brpop_read(self, **options: Any) -> Any:
        return self._read(partial(super()._brpop_read, **options))

    def _receive_one(self, subscription: Any) -> Any:
        return self._read(partial(super()._receive_one, subscription))

    def _read(self, read: Callable[[], Any]) -> Any:
        """Read a message from Redis and hand it on; drop it if it was not handed on because it cannot be parsed."""
        if self.connection is None:  # closed, which reading tells
            return read()
        self.connection.is_delivering = False
        try:
            return read()
        except _UNREADABLE as error:
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
    """Kombu's transport, except that a message without its envelope, or a job without its parts, is dropped."""

    is_delivering = False

    def _deliver(self, message: Any, queue: str) -> None:
        try:
            _check(message, self.channels[0], is_job=queue == QUEUE)
        except _WRONG as error:
            self.channels[0].drop(error)
            return
        self.is_delivering = True
        super()._deliver(message, queue)  # type: ignore[no-untyped-call]  # Kombu ships few types


def _check(message: Any, channel: Any, *, is_job: bool) -> None:
    """Raise one of `_WRONG` if Kombu or Celery cannot handle a parsed message: they rely on some of its parts."""
    made = channel.Message(message, channel=channel)
    _require(str, made.delivery_tag)
    _require(dict, made.headers, made.delivery_info, made.properties)
    if is_job:
        headers = made.headers
        _require(str, headers["task"], headers["id"])
        _require(int, headers.get("retries") or 0)
        _require(list, headers.get("timelimit") or [])
        args, options, links = json.loads(made.body)
        _require(list, args)
        _require(dict, options, links or {})


def _require(kind: type, *parts: object) -> None:
    if not all(isinstance(part, kind) for part in parts):
        raise TypeError(f"the message has a part that is no {kind.__name__}")
