"""Images read over real HTTP from a registry that keeps to the specification, or breaks it in every way it can."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from backports import zstd

from tests.support.images import Entry, ImageSpec, OciBlobs, hexdigest
from tests.support.registries import Handler, Intercept, Registry
from weighbridge.errors import NoSuchImage, SourceError, UnreadableImage
from weighbridge.image.content import ImageContent
from weighbridge.image.layer import LayerContent
from weighbridge.sources.blobs import Tally
from weighbridge.sources.oci import descriptors
from weighbridge.sources.registry import client as registry
from weighbridge.sources.registry import min_rate

pytestmark = pytest.mark.services

BASE = (Entry("bin/a", b"a" * 1000), Entry("bin/b", b"b" * 70_000))
APP = (Entry("app/main.py", b"print()"),)
SPEC = ImageSpec(tags=(), layers=(BASE, APP, BASE), labels={"a": "b"})
SECRET = "geheim-4711"  # noqa: S105 - a test's


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the user's logins and proxies out."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def serving(
    intercept: Intercept | None = None, spec: ImageSpec = SPEC, tls: ssl.SSLContext | None = None
) -> Iterator[Registry]:
    """Run a registry that has an image `x:1`."""
    blobs = OciBlobs()
    with Registry(blobs, {"1": blobs.add_image(spec)}, intercept, tls) as running:
        yield running


def check(content: ImageContent, spec: ImageSpec = SPEC) -> None:
    """Compare with what the writer knows."""
    assert content.diff_ids == spec.diff_ids
    assert content.config_digest == f"sha256:{hexdigest(content.config)}"
    assert json.loads(content.config)["rootfs"]["diff_ids"] == list(spec.diff_ids)
    assert tuple((each.shipped_bytes, each.file_count) for each in content.layers) == spec.figures


def failing(host: str, name: str = "x:1", **options: Any) -> SourceError:
    """Read an image, and return the error that this has to end in: one line, no secret, and something to do."""
    with pytest.raises(SourceError) as caught:
        registry.read(f"{host}/{name}", **options)
    error = caught.value
    assert error.exit_code == 3
    assert error.advice == "" or re.fullmatch(r"[A-Z].*\.", error.advice)
    assert str(error).isprintable()
    assert len(error.message) < 600
    assert SECRET not in str(error)
    assert base64.b64encode(f"user:{SECRET}".encode()).decode() not in str(error)
    return error


def log_in(tmp_path: Path, host: str, **entry: str) -> None:
    """Write what `docker login` writes."""
    entry = entry or {"auth": base64.b64encode(f"user:{SECRET}".encode()).decode()}
    (tmp_path / "docker").mkdir(exist_ok=True)
    (tmp_path / "docker" / "config.json").write_text(json.dumps({"auths": {host: entry}}))


# What is read.


def test_image_is_read_and_each_layer_once() -> None:
    """Figures, platform, labels and blobs come out; a layer that occurs twice is fetched once, and nothing in vain."""
    with serving() as server:
        content = registry.read(f"{server.host}/x:1")
        check(content)
        sizes = {digest: len(data) for digest, data in server.blobs.by_digest.items()}
    assert content.reference == f"{server.host}/x:1"
    assert (content.platform, content.labels) == ("linux/amd64", {"a": "b"})
    assert [each and sizes[each.digest] for each in content.blobs] == [
        each and each.size_bytes for each in content.blobs
    ]
    assert content.blobs[0] == content.blobs[2] != content.blobs[1]
    assert [request.kind for request in server.requests] == ["manifests", "blobs", "blobs", "blobs"]
    assert not [request for request in server.requests if {"authorization", "cookie"} & set(request.headers)]
    accepted = server.requests[0].headers["accept"].split(", ")
    assert set(accepted) == {*descriptors.INDEX_TYPES, *descriptors.MANIFEST_TYPES}


def test_tag_may_be_left_out_and_a_digest_is_checked() -> None:
    """`latest` is the tag of a name without one; a digest finds a manifest, and nothing else is taken for it."""
    with serving() as server:
        server.tags = {"latest": server.tags["1"]}
        check(registry.read(f"{server.host}/deep/er/x"))
        digest = server.tags["latest"]["digest"]
        check(registry.read(f"{server.host}/x@{digest}"))
        server.intercept = lambda handler: handler.send(200, b"{}")
        assert "has another digest" in failing(server.host, f"x:latest@{digest}").message


@pytest.mark.parametrize(("platform", "variant"), [("linux/arm64", ""), ("linux/arm/v6", "v6"), ("linux/arm", "v7")])
def test_platform_is_chosen(platform: str, variant: str) -> None:
    """Of an index within an index the wanted platform is read; nothing else is asked for."""
    blobs = OciBlobs()
    images = []
    for architecture, each in (("amd64", ""), ("arm64", ""), ("arm", "v6"), ("arm", "v7")):
        config = {"architecture": architecture, "variant": each}
        images.append(blobs.add_image(SPEC, config=config, platform={"os": "linux", **config}))
    attestation = blobs.add_json({}, "image.manifest", platform={"os": "unknown", "architecture": "unknown"})
    blobs.by_digest.pop(attestation["digest"])
    index = blobs.add_index(blobs.add_index(attestation, *images))
    with Registry(blobs, {"1": index}) as server:
        content = registry.read(f"{server.host}/x:1", platform)
        assert content.platform == "/".join(filter(None, (*platform.split("/")[:2], variant)))
        assert [request.kind for request in server.requests].count("manifests") == 3
        error = failing(server.host, platform="windows/amd64")
        assert isinstance(error, NoSuchImage)
        assert "does not exist for windows/amd64, but for linux/amd64, linux/arm64, linux/arm/v6, linux/arm/v7" in str(
            error
        )


def test_only_image_is_held_against_the_platform_that_was_asked_for() -> None:
    """A name that leads to one manifest gives it, whatever it runs on, but not to who wants another platform."""
    with serving() as server:
        check(registry.read(f"{server.host}/x:1", "linux/amd64"))
        assert (
            "does not exist for linux/s390x, but for linux/amd64"
            in failing(server.host, platform="linux/s390x").message
        )


def test_known_layers_are_not_fetched() -> None:
    """The blob of a layer whose diff ID is known is not fetched; the sizes of all blobs are still returned."""
    with serving() as server:
        whole = registry.read(f"{server.host}/x:1")
        server.requests.clear()
        kept, asked = dict(zip(whole.diff_ids, whole.layers, strict=True)), list[str]()

        def known(diff_id: str) -> LayerContent | None:
            asked.append(diff_id)
            return kept.get(diff_id)

        assert registry.read(f"{server.host}/x:1", known=known) == whole
        assert len(server.requests) == 2
        assert asked == list(SPEC.diff_ids[:2])


def test_progress_counts_the_bytes_of_the_layers() -> None:
    """The callback gets a growing total that ends at the number of bytes fetched."""
    seen = list[int]()
    with serving() as server:
        content = registry.read(f"{server.host}/x:1", tally=Tally(seen.append))
    assert seen == sorted(seen)
    assert seen[-1] == sum(each.size_bytes for each in content.blobs[:2] if each)


@pytest.mark.parametrize("headers", [{"Transfer-Encoding": "chunked"}, {"Connection": "close"}])
def test_body_without_a_length(headers: dict[str, str]) -> None:
    """A body in chunks, or one that ends with the connection, is read like any other."""

    def intercept(handler: Handler) -> bool:
        data = handler.server.blobs.by_digest.get(handler.path.rpartition("/")[2], b"")
        if not data:
            return False
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        chunked = "Transfer-Encoding" in headers
        handler.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if chunked else data)
        handler.close_connection = not chunked
        return True

    with serving(intercept) as server:
        check(registry.read(f"{server.host}/x:1"))


def test_content_encoding_is_the_blob_s_own() -> None:
    """Some stores call a gzipped layer encoded; undone, its digest would be another."""
    with serving(blob(1, lambda handler, data: handler.send(200, data, {"Content-Encoding": "gzip"}))) as server:
        check(registry.read(f"{server.host}/x:1"))


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("compress", [gzip.compress, bytes, zstd.compress], ids=["gzip", "plain", "zstd"])
def test_everything_is_compressed_for_its_way(compress: Callable[[bytes], bytes], *, chunked: bool) -> None:
    """A proxy that compresses each answer, asked or not, changes no figure; what a pull counts is the blob."""
    blobs, types = OciBlobs(), {gzip.compress: "+gzip", zstd.compress: "+zstd"}
    layers = [
        blobs.add(compress(data), f"application/vnd.oci.image.layer.v1.tar{types.get(compress, '')}")
        for data in SPEC.archives
    ]
    config = blobs.add(SPEC.config, "application/vnd.oci.image.config.v1+json")
    image = blobs.add_json({"schemaVersion": 2, "config": config, "layers": layers}, "image.manifest")

    def intercept(handler: Handler) -> bool:
        target = handler.path.rpartition("/")[2]
        body = gzip.compress(blobs.by_digest[image["digest"] if target == "1" else target])
        if not chunked:
            return handler.send(200, body, {"Content-Encoding": "gzip"})
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        return True

    with Registry(blobs, {"1": image}, intercept) as server:
        content = registry.read(f"{server.host}/x:1")
        assert {request.headers["accept-encoding"] for request in server.requests} == {"identity"}
    check(content)
    assert [each and each.size_bytes for each in content.blobs] == [each["size"] for each in layers]


def test_layer_without_compression_is_a_blob_too() -> None:
    """A layer without compression has a blob size, too, because a pull transfers these bytes."""
    blobs = OciBlobs()
    with Registry(blobs, {"1": blobs.add_image(SPEC, bytes)}) as server:
        content = registry.read(f"{server.host}/x:1")
    assert [each and each.size_bytes for each in content.blobs] == [len(data) for data in SPEC.archives]


# Logging in.


def bearer(realm: Callable[[Registry], str], uses: int = 100, wanted: str = "") -> Intercept:
    """Return an interceptor that lets only tokens in, each for some uses; a login is needed to get one if `wanted`."""
    left = dict[str, int]()

    def intercept(handler: Handler) -> bool:
        seen, server = handler.request_seen, handler.server
        if seen.path.startswith("/token"):
            given = seen.headers.get("authorization", "")
            if wanted and given != wanted:
                return handler.send(401, b'{"details": "incorrect username or password"}')
            token = f"{SECRET}-{len(left)}"
            left[token] = uses
            return handler.send(200, json.dumps({"token": token, "expires_in": 300}).encode())
        token = seen.headers.get("authorization", "").removeprefix("Bearer ")
        if left.get(token, 0) > 0:
            left[token] -= 1
            return False
        challenge = f'Bearer realm="{realm(server)}",service="the, service",scope="repository:x:pull"'
        return handler.send(401, b"{}", {"WWW-Authenticate": challenge})

    return intercept


def own_realm(server: Registry) -> str:
    """Return a realm on the registry itself."""
    return f"http://{server.host}/token?account=me"


def test_token_for_nobody() -> None:
    """A registry that wants a token gets one without a login, for the service that it named."""
    with serving(bearer(own_realm)) as server:
        check(registry.read(f"{server.host}/x:1"))
    asked = [request for request in server.requests if request.path.startswith("/token")]
    assert [each.path for each in asked] == ["/token?account=me&service=the%2C+service&scope=repository%3Ax%3Apull"]
    assert "authorization" not in asked[0].headers


def test_token_for_a_login_and_again_when_it_runs_out(tmp_path: Path) -> None:
    """The name and password of config.json go to the realm and nowhere else; a token that ends is replaced."""
    basic = f"Basic {base64.b64encode(f'user:{SECRET}'.encode()).decode()}"
    with serving(bearer(own_realm, uses=2, wanted=basic)) as server:
        log_in(tmp_path, f"http://{server.host}")
        check(registry.read(f"{server.host}/x:1"))
    sent = {request.path.partition("?")[0]: request.headers.get("authorization", "") for request in server.requests}
    assert sent.pop("/token") == basic
    assert all(value.startswith("Bearer ") for value in sent.values())
    assert [request.path[:6] for request in server.requests].count("/token") == 2


@pytest.mark.parametrize("entry", [{}, {"identitytoken": SECRET}], ids=["password", "identity token"])
def test_login_is_not_sent_to_another_host(tmp_path: Path, entry: dict[str, str]) -> None:
    """A realm on another host gets no login, and no request, until the setting that the refusal names allows it."""
    with Registry(intercept=lambda handler: handler.send(200, b'{"token": "abc"}')) as other:

        def demand(handler: Handler) -> bool:
            realm = f"http://localhost:{other.server_port}/token"
            allowed = handler.headers.get("Authorization") == "Bearer abc"
            return not allowed and handler.send(401, b"", {"WWW-Authenticate": f'Bearer realm="{realm}"'})

        with serving(demand) as server:
            check(registry.read(f"{server.host}/x:1"))  # without a login there is nothing to keep
            asked = len(other.requests)
            log_in(tmp_path, server.host, **entry)
            error = failing(server.host)
            assert f"{server.host} wants the login for it to be sent to another host, localhost" in error.message
            assert f"registries.token_hosts: {{'{server.host}': [localhost]}}" in error.advice
            assert len(other.requests) == asked
            check(registry.read(f"{server.host}/x:1", allowed={server.host: ("localhost",)}))
    assert SECRET in other.requests[-1].body.decode() if entry else "authorization" in other.requests[-1].headers


@pytest.mark.parametrize("entry", [{}, {"identitytoken": SECRET}], ids=["password", "identity token"])
def test_token_is_for_pull_of_the_repository_alone(tmp_path: Path, entry: dict[str, str]) -> None:
    """Other scopes that a registry demands, with a login or without one, are not asked for."""
    wide = "repository:x:pull,push,delete repository:other:pull registry:catalog:*"

    def demand(handler: Handler) -> bool:
        if handler.path.startswith("/token"):
            return handler.send(200, b'{"token": "abc"}')
        if handler.headers.get("Authorization") == "Bearer abc":
            return False
        challenge = f'Bearer realm="http://{handler.server.host}/token",scope="{wide}"'
        return handler.send(401, b"", {"WWW-Authenticate": challenge})

    with serving(demand) as server:
        check(registry.read(f"{server.host}/x:1"))
        log_in(tmp_path, server.host, **entry)
        check(registry.read(f"{server.host}/x:1"))
    tokens = [request for request in server.requests if request.path.startswith("/token")]
    fields = [parse_qs(urlsplit(each.path).query or each.body.decode()) for each in tokens]
    assert [each["scope"] for each in fields] == [["repository:x:pull"]] * 2


def test_identity_token_buys_a_token(tmp_path: Path) -> None:
    """Where config.json has an identity token, it is sent in a form, by the OAuth2 way."""
    forms = list[bytes]()

    def intercept(handler: Handler) -> bool:
        if handler.command == "POST":
            forms.append(handler.request_seen.body)
            return handler.send(200, b'{"access_token": "abc"}')
        if handler.headers.get("Authorization") == "Bearer abc":
            return False
        return handler.send(
            401, b"", {"WWW-Authenticate": f'Bearer realm="http://{handler.server.host}/oauth",service="s"'}
        )

    with serving(intercept) as server:
        log_in(tmp_path, server.host, identitytoken=SECRET)
        check(registry.read(f"{server.host}/x:1"))
    assert forms == [
        f"grant_type=refresh_token&client_id=weighbridge&service=s&scope=repository%3Ax%3Apull&refresh_token={SECRET}".encode()
    ]


def test_basic_login(tmp_path: Path) -> None:
    """A registry that wants name and password gets them, once it has said so."""
    basic = f"Basic {base64.b64encode(f'user:{SECRET}'.encode()).decode()}"

    def intercept(handler: Handler) -> bool:
        if handler.headers.get("Authorization") == basic:
            return False
        return handler.send(401, b"", {"WWW-Authenticate": 'Basic realm="here"'})

    with serving(intercept) as server:
        assert "requires a login for" in failing(server.host).message
        log_in(tmp_path, server.host)
        check(registry.read(f"{server.host}/x:1"))


@pytest.mark.parametrize("challenge", ["", "Negotiate", 'Bearer realm="', 'Bearer service="s"', "\xff"])
def test_challenge_that_leads_nowhere(challenge: str) -> None:
    """A challenge that is missing, unknown or damaged ends in advice to log in, or in its own fault."""
    with serving(lambda handler: handler.send(401, b"", {"WWW-Authenticate": challenge})) as server:
        assert isinstance(failing(server.host), UnreadableImage)


def test_login_that_is_not_taken(tmp_path: Path) -> None:
    """If the registry or its realm refuses a login, the error says how to log in, after few requests."""
    for intercept in (bearer(own_realm, wanted="other"), bearer(own_realm, uses=0)):
        with serving(intercept) as server:
            log_in(tmp_path, server.host)
            error = failing(server.host)
            assert "without a login" in error.message
            assert error.advice == f"Run `docker login {server.host}` and try again."
            assert len(server.requests) <= 3


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"token": 5}', b'{"token": ""}', b'{"token": "a\\nb"}', b"{}"]
)
def test_realm_that_gives_no_token(body: bytes) -> None:
    """What is no token is never sent on."""

    def intercept(handler: Handler) -> bool:
        if handler.path.startswith("/token"):
            return handler.send(200, body)
        return bearer(own_realm)(handler)

    with serving(intercept) as server:
        assert "token" in failing(server.host).message


def test_passwords_of_netrc_are_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`requests` would take them by itself; a registry's logins are Docker's."""
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login user password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving() as server:
        check(registry.read(f"{server.host}/x:1"))
    assert not [request for request in server.requests if "authorization" in request.headers]


# Redirects.


def leading(to: Callable[[Handler], str], kind: str = "blobs", status: int = 307) -> Intercept:
    """Return an interceptor that lets only a token in, and sends it elsewhere for what is of a kind."""

    def intercept(handler: Handler) -> bool:
        if handler.request_seen.kind == kind and "moved" not in handler.path:
            if handler.headers.get("Authorization") != "Bearer t":
                if handler.path.startswith("/token"):
                    return handler.send(200, b'{"token": "t"}')
                realm = f'Bearer realm="http://{handler.server.host}/token"'
                return handler.send(401, b"", {"WWW-Authenticate": realm})
            return handler.send(status, b"moved", {"Location": to(handler)})
        if handler.path.startswith("/token"):
            return handler.send(200, b'{"token": "t"}')
        return False

    return intercept


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_authorization_does_not_go_to_another_host(status: int) -> None:
    """Blobs may be elsewhere, as with every large registry; the token stays at home."""
    with serving() as storage:

        def to(handler: Handler) -> str:
            return f"http://localhost:{storage.server_port}{handler.path}?signature=1"

        def without_signature(handler: Handler) -> bool:
            handler.path = handler.path.partition("?")[0]
            return False

        storage.intercept = without_signature
        with serving(leading(to, status=status)) as server:
            server.blobs.by_digest, storage.blobs.by_digest = storage.blobs.by_digest, storage.blobs.by_digest
            server.tags = storage.tags
            check(registry.read(f"{server.host}/x:1"))
        assert len(storage.requests) == 3
        assert not [request for request in storage.requests if "authorization" in request.headers]


def test_another_host_s_challenge_is_not_met(tmp_path: Path) -> None:
    """Where a redirect leads to, nobody is logged in, whatever is asked for there and wherever the realm is."""
    with serving() as storage:
        storage.intercept = lambda handler: handler.send(
            401, b"", {"WWW-Authenticate": f'Bearer realm="http://{handler.server.host}/token"'}
        )

        def lead(handler: Handler) -> bool:
            where = f"http://{storage.host}{handler.path}"
            return handler.request_seen.kind == "blobs" and handler.send(307, b"", {"Location": where})

        with serving(lead) as server:
            log_in(tmp_path, server.host)
            assert f"{storage.host} refuses the config of x:1 without a login" in failing(server.host).message
        assert len(storage.requests) == 1


def test_authorization_goes_along_on_the_same_host() -> None:
    """A relative redirect keeps the token; another name for the same machine does not."""
    for host, expected in (("", "Bearer t"), ("localhost", None)):

        def to(handler: Handler, host: str = host) -> str:
            where = f"http://{host}:{handler.server.server_port}" if host else ""
            return f"{where}{handler.path.replace('/x/', '/moved/')}"

        with serving(leading(to)) as server:
            check(registry.read(f"{server.host}/x:1"))
        moved = [request for request in server.requests if "moved" in request.path]
        assert {request.headers.get("authorization") for request in moved} == {expected}


@pytest.mark.parametrize(
    "location",
    [
        "http://registry.example/v2/",
        "http://192.0.2.1:80/",
        "//192.0.2.1/",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "http://127.0.0.1.example/",
        "http://2130706433/",
    ],
)
@pytest.mark.parametrize("place", ["redirect", "realm"])
def test_nothing_leads_to_plain_http_elsewhere(location: str, place: str) -> None:
    """Neither a redirect nor a realm may lead to another machine without encryption; nobody is asked there."""

    def intercept(handler: Handler) -> bool:
        if place == "redirect":
            return handler.send(302, b"", {"Location": location})
        realm = location if not location.startswith("//") else f"http:{location}"
        return handler.send(401, b"", {"WWW-Authenticate": f'Bearer realm="{realm}"'})

    with serving(intercept) as server:
        error = failing(server.host)
    assert "unencrypted" in error.message
    assert len(server.requests) == 1


def test_public_registry_does_not_lead_to_this_machine() -> None:
    """Plain HTTP is for who asked for this machine: elsewhere's redirects must not reach into its services."""
    transport = registry._Http(plain=False)
    with serving() as server, pytest.raises(UnreadableImage, match="unencrypted"):
        transport.get(f"http://{server.host}/v2/", accept="*/*")
    transport.close()
    assert not server.requests


@pytest.mark.parametrize(
    "location", ["http://[", "http://127.0.0.1:99999/", "http://\u00e4\u00f6.\udcff/", "http:///x", ""]
)
def test_redirect_to_no_url(location: str) -> None:
    """What is no URL is an error like another."""
    encoded = location.encode(errors="surrogateescape").decode("latin-1")
    with serving(lambda handler: handler.send(302, b"", {"Location": encoded})) as server:
        assert isinstance(failing(server.host), UnreadableImage)


def test_redirects_without_end() -> None:
    """A registry that leads on and on is left, and the bodies of its redirects are not read."""

    def intercept(handler: Handler) -> bool:
        return handler.send(302, b"x" * 100, {"Location": f"{handler.path}0", "Content-Length": str(2**40)})

    with serving(intercept) as server:
        assert "Too many redirects" in failing(server.host).message
    assert len(server.requests) == registry.MAX_REDIRECTS + 1


# Errors that a registry tells.

STATES: list[tuple[int, type[SourceError], str, str]] = [
    (
        401,
        UnreadableImage,
        "requires a kind of login that Weighbridge does not know",
        "Run `docker login {host}` and try again.",
    ),
    (403, UnreadableImage, "does not allow this user to read", "Run `docker login {host}` as a user who may."),
    (404, NoSuchImage, "has no x:1", "Check the name and the tag; if it is private, run `docker login {host}`."),
    (
        429,
        UnreadableImage,
        "limits the number of requests",
        "Wait, or run `docker login {host}`: the limit is higher for users who are logged in.",
    ),
    (500, UnreadableImage, "answers 500", "Try again later; if the error stays, ask whoever runs the registry."),
    (503, UnreadableImage, "answers 503", "Try again later; if the error stays, ask whoever runs the registry."),
    (204, UnreadableImage, "answers 204", "Try again later; if the error stays, ask whoever runs the registry."),
]


@pytest.mark.parametrize(("status", "kind", "message", "advice"), STATES)
def test_status(status: int, kind: type[SourceError], message: str, advice: str) -> None:
    """Each status gives the error that fits, and says what to do."""
    with serving(lambda handler: handler.send(status)) as server:
        error = failing(server.host)
    assert type(error) is kind
    assert message in error.message
    assert error.advice == advice.format(host=server.host)


@pytest.mark.parametrize(("number", "part"), [(1, "the config of x:1"), (2, "blob sha256:")])
def test_part_is_missing(number: int, part: str) -> None:
    """An image of which a part is not there is there, but cannot be read."""
    with serving(lambda handler: len(handler.server.requests) > number and handler.send(404)) as server:
        error = failing(server.host)
    assert type(error) is UnreadableImage
    assert f"lacks {part}" in error.message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            b'{"errors": [{"code": "DENIED", "message": "quota\\u001b[31m is \\u202e\\n used up."}]}',
            ": quota [31m is used up.",
        ),
        (b'{"errors": [{"code": "DENIED"}]}', ": DENIED."),
        (json.dumps({"errors": [{"message": "a" * 9000}]}).encode(), f": {'a' * 119}…."),
        (b"<html>no</html>", "x:1."),
        (b'{"errors": []}', "x:1."),
        (b'{"errors": "\xff"}', "x:1."),
    ],
)
def test_words_of_the_registry(body: bytes, said: str) -> None:
    """The registry's own message is quoted on the same line, shortened and without control characters."""
    with serving(lambda handler: handler.send(403, body)) as server:
        assert f"{failing(server.host)}".partition(" Run ")[0].endswith(said)


def test_secret_in_the_words_of_the_registry(tmp_path: Path) -> None:
    """A registry that repeats what it was sent is not quoted."""

    def intercept(handler: Handler) -> bool:
        given = handler.headers.get("Authorization", "")
        if not given:
            return handler.send(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})
        return handler.send(403, json.dumps({"errors": [{"message": f"{given} {SECRET} may not"}]}).encode())

    with serving(intercept) as server:
        log_in(tmp_path, server.host)
        assert failing(server.host).message == f"{server.host} does not allow this user to read x:1"


# Wrong content.


def manifest_of(change: Callable[[dict[str, Any]], object]) -> Intercept:
    """Return an interceptor that answers with a manifest that was changed."""

    def intercept(handler: Handler) -> bool:
        if handler.request_seen.kind != "manifests":
            return False
        manifest = json.loads(handler.server.blobs.by_digest[handler.server.tags["1"]["digest"]])
        change(manifest)
        return handler.send(200, json.dumps(manifest).encode())

    return intercept


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<!DOCTYPE html><html>Please log in</html>", "is a web page instead of a manifest"),
        (b'{"schemaVersion": 2', "Invalid JSON"),
        (b"", "Invalid JSON"),
        (b"null", "is damaged"),
        (b'"\xff"', "Invalid JSON"),
        (b"[" * 100_000, "Invalid JSON"),
        (b'{"schemaVersion": 1, "fsLayers": [], "history": []}', "schema 1"),
        (b'{"schemaVersion": 2}', "neither a manifest nor an index"),
        (b'{"manifests": [], "layers": []}', "both a manifest and an index"),
        (b'{"manifests": []}', "leads to no image here"),
    ],
)
def test_answer_that_is_no_manifest(body: bytes, message: str) -> None:
    """A page to log in, cut JSON, and manifests that nobody can use are each told for what they are."""
    with serving(lambda handler: handler.send(200, body)) as server:
        assert message in failing(server.host).message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["layers"].pop(), "has 2 layers, but its config lists 3"),
        (lambda m: m["layers"].insert(0, m["layers"].pop(1)), "is not the layer that the config lists"),
        (lambda m: m["layers"][0].update(size=m["layers"][0]["size"] - 1), "is longer than its stated"),
        (lambda m: m["layers"][0].update(size=m["layers"][0]["size"] + 1), r"ends after \d+ of \d+ bytes"),
        (lambda m: m["layers"][0].update(digest="sha256:12"), "which is not a SHA-256"),
        (lambda m: m["layers"][0].update(digest=f"sha512:{'0' * 128}"), "which is not a SHA-256"),
        (lambda m: m["layers"][0].update(size=-1), "layers.0.size"),
        (lambda m: m["config"].update(size=10), "has .* bytes and should have 10"),
        (lambda m: m["config"].update(size=2**40), "which is too long"),
        (lambda m: m.update(config=m["layers"][0]), "is not a container image, but application/"),
        (lambda m: m.update(config={**m["layers"][0], "mediaType": ""}), "is damaged"),
        (lambda m: m.update(config={**m["layers"][0], "mediaType": "x/helm"}), "is not a container image, but x/"),
    ],
)  # fmt: skip
def test_manifest_that_does_not_fit(change: Callable[[dict[str, Any]], object], message: str) -> None:
    """Whatever a manifest says wrong of the config and the layers is found out."""
    with serving(manifest_of(change)) as server:
        assert re.search(message, failing(server.host).message)


def blob(number: int, answer: Callable[[Handler, bytes], object]) -> Intercept:
    """Return an interceptor that sends its own for one blob: 0 is the config, 1 the first layer."""

    def intercept(handler: Handler) -> bool:
        if len(handler.server.requests) != number + 2:
            return False
        answer(handler, handler.server.blobs.by_digest[handler.path.rpartition("/")[2]])
        return True

    return intercept


@pytest.mark.parametrize("number", [0, 1])
def test_one_wrong_bit(number: int) -> None:
    """A config or a layer with another digest than was said is not used, even if it can be read."""

    def answer(handler: Handler, data: bytes) -> None:
        # The time in a gzip header, and a letter in a label, change nothing but the digest.
        at = 5 if number else data.index(b'"a"') + 1
        handler.send(200, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])

    with serving(blob(number, answer)) as server:
        assert "is damaged: its digest is sha256:" in failing(server.host).message


def test_layer_that_is_no_archive() -> None:
    """The error for a blob that is not a layer has the layer's number."""
    with serving(blob(1, lambda handler, data: handler.send(200, bytes(reversed(data))))) as server:
        error = failing(server.host)
    assert f"Layer 0 of {server.host}/x:1 is damaged: " in error.message
    assert error.advice == "Try again; if the error stays, push the image again."


def test_blob_without_end() -> None:
    """Of a blob that does not end, no more is read than it should have, and one byte."""
    sent = [0]

    def answer(handler: Handler, data: bytes) -> None:
        handler.close_connection = True
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(data)
        while sent[0] < 2**28:
            sent[0] += handler.connection.send(bytes(2**16))

    with serving(blob(1, answer)) as server:
        assert "is longer than its stated" in failing(server.host).message
    assert sent[0] < 2**24  # what fits into the buffers of two sockets


def test_document_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest is not read beyond the length that a manifest may have."""
    monkeypatch.setattr("weighbridge.sources.registry.repository.MAX_DOCUMENT_BYTES", 2**20)

    def intercept(handler: Handler) -> bool:
        handler.close_connection = True
        handler.send_response(200)
        handler.end_headers()
        for _ in range(2**12):
            handler.wfile.write(b" " * 2**16)
        return True

    with serving(intercept) as server:
        assert failing(server.host).message == "X:1 is longer than 1048576 bytes"


# Connections that fail.


@pytest.mark.parametrize("number", [-1, 0, 1])
def test_connection_breaks_off_half_way(number: int) -> None:
    """A manifest, a config or a layer of which half arrives is an error, and says where."""

    def answer(handler: Handler, data: bytes) -> None:
        handler.close_connection = True
        handler.send(200, data[: len(data) // 2], {"Content-Length": str(len(data))})

    def first(handler: Handler) -> bool:
        answer(handler, handler.server.blobs.by_digest[handler.server.tags["1"]["digest"]])
        return True

    with serving(first if number < 0 else blob(number, answer)) as server:
        assert failing(server.host).message == f"Reading from {server.host} failed: {BROKEN}"


OK = b"HTTP/1.1 200 OK\r\n"
BROKEN = "the connection broke off, or the answer is not HTTP"


@pytest.mark.parametrize(
    "bytes_sent",
    [b"", b"SSH-2.0-OpenSSH_9.2\r\n", OK + b"a: b\r\n" * 1000, OK + b"a: " + b"b" * 70_000],
)
def test_answer_that_is_no_http(bytes_sent: bytes) -> None:
    """Who hangs up, speaks something else, or has headers without end is no registry."""

    def intercept(handler: Handler) -> bool:
        handler.close_connection = True
        handler.wfile.write(bytes_sent)
        return True

    with serving(intercept) as server:
        assert failing(server.host).message == f"Reading from {server.host} failed: {BROKEN}"


@pytest.mark.parametrize("rest", [b"", b"5", b"5\r\nab", b"x\r\n"])
def test_chunks_that_end_early(rest: bytes) -> None:
    """A body in chunks that breaks off is no fault of an address, wherever that is."""

    def answer(handler: Handler, data: bytes) -> None:
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        half = data[: len(data) // 2]
        handler.wfile.write(b"%x\r\n%b\r\n%b" % (len(half), half, rest))

    with serving(blob(1, answer)) as server:
        assert failing(server.host).message == f"Reading from {server.host} failed: {BROKEN}"


@pytest.mark.parametrize("length", ["-5", "abc", "9" * 400])
def test_length_that_is_none(length: str) -> None:
    """A wrong `Content-Length` does no harm: it is an error, or is not needed."""
    body = b"{}"
    with serving(lambda handler: handler.send(200, body, {"Content-Length": length, "Connection": "close"})) as server:
        assert isinstance(failing(server.host), UnreadableImage)


def test_nobody_listens() -> None:
    """The error for a port without a server has the system's reason."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
        assert failing(host).message == f"Reading from {host} failed: Connection refused"


def test_name_that_nobody_has() -> None:
    """The error for a host that does not exist says that its name cannot be resolved."""
    assert (
        failing("registry.invalid").message == "Reading from registry.invalid failed: its host name cannot be resolved"
    )


def test_connection_that_is_not_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that does not answer at all, as behind a firewall, is given up."""
    monkeypatch.setattr(registry, "CONNECT_SECONDS", 0.2)
    with socket.socket() as listener, ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):  # more than fit into the queue
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(listener.getsockname())
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        assert failing(host).message == f"Reading from {host} failed: no connection within 0.2 s"


@pytest.mark.parametrize("at", ["headers", "config", "layer"])
def test_silence(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that says nothing any more is given up."""
    monkeypatch.setattr(registry, "SILENCE_SECONDS", 0.2)

    def answer(handler: Handler, data: bytes) -> None:
        handler.send(200, data[:50], {"Content-Length": str(len(data))})
        handler.wait()

    def never(handler: Handler) -> bool:
        handler.wait()
        return True

    with serving(never if at == "headers" else blob(0 if at == "config" else 1, answer)) as server:
        begin = time.monotonic()
        assert failing(server.host).message == f"Reading from {server.host} failed: the server sent nothing for 0.2 s"
        assert time.monotonic() - begin < 2


@pytest.mark.parametrize("at", ["status line", "headers", "framing", "layer"])
def test_dripping(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends a byte now and then is given up after a window, wherever it begins to do so."""
    monkeypatch.setattr(min_rate, "WINDOW_SECONDS", 0.3)
    begin = {
        "status line": b"",
        "headers": b"HTTP/1.1 200 OK\r\nx: ",
        "framing": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    }

    def drip(handler: Handler, data: bytes) -> None:
        handler.close_connection = True
        handler.wfile.write(begin.get(at) or (b"HTTP/1.1 200 OK\r\n\r\n" + data[:20] if at == "layer" else b""))
        while not handler.server.closing.wait(0.02):
            handler.wfile.write(b"1" if at != "status line" else b"H")

    with serving(blob(1, drip)) as server:
        start = time.monotonic()
        assert (
            failing(server.host).message
            == f"Reading from {server.host} failed: the server sent less than 600 kB in 0.3 s"
        )
        assert time.monotonic() - start < 2


def test_slow_reader_is_not_the_server_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time in which we do something else does not count against the server."""
    monkeypatch.setattr(min_rate, "WINDOW_SECONDS", 0.2)
    with serving(spec=replace(SPEC, layers=((Entry("a", bytes(range(256)) * 2**13),),))) as server:
        registry.read(f"{server.host}/x:1", tally=Tally(lambda _: time.sleep(0.3)))


# Encryption and proxies.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a key and a certificate for registry.example and localhost, signed by nobody else."""
    program = shutil.which("openssl") or pytest.skip("openssl is not installed")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    names = "subjectAltName=DNS:registry.example,DNS:localhost"
    command = [
        program,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=test",
        "-addext",
        names,
    ]
    subprocess.run([*command, "-keyout", str(file), "-out", f"{file}.crt"], check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


@contextmanager
def encrypted(certificate: Path) -> Iterator[Registry]:
    """Run a registry that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(tls=context) as server:
        yield server


@contextmanager
def proxy(target: Registry, status: bytes = b"200 OK") -> Iterator[tuple[str, list[bytes]]]:
    """Run a proxy that leads every tunnel to one registry; yield its URL and the first lines that it was sent."""
    lines = list[bytes]()

    def tunnel(client: socket.socket) -> None:
        with client, client.makefile("rb") as reader:
            lines.append(reader.readline().rpartition(b" ")[0])
            while reader.readline().strip():
                pass
            client.sendall(b"HTTP/1.1 " + status + b"\r\n\r\n")
            if not status.startswith(b"200"):
                return
            with socket.create_connection(("127.0.0.1", target.server_port)) as server:
                back = threading.Thread(target=_pump, args=(server, client))
                back.start()
                _pump(client, server)
                back.join()

    def accept(listener: socket.socket, threads: list[threading.Thread]) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=tunnel, args=(client,)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads = list[threading.Thread]()
        main = threading.Thread(target=accept, args=(listener, threads))
        main.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", lines
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for thread in (main, *threads):
                thread.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Move bytes from one connection to another until the first ends."""
    try:
        while data := source.recv(2**16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_proxy_and_authority_of_an_office(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the proxy of the environment, encrypted, and with the authority that the environment names."""
    with encrypted(certificate) as server, proxy(server) as (url, lines):
        monkeypatch.setenv("HTTPS_PROXY", url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", f"{certificate}.crt")
        check(registry.read("registry.example/x:1"))
        assert set(lines) == {b"CONNECT registry.example:443"}
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
        monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
        check(registry.read("registry.example/x:1"))


def test_certificate_of_nobody_we_know(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown signer ends in an error that says how to make it known; nothing was asked."""
    with encrypted(certificate) as server, proxy(server) as (url, _):
        monkeypatch.setenv("HTTPS_PROXY", url)
        error = failing("registry.example")
    assert (
        error.message == "Reading from registry.example failed: its certificate is not trusted: self-signed certificate"
    )
    assert "REQUESTS_CA_BUNDLE" in error.advice
    assert not server.requests


def test_bundle_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error for a wrong path in REQUESTS_CA_BUNDLE names the variable and the path."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none"))
    assert failing("registry.example").message == f"REQUESTS_CA_BUNDLE names {tmp_path / 'none'}, which does not exist"


def test_proxy_that_says_no(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that refuses, or is not there, is named as what stands in the way."""
    with serving() as server, proxy(server, b"403 Forbidden") as (url, _):
        monkeypatch.setenv("HTTPS_PROXY", url)
        assert failing("registry.example").message.endswith("the proxy refused the connection")
    assert failing("registry.example").message.endswith("the proxy refused the connection")


@pytest.mark.parametrize("url", ["socks5://127.0.0.1:1", "http://[", "x://y"])
def test_proxy_that_is_none(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that cannot be used is named as a possible cause."""
    monkeypatch.setenv("HTTPS_PROXY", url)
    assert "proxy" in failing("registry.example").message


def test_no_proxy_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on this machine is asked directly, as Docker does it, so that no password goes out in the clear."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with serving() as server:
        check(registry.read(f"{server.host}/x:1"))


def test_encryption_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine's registry without TLS is not read, and the error says so."""
    with serving() as server, proxy(server) as (url, _):
        monkeypatch.setenv("HTTPS_PROXY", url)
        assert "no TLS connection: " in failing("registry.example:5000").message
