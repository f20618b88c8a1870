"""Reads what an engine reports while it pushes: bytes, then the digest, or why the registry refuses the image."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from weighbridge.errors import PushRefused
from weighbridge.quoting import flatten

_LONGEST = 300
_DIGEST = re.compile(r": digest: (sha256:[0-9a-f]{64}) size: \d+$")
"""How the containerd store reports the digest, in a sentence; an engine with a graph driver also has a field for it."""
_ADVICE = (
    (
        r"http response to https client",
        "{host} speaks HTTP without TLS: give it a certificate, or list it in the engine's insecure-registries.",
    ),
    (
        r"x509|certificate",
        "Let the engine trust the registry: put its authority's certificate into /etc/docker/certs.d/{host}/ca.crt.",
    ),
    (
        r"connection refused|no such host|dial tcp|timeout|timed out|no route|unreachable",
        "Check the name {host}, that a registry runs there, and that the engine can reach it.",
    ),
    (
        r"unauthorized|authentication required|no basic auth|^denied|requested access .* denied|\b40[13]\b",
        "Run `docker login {host}` as a user who may push there, then try again.",
    ),
)
"""Pattern of an engine's message -> what to do; the first that matches counts. Engines do not name kinds of errors."""


def read_digest(reference: str, events: Iterable[Mapping[str, Any]], on_progress: Callable[[int], None]) -> str:
    """Read all events of `POST /images/{name}/push` and return the digest of the image in the registry.

    Args:
        reference: The name that is pushed.
        events: The events, each as decoded JSON.
        on_progress: Called with the number of bytes sent so far, as the engine counts them.

    Raises:
        PushRefused: The engine reports an error, or no digest.
    """
    sent, reason, found = dict[str, int](), "", ""
    for event in events:  # read all of them, so that the connection can be reused
        if event.get("error"):
            reason = reason or str(event["error"])
        match = _DIGEST.search(str(event.get("status", "")))
        found = str((event.get("aux") or {}).get("Digest") or (match[1] if match else found))
        count = (event.get("progressDetail") or {}).get("current")
        if event.get("status") == "Pushing" and isinstance(count, int):
            sent[str(event.get("id"))] = count
            on_progress(sum(sent.values()))
    if reason or not found:
        raise build_refusal(reference, reason or "the engine reports no digest")
    return found


def build_refusal(reference: str, reason: str) -> PushRefused:
    """Return the error for a push that failed: the reason on one line, and what to do."""
    host, words = reference.partition("/")[0], reason.lower()
    text = flatten(reason, mark=" ")[:_LONGEST]
    advice = next((advice for signs, advice in _ADVICE if re.search(signs, words)), None)
    return PushRefused(
        f"{reference} cannot be pushed: {text.rstrip('.')}", advice=advice.format(host=host) if advice else None
    )
