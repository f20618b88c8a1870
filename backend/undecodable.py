"""Drops and counts messages that are none, because the first one would end the worker that takes it.

Kombu parses a message while it reads from Redis, in the worker's main loop. Celery handles a message with wrong
content, but not one that cannot be parsed or lacks its envelope: the exception ends the worker, and then the next one.

The same holds for whatever else stands where messages belong: a key of another type, and among the messages that
workers have taken, one that nobody can give back.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from kombu.transport import redis
from redis.exceptions import RedisError, ResponseError

QUEUE = "celery"
"""Celery's queue, in which only jobs may be."""
COUNTER = "backend.undecodable"
"""The key in Redis under which all workers count."""
REFUSED_SECONDS = 1.0
"""How long a worker waits if Redis refuses what it asks for, because it has no memory or is only a copy."""
_UNREADABLE = (KeyError, RecursionError, TypeError, ValueError)
"""What parsing raises. Not AttributeError: a connection that was closed raises that."""
_WRONG = (*_UNREADABLE, AttributeError)
"""What using a parsed message raises that has other parts than a message."""
_log = logging.getLogger(__name__)


class DroppingQoS(redis.QoS):
    """Kombu's list of messages that workers have taken, except that what is no message is dropped."""

    def restore_visible(self, *args: Any, **options: Any) -> Any:
        """Give back the messages of lost workers, every few seconds; see before to what would prevent that."""
        self.channel.remove_strangers()
        return super().restore_visible(*args, **options)  # type: ignore[no-untyped-call]  # Kombu ships few types

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> Any:  # noqa: FBT001, FBT002 - Kombu's
        """Give back one message, or drop it: otherwise nobody would ever come to those after it."""
        try:
            return super().restore_by_tag(tag, client, leftmost)  # type: ignore[no-untyped-call]  # likewise
        except _UNREADABLE as error:
            self._remove_from_indices(tag).execute()  # type: ignore[no-untyped-call]  # likewise
            self.channel.drop(error)


class DroppingChannel(redis.Channel):
    """Kombu's channel, except that a text that is no JSON is dropped. It is taken off the queue before it is parsed."""

    QoS = DroppingQoS

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
        except ResponseError:
            if self.connection is not None and self.remove_strangers():
                return True
            time.sleep(REFUSED_SECONDS)  # then the worker connects again
            raise

    def _size(self, queue: str) -> Any:
        """Count the messages of a queue, which is what declares it."""
        try:
            return super()._size(queue)  # type: ignore[no-untyped-call]  # Kombu ships few types
        except ResponseError:
            if not self.remove_strangers():
                raise
            return super()._size(queue)  # type: ignore[no-untyped-call]  # likewise

    def remove_strangers(self) -> bool:
        """Delete each key under a name of ours that is of another type, and return whether there was one."""
        kinds = {self._q_for_pri(QUEUE, priority): b"list" for priority in self.priority_steps}  # type: ignore[no-untyped-call]  # likewise
        kinds |= {self.unacked_key: b"hash", self.unacked_index_key: b"zset"}
        with self.conn_or_acquire() as client:
            strangers = [key for key, kind in kinds.items() if client.type(key) not in {kind, b"none"}]
            if strangers:
                client.delete(*strangers)
        for key in strangers:
            self.drop(TypeError(key))
        return bool(strangers)

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
