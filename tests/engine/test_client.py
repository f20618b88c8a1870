"""The only module with Docker's SDK: no foreign exception leaves it, and it uses no other engine than the named one.

What a real engine answers is tested in `tests/live`.
"""

from __future__ import annotations

import inspect
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from types import ModuleType
from typing import Any

import docker.errors
import pytest
import requests
import urllib3.exceptions

from tests.support.sockets import ANSWERS, serving
from weighbridge.engine import client
from weighbridge.engine.protocol import TIMED_OUT
from weighbridge.errors import EngineError, EngineFault, NoBaseImage, NoEngine, NoSuchImage, WeighbridgeError
from weighbridge.model.container import Streams

pytestmark = [
    pytest.mark.usefixtures("dead_engines", "nobody_names_an_engine"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


def foreign(module: ModuleType) -> list[type[Exception]]:
    """Return all exceptions that a module defines, except warnings."""
    found = [each for each in vars(module).values() if inspect.isclass(each) and issubclass(each, Exception)]
    return [each for each in found if each.__module__ == module.__name__ and not issubclass(each, Warning)]


DOCKER = foreign(docker.errors)
HTTP = [*foreign(requests.exceptions), *foreign(urllib3.exceptions)]
# urllib3 refuses a proxy with these words before it opens any connection; no engine is involved.
HTTP.remove(urllib3.exceptions.ProxySchemeUnsupported)
ARGUMENTS: dict[type[Exception], tuple[Any, ...]] = {
    requests.JSONDecodeError: ("words", "", 0),
    urllib3.exceptions.IncompleteRead: (1, 2),
    urllib3.exceptions.InvalidChunkLength: (urllib3.HTTPResponse(), b"words"),
}


def made(kind: type[Exception]) -> Exception:
    """Return an exception of that class, with as many arguments as it requires."""
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    needed = [each for each in parameters if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD]
    return kind(*ARGUMENTS.get(kind, ["words"] * max(1, len(needed))))


@pytest.mark.parametrize("kind", DOCKER)
def test_every_error_of_the_sdk_is_mapped(kind: type[Exception]) -> None:
    """The SDK's exceptions about an answer become `EngineFault` or `NoSuchImage`, with their cause."""
    with pytest.raises(WeighbridgeError) as caught, client.map_errors():
        raise made(kind)
    assert type(caught.value) is (NoSuchImage if kind is docker.errors.ImageNotFound else EngineFault)
    assert type(caught.value.__cause__) is kind
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", HTTP)
def test_every_error_of_the_http_libraries_is_mapped(kind: type[Exception]) -> None:
    """Exceptions of the libraries below the SDK become `NoEngine`."""
    with pytest.raises(NoEngine, match=r"^The engine does not answer: .") as caught, client.map_errors():
        raise made(kind)
    assert type(caught.value.__cause__) is kind


@pytest.mark.parametrize("kind", [KeyError, ValueError, KeyboardInterrupt])
def test_faults_of_ours_are_not_hidden(kind: type[BaseException]) -> None:
    """All other exceptions pass unchanged."""
    with pytest.raises(kind), client.map_errors():
        raise kind("ours")


@pytest.mark.parametrize("body", ["{}", '{"error": "x"}', "[]", "null", '"x"'])
def test_error_without_a_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> None:
    """If the SDK fails on an error whose JSON is unusual, the result is still an `EngineFault`."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")
    with (
        serving(tmp_path / "s", ANSWERS | {"/containers/c/json": (500, body), "/images/create": (500, body)}),
        client.connect() as found,
    ):
        with pytest.raises(EngineFault, match=r"^The engine says: 500 Server Error"):
            found.read_state("c")
        with pytest.raises(NoBaseImage, match=r"^x:1 cannot be pulled: 500 Server Error"):
            found.pull("x:1")


def test_words_of_the_engine_come_through() -> None:
    """The message has the engine's own explanation, not the SDK's sentence about a URL."""
    error = docker.errors.APIError("500 Server Error for http+docker://x", explanation="no space left\non device.")
    with pytest.raises(EngineFault) as caught, client.map_errors():
        raise error
    assert caught.value.message == "The engine says: no space left on device"


def test_engine_that_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """DOCKER_HOST's engine is used, and says where it is."""
    path = tmp_path / "s"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with serving(path, ANSWERS), client.connect() as found:
        assert found.host == f"unix://{path}"


def test_rootless_engine_where_the_usual_socket_is_dead(tmp_path: Path) -> None:
    """If the user names no engine, rootless Docker's socket is tried after the usual one."""
    with serving(tmp_path / "docker.sock", ANSWERS), client.connect() as found:
        assert found.host == f"unix://{tmp_path}/docker.sock"


def test_nothing_anywhere() -> None:
    """The message names the usual socket and why it is silent, in one line; the advice is to install one."""
    with pytest.raises(NoEngine) as caught:
        client.connect()
    assert str(caught.value) == (
        "No engine answers at unix:///nowhere/docker.sock: No such file or directory. Run `invoke engine`."
    )


def unused_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("unix:///nope.sock", "No such file or directory"),
        ("unix:///etc", "Connection refused"),
        pytest.param(f"tcp://127.0.0.1:{unused_port()}", "Connection refused", id="unused-port"),
        ("tcp://127.0.0.1:x", "Port could not be cast to integer value as 'x'"),
        ("tcp://127.0.0.1", "Invalid bind address format: port is required: tcp://127.0.0.1"),
        ("tcp://[::1", "Invalid IPv6 URL"),
        ("nonsense", "Invalid bind address format: port is required: nonsense"),
        ("fd://3", "fd protocol is not implemented"),
        ("npipe:////./pipe/x", "The npipe:// protocol is only supported on Windows"),
        (f"unix:///{'x' * 200}", "AF_UNIX path too long"),
    ],
)
def test_named_engine_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str, why: str) -> None:
    """The error has DOCKER_HOST and the plain reason on one line, and no other engine is used instead."""
    monkeypatch.setenv("DOCKER_HOST", host)
    with serving(tmp_path / "docker.sock", ANSWERS), pytest.raises(NoEngine) as caught:
        client.connect()
    assert str(caught.value) == (
        f"No engine answers at {host}: {why}. Start that engine, or unset DOCKER_HOST to use this machine's own."
    )


@pytest.mark.parametrize(
    ("status", "answer", "why"),
    [
        (200, "<html>Welcome</html>", "what answers there is no container engine"),
        (404, "<html>Not here</html>", "what answers there is no container engine"),
        (200, "{}", 'Invalid response from docker daemon: key "ApiVersion" is missing'),
        (503, '{"message": "starting up"}', "starting up"),
        (200, '{"ApiVersion": "1.12"}', "API versions below 1.24 are no longer supported by this library"),
    ],
)
def test_something_else_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int, answer: str, why: str
) -> None:
    """A web server, an engine that is not ready, and one that is too old give an error on one line."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")
    with serving(tmp_path / "s", {"": (status, answer)}), pytest.raises(NoEngine) as caught:
        client.connect()
    assert caught.value.message == f"No engine answers at unix://{tmp_path}/s: {why}"


def test_something_that_speaks_no_http(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A server with another protocol is no engine."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")

    def greet(listening: socket.socket) -> None:
        with listening.accept()[0] as connection:
            connection.sendall(b"220 mail.example ESMTP\r\n")

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{tmp_path}/s")
        listening.listen()
        thread = threading.Thread(target=greet, args=(listening,))
        thread.start()
        with pytest.raises(NoEngine, match="what answers there is no container engine"):
            client.connect()
        thread.join()


def test_silence_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """We give up on a socket that accepts connections and never answers."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")
    monkeypatch.setattr(client, "_DETECT_TIMEOUT_SECONDS", 0.2)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{tmp_path}/s")
        listening.listen()
        began = time.monotonic()
        with pytest.raises(NoEngine, match=rf"^No engine answers at unix://{tmp_path}/s: timed out[.] Start that"):
            client.connect()
        assert time.monotonic() - began < 2


def test_socket_of_another_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the user may not use the engine, the advice is to join the group, not to install an engine."""

    def refuse(*_: object, **__: object) -> None:
        raise docker.errors.DockerException("wrapped") from PermissionError(13, "Permission denied")

    monkeypatch.setattr(docker, "DockerClient", refuse)
    with pytest.raises(NoEngine, match=r"Permission denied[.] Join the group"):
        client.connect()


def test_unknown_context_is_not_another_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A context that does not exist is an error even if an engine answers at the machine's own socket."""
    monkeypatch.setenv("DOCKER_CONTEXT", "nope")
    with serving(tmp_path / "docker.sock", ANSWERS), pytest.raises(NoEngine, match="There is no Docker context nope"):
        client.connect()


@pytest.mark.parametrize("complete", [True, False])
def test_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, complete: bool) -> None:
    """With TLS, the certificates in DOCKER_CERT_PATH are used; a missing one is the reason of the error."""
    for name in ("ca.pem", "cert.pem", "key.pem") if complete else ("ca.pem",):
        (tmp_path / name).write_text("no certificate")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    with pytest.raises(NoEngine) as caught:
        client.connect()
    assert ("Path to a certificate and key files must be provided" in str(caught.value)) is not complete


@pytest.mark.parametrize(
    ("status", "answer"), [(404, '{"message": "manifest unknown"}'), (200, '{"error": "manifest unknown"}')]
)
def test_pull_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int, answer: str) -> None:
    """A registry's refusal, as a status or as an event of the stream, becomes `NoBaseImage`."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")
    with (
        serving(tmp_path / "s", ANSWERS | {"/images/create": (status, answer)}),
        client.connect() as found,
        pytest.raises(NoBaseImage, match=r"^x:1 cannot be pulled: manifest unknown[.] Run"),
    ):
        found.pull("x:1")


def test_images_with_a_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Images without any name are left out, and so are those that are gone, or broken, when they are asked for.

    One that was pulled by its digest alone has that name.
    """
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")
    digests = {"a": ["x@sha256:0"], "b": ["<none>@<none>"], "g": ["x@sha256:1"]}
    names = {"a": ["x:1", "y:2"], "b": ["<none>:<none>"], "c": None, "d": ["gone:1"], "e": ["broken:1"], "f": ["z:1"]}
    rows = [
        {"Id": name, "RepoTags": tags, "RepoDigests": digests.get(name)} for name, tags in [*names.items(), ("g", [])]
    ]
    facts = {each["Id"]: {**each, "RootFS": {"Layers": ["sha256:l"]}} for each in rows}
    answers = {f"/images/{name}/json": (200, json.dumps(facts[name])) for name in ("a", "b", "c", "f", "g")}
    faults = {"/images/d/json": (404, '{"message": "no such image"}'), "/images/e/json": (500, '{"message": "no"}')}
    listed = {"/images/json": (200, json.dumps(rows))}
    with serving(tmp_path / "s", ANSWERS | listed | answers | faults), client.connect() as found:
        images = found.list_named_images()
    assert [(each.id, each.names, each.diff_ids) for each in images] == [
        ("a", ("x:1", "y:2"), ("sha256:l",)),
        ("f", ("z:1",), ("sha256:l",)),
        ("g", ("x@sha256:1",), ("sha256:l",)),
    ]


@contextmanager
def hanging(folder: Path, says: bytes) -> Iterator[None]:
    """Answer on a socket like an engine, but send only this much of a command's output."""
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(b'{"ApiVersion": "1.41"}')

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))  # what is left unread resets the connection
            if self.path.endswith("/exec"):
                self.answer(b'{"Id": "job"}')
            else:
                self.wfile.write(says)
                done.wait(10)

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingUnixStreamServer(f"{folder}/s", Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            done.set()
            server.shutdown()
            thread.join()


HEAD = b"HTTP/1.0 200 OK\r\n\r\n"


@pytest.mark.parametrize("says", [b"", HEAD, HEAD + b"\1\0\0\0\0\0\0\1a"])
def test_command_that_hangs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: bytes) -> None:
    """Waiting for the output of a command has a time limit."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")
    with hanging(tmp_path, says), client.connect() as found:
        result = found.execute("c", ["sleep"], 0.1)
    assert result.code == TIMED_OUT
    assert result.streams == Streams(output="a" if says.endswith(b"a") else "", errors="no output for 0.1 s")


@pytest.mark.parametrize("kind", [requests.ReadTimeout, requests.ConnectTimeout, urllib3.exceptions.ReadTimeoutError])
def test_pull_that_takes_too_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: type[Exception]) -> None:
    """If a registry does not answer, the error is about the image, not about the engine."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")

    def pull(*_: object, **__: object) -> None:
        raise made(kind)

    with serving(tmp_path / "s", ANSWERS), client.connect() as found:
        monkeypatch.setattr(found._api, "pull", pull)
        with pytest.raises(NoBaseImage, match=r"^x:1 cannot be pulled: "):
            found.pull("x:1")


def test_engine_that_goes_away_during_a_pull(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An engine that goes away during a pull is not reported as a missing image."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")
    with serving(tmp_path / "s", ANSWERS):
        found = client.connect()
    (tmp_path / "s").unlink()
    with found, pytest.raises(NoEngine, match="does not answer: No such file"):
        found.pull("x:1")


def test_engine_behind_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine behind SSH is an error with the command that makes it reachable."""
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@host")
    with pytest.raises(NoEngine) as caught:
        client.connect()
    assert str(caught.value) == (
        "Weighbridge does not connect through SSH, as ssh://me@host requires. Forward its socket with `ssh -fNL "
        "/tmp/docker.sock:/var/run/docker.sock ssh://me@host` and set DOCKER_HOST=unix:///tmp/docker.sock."
    )


def test_exit_code() -> None:
    """All errors of an engine have exit code 4."""
    assert {kind.exit_code for kind in (NoEngine, EngineFault, NoBaseImage)} == {EngineError.exit_code} == {4}


@pytest.mark.parametrize(
    ("info", "key"), [('{"ID": "7TRN:IPZB"}', "7TRN:IPZB"), ('{"ID": ""}', "unix://"), ("{}", "unix://")]
)
def test_key_is_the_engine_s_own_id(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, info: str, key: str
) -> None:
    """What an engine says of itself tells it from others; where it says nothing, its URL does."""
    path = tmp_path_factory.mktemp("engine") / "socket"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with serving(path, {**ANSWERS, "/info": (200, info)}), client.connect() as engine:
        assert engine.key == (f"unix://{path}" if key == "unix://" else key)
