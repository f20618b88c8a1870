"""What an engine tells while it pushes: bytes, the digest at the end, or why a registry does not take the image."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from weighbridge.errors import PushRefused
from weighbridge.quoting import on_one_line

_LONGEST = 300
_DIGEST = re.compile(r": digest: (sha256:[0-9a-f]{64}) size: \d+$")
"""How the containerd store tells it, in words alone; a graph driver's engine tells it apart, too."""
_ADVICE = (
    (
        r"http response to https client",
        "{host} speaks HTTP without TLS: give it a certificate, or list it in the engine's insecure-registries.",
    ),
    (
        r"x509|certificate",
        "Let the engine trust the registry: put its authority into /etc/docker/certs.d/{host}/ca.crt.",
    ),
    (
        r"connection refused|no such host|dial tcp|timeout|timed out|no route|unreachable",
        "Check the name {host}, and that a registry runs there and the engine reaches it.",
    ),
    (
        r"unauthorized|authentication required|no basic auth|^denied|requested access .* denied|\b40[13]\b",
        "Run `docker login {host}` as somebody who may push there, then try again.",
    ),
)
"""Words in an engine's reason, and what to do about it: the first that fit. Engines tell no kind of error."""


def digest(reference: str, events: Iterable[Mapping[str, Any]], on_progress: Callable[[int], None]) -> str:
    """Read the events of `POST /images/{name}/push` to their end; return the digest that the registry has it by.

    Args:
        reference: The name that is pushed.
        events: Decoded JSON, one object each.
        on_progress: Is told how many bytes, as the engine counts them, have been sent.

    Raises:
        PushRefused: The engine tells an error, or no digest.
    """
    sent, reason, found = dict[str, int](), "", ""
    for event in events:  # all of them, so that the connection is used up
        if event.get("error"):
            reason = reason or str(event["error"])
        told = _DIGEST.search(str(event.get("status", "")))
        found = str((event.get("aux") or {}).get("Digest") or (told[1] if told else found))
        count = (event.get("progressDetail") or {}).get("current")
        if event.get("status") == "Pushing" and isinstance(count, int):
            sent[str(event.get("id"))] = count
            on_progress(sum(sent.values()))
    if reason or not found:
        raise refused(reference, reason or "the engine tells no digest of it")
    return found


def refused(reference: str, reason: str) -> PushRefused:
    """Return the error of a push that failed, on one line, with what to do."""
    host, words = reference.partition("/")[0], reason.lower()
    text = on_one_line(reason, mark=" ")[:_LONGEST]
    advice = next((advice for signs, advice in _ADVICE if re.search(signs, words)), None)
    return PushRefused(
        f"{reference} cannot be pushed: {text.rstrip('.')}", advice=advice.format(host=host) if advice else None
    )
