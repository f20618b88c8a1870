"""Kombu's transport for Redis, except that it drops what is no JSON."""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis


class Channel(redis.Channel):
    """Kombu's channel: it has taken a message off the queue when it finds that it cannot be parsed."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]  # Kombu ships few types
        except ValueError:
            return True


class Transport(redis.Transport):
    """Kombu's transport, with that channel."""

    Channel = Channel


TRANSPORT_ALIASES["redis"] = f"{__name__}:Transport"
