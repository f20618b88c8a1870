"""Rules on stubs: how their container starts, and what of it was called."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.fakes import RUNNING, FakeEngine, exited, refused, stack_on
from weighbridge.smoke.rules import stubs
from weighbridge.smoke.stack.containers import Stack

STUBS = {
    "a.example.com": [{"get": "/x", "json": {"n": 1}}, {"put": "/x"}],
    "b.example.com": [{"post": "/y", "text": "é"}],
}


def stack(engine: FakeEngine, **smoke: Any) -> Stack:
    """Return a stack with two stubs."""
    return stack_on(engine, stubs=STUBS, **smoke)


def saw(*events: dict[str, Any]) -> FakeEngine:
    """Return an engine in whose log the stubs have noted this, among lines that are none of theirs."""
    return FakeEngine(log="\n".join(["a warning", "7", *map(json.dumps, events)]))


def request(host: str, *, prepared: bool = True) -> dict[str, Any]:
    """Return the note on a request."""
    seen = {"host": f"{host}.example.com", "scheme": "https", "method": "GET", "path": "/x", "status": 200}
    return {**seen, "prepared": prepared}


def test_container_of_stubs() -> None:
    """It has the hosts' names and may listen on low ports, and only it may write what the roles trust."""
    engine = saw({"ready": [80, 443]})
    made = stack(engine)
    assert stubs.stubs_start(made).startswith("after 0.")
    (spec,) = engine.specs
    assert spec.aliases == ("stubs", "a.example.com", "b.example.com")
    assert spec.sysctls == {"net.ipv4.ip_unprivileged_port_start": "0"}
    assert (spec.drop_capabilities, spec.read_only) == (("ALL",), True)
    wanted = json.loads("".join(spec.entrypoint[5:]))
    assert [(each["method"], each["path"], each["body"]) for each in wanted["hosts"]["a.example.com"]] == [
        ("GET", "/x", '{"n": 1}'),
        ("PUT", "/x", ""),
    ]
    assert [each["headers"] for answers in wanted["hosts"].values() for each in answers] == [
        {"Content-Type": "application/json"},
        {},
        {},
    ]
    made.start("api")
    role = engine.specs[-1]
    (volume,) = spec.volumes
    assert role.read_only_mounts == {volume: "/run/weighbridge"} == spec.volumes
    assert volume not in role.volumes
    assert role.environment["SSL_CERT_FILE"] == role.environment["REQUESTS_CA_BUNDLE"] == wanted["authority_file"]


def test_without_stubs_nothing_changes() -> None:
    """Roles of settings without stubs get neither the volume nor the variables."""
    engine = FakeEngine()
    stack_on(engine).start("worker")
    assert (engine.specs[0].read_only_mounts, engine.specs[0].sysctls) == ({}, {})
    assert "SSL_CERT_FILE" not in engine.specs[0].environment


def test_settings_of_the_application_win() -> None:
    """A variable that the settings have stays theirs."""
    engine = FakeEngine()
    stack(engine, environment={"SSL_CERT_FILE": "/own"}).start("api")
    assert engine.specs[0].environment["SSL_CERT_FILE"] == "/own"


def test_image_without_tls() -> None:
    """If the image's Python has no module for TLS, the rule holds and says so."""
    assert stubs.stubs_start(stack(saw({"ready": [80]}))).endswith(
        "; no HTTPS, for which the image's Python has no ssl"
    )


@pytest.mark.parametrize("state", [RUNNING, exited(1)])
def test_stubs_that_do_not_listen(state: Any) -> None:
    """The reason has the error, whether they end or never get ready."""
    engine = FakeEngine(state, errors="PermissionError: [Errno 13] Permission denied")
    assert refused(lambda: stubs.stubs_start(stack(engine))) == (
        "the stubs do not listen; their log says: PermissionError: [Errno 13] Permission denied"
    )


def test_all_are_called() -> None:
    """What is shown are the requests, how often each came, and which of them no stub answers."""
    engine = saw(request("a"), request("a"), request("b", prepared=False), {"host": "a.example.com", "handshake": "x"})
    assert stubs.stubs_are_called(stack(engine)) == (
        "GET https://a.example.com/x: 200 (2 times), GET https://b.example.com/x: no stub answers this"
    )


def test_many_requests() -> None:
    """No more than three are shown."""
    engine = saw(*({**request(host), "path": f"/{number}"} for host in "ab" for number in range(3)))
    assert stubs.stubs_are_called(stack(engine)).endswith("https://a.example.com/2: 200, and 3 more")


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (
            [request("a")],
            "b.example.com: nobody connected; add a probe of what calls it, or remove it from smoke.stubs",
        ),
        (
            [request("a"), *[{"host": "b.example.com", "handshake": "tlsv1 alert unknown ca"}] * 2],
            "b.example.com: 2 TLS handshakes failed (tlsv1 alert unknown ca): whoever connected trusts neither",
        ),
    ],
)
def test_stub_that_is_not_called(events: list[dict[str, Any]], words: str) -> None:
    """The reason tells a client that does not trust the certificate from one that never came."""
    assert refused(lambda: stubs.stubs_are_called(stack(saw(*events)))).startswith(words)
