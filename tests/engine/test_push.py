"""What an engine reports while it pushes: events of Docker 20.10, and of the containerd store."""

from __future__ import annotations

from typing import Any

import pytest

from weighbridge.engine import push
from weighbridge.errors import PushRefused

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
BEGIN: list[dict[str, Any]] = [
    {"status": "The push refers to repository [127.0.0.1:5000/x]"},
    {"status": "Preparing", "progressDetail": {}, "id": "a"},
    {"status": "Pushing", "progressDetail": {"current": 512, "total": 1000}, "progress": "[=>]", "id": "a"},
    {"status": "Layer already exists", "progressDetail": {}, "id": "c"},
    {"status": "Pushing", "progressDetail": {"current": 1536}, "id": "b"},
    {"status": "Pushing", "progressDetail": {"current": 1000, "total": 1000}, "id": "a"},
    {"status": "Pushed", "progressDetail": {}, "id": "a"},
]
END: list[dict[str, Any]] = [
    {"status": f"1: digest: {DIGEST} size: 949"},
    {"progressDetail": {}, "aux": {"Tag": "1", "Digest": DIGEST, "Size": 949}},
]


@pytest.mark.parametrize("end", [END, END[:1]], ids=["graph driver", "containerd store"])
def test_digest_and_bytes(end: list[dict[str, Any]]) -> None:
    """The digest is the one that the engine reports at the end; the bytes are the sum over all layers."""
    seen = list[int]()
    assert push.read_digest("127.0.0.1:5000/x:1", [*BEGIN, *end], seen.append) == DIGEST
    assert seen == [512, 2048, 2536]


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("no basic auth credentials", "Run `docker login r.example:5000` as a user who may push there, then "),
        ("unauthorized: authentication required", "Run `docker login r.example:5000`"),
        ("denied: requested access to the resource is denied", "Run `docker login r.example:5000`"),
        ('Get "http://x/v2/": dial tcp 127.0.0.1:1: connect: connection refused', "Check the name r.example:5000, "),
        ('Get "https://x/v2/": dial tcp: lookup x: no such host', "Check the name r.example:5000, "),
        ('Get "https://x/v2/": http: server gave HTTP response to HTTPS client', "r.example:5000 speaks HTTP without "),
        ('Get "https://x/v2/": x509: certificate signed by unknown authority', "Let the engine trust the registry: "),
        ("dial tcp 10.0.0.1:4031: connect: connection refused", "Check the name r.example:5000, "),
        ("blob sha256:9a403f: timeout", "Check the name r.example:5000, "),
        ("write /data/x: permission denied", "Try again; if the error stays, look into the engine's log"),
        ("received unexpected HTTP status: 403 Forbidden", "Run `docker login r.example:5000`"),
        ("manifest invalid: manifest invalid", "Try again; if the error stays, look into the engine's log"),
    ],
)
def test_reason_leads_to_advice(reason: str, advice: str) -> None:
    """The message has the engine's reason on one line, and advice that fits it; the rest of the events is read."""
    events = iter([*BEGIN, {"errorDetail": {"message": reason}, "error": reason}, {"status": "later"}])
    with pytest.raises(PushRefused) as caught:
        push.read_digest("r.example:5000/x:1", events, lambda _: None)
    assert str(caught.value).startswith(f"r.example:5000/x:1 cannot be pushed: {reason}. {advice}")
    assert list(events) == []


def test_reason_is_one_short_line() -> None:
    """What a registry says is shown on one line, without control characters."""
    error = push.build_refusal("r/x:1", "a\n\x1b[31mb.\r" + 1000 * "c")
    assert error.message.startswith("r/x:1 cannot be pushed: a [31mb. ccc")
    assert error.message.isprintable()
    assert len(error.message) < 400


def test_push_without_a_digest() -> None:
    """If the engine stops in the middle, there is no digest, which is an error."""
    with pytest.raises(PushRefused, match="the engine reports no digest"):
        push.read_digest("r/x:1", BEGIN, lambda _: None)
