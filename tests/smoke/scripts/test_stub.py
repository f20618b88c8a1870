"""The script that stands in for third parties, against real clients: prepared answers, TLS, and what it notes."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripts import free_port, started
from weighbridge.smoke.scripts import stub
from weighbridge.smoke.stack import certificates

HOST, OTHER = "api.example.com", "mail.example.com"
RATE = {"method": "GET", "path": "/rate", "status": 200, "headers": {"X-A": "b"}, "body": '{"é": 1}'}
ANSWERS = {
    HOST: [RATE, {**RATE, "path": "/rate?of=EUR", "body": "never: the one above takes any query"}],
    OTHER: [{**RATE, "method": "PUT", "path": "/x?y=z", "status": 201, "body": ""}, {**RATE, "status": 204}],
}


class Stub:
    """A script that runs, its ports, and what it prints."""

    def __init__(self, process: subprocess.Popen[str], http: int, https: int, authority: Path) -> None:
        self.process, self.http, self.https, self.authority = process, http, https, authority

    def hear(self) -> dict[str, Any]:
        """Return what it prints next."""
        assert self.process.stdout is not None
        return dict(json.loads(self.process.stdout.readline()))

    def ask(self, method: str, host: str, path: str, body: str | None = None) -> tuple[int, str, str | None]:
        """Return status, body and a header of an answer by HTTP."""
        connection = HTTPConnection("127.0.0.1", self.http, timeout=5)
        connection.request(method, path, body, {"Host": host})
        answer = connection.getresponse()
        found = answer.status, answer.read().decode(), answer.getheader("X-A")
        connection.close()
        return found


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stub]:
    """Run the script with certificates of its own."""
    file, made, http, https = tmp_path_factory.mktemp("trust") / "ca", certificates.make([HOST]), *_two_ports()
    wanted = {
        "hosts": ANSWERS,
        "http_port": http,
        "https_port": https,
        "authority_file": str(file),
        "authority": made.authority,
        "certificate": made.certificate,
        "key": made.key,
    }
    with started(stub, wanted) as process:
        found = Stub(process, http, https, file)
        assert found.hear() == {"ready": [http, https]}
        yield found


def _two_ports() -> tuple[int, int]:
    first = free_port()
    while (second := free_port()) == first:
        pass
    return first, second


@pytest.mark.parametrize(
    ("method", "host", "path", "answer"),
    [
        ("GET", HOST, "/rate", (200, '{"é": 1}', "b")),
        ("GET", f"{HOST.upper()}:80", "/rate?of=EUR", (200, '{"é": 1}', "b")),
        ("PUT", OTHER, "/x?y=z", (201, "", "b")),
        ("PUT", OTHER, "/x?y=a", (404, "no stub answers this", None)),
        ("POST", HOST, "/rate", (404, "no stub answers this", None)),
        ("GET", OTHER, "/x", (404, "no stub answers this", None)),
        ("GET", OTHER, "/rate", (204, "", "b")),
    ],
)
def test_prepared_answers(
    running: Stub, method: str, host: str, path: str, answer: tuple[int, str, str | None]
) -> None:
    """Each host has its own answers, by method and path; a query counts only if the prepared path has one."""
    assert running.ask(method, host, path, "body" if method != "GET" else None) == answer
    assert running.hear() == {
        "host": host.lower().partition(":")[0],
        "scheme": "http",
        "method": method,
        "path": path,
        "status": answer[0],
        "prepared": answer[0] != 404,
    }


@pytest.mark.parametrize("body", [b"abc" * 1000, iter([b"a", b"b" * 5000])], ids=["length", "chunks"])
def test_next_request_of_a_connection(running: Stub, body: object) -> None:
    """A connection serves several requests, however the body of the one before was sent."""
    connection = HTTPConnection("127.0.0.1", running.http, timeout=5)
    for _ in range(2):
        connection.request("PUT", "/x?y=z", body, {"Host": OTHER})  # type: ignore[arg-type]  # bytes, or several
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (201, b"")
        assert running.hear()["method"] == "PUT"
    connection.close()


def connect(running: Stub, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    """Return a connection on which hands were shaken."""
    raw = socket.create_connection(("127.0.0.1", running.https), timeout=5)
    try:
        return context.wrap_socket(raw, server_hostname=host)
    except ssl.SSLError:
        raw.close()
        raise


def test_https(running: Stub) -> None:
    """A strict client that trusts the authority gets its answer."""
    context = ssl.create_default_context(cafile=running.authority)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    connection = HTTPSConnection("127.0.0.1", running.https, timeout=5, context=context)
    connection.sock = connect(running, context, HOST)
    connection.request("GET", "/rate", headers={"Host": HOST})
    assert connection.getresponse().read().decode() == '{"é": 1}'
    connection.close()
    assert running.hear()["scheme"] == "https"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_client_that_trusts_nobody(running: Stub, version: ssl.TLSVersion) -> None:
    """A handshake that fails is noted, with the host that the client wanted; the next client is served."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = version
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(running, context, HOST)
    told = running.hear()
    assert told["host"] == HOST
    assert told["handshake"].endswith("alert unknown ca")
    assert running.ask("GET", HOST, "/rate")[0] == 200
    assert running.hear()["status"] == 200
