"""Which request a job comes from, as the job's row keeps it and the headers of its message tell it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from backend import request_ids, tracing

REQUEST_ID = "request_id"
"""The header of a message with the id of the request that it comes from."""
TRACEPARENT = "traceparent"
"""The header with the span of that request, by W3C's Trace Context."""
_TRACEPARENT = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Trail:
    """The request that a job comes from. Both are None for work of our own, and in rows from before they were kept."""

    request_id: str | None = None
    """At most 64 characters."""
    traceparent: str | None = None
    """55 characters; None without traces."""

    def write_headers(self) -> dict[str, str]:
        """Return the headers of a message that is sent for the request once more."""
        both = {REQUEST_ID: self.request_id, TRACEPARENT: self.traceparent}
        return {name: value for name, value in both.items() if value}


def find_current() -> Trail:
    """Return the trail of the request that is answered now."""
    traceparent = tracing.carry().get(TRACEPARENT, "")
    return Trail(request_ids.find_current(), traceparent if _TRACEPARENT.fullmatch(traceparent) else None)


def write_current_headers() -> dict[str, str]:
    """Return the headers of a message that the current request sends, with all that its trace has besides the span."""
    return tracing.carry() | find_current().write_headers()
