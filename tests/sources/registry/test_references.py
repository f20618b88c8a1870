"""Names of images in registries, by the grammar that Docker's tools have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import NoSuchImage
from weighbridge.sources.registry.references import Reference, is_loopback, parse

DIGEST = f"sha256:{'0123456789abcdef' * 4}"


def reference(host: str, repository: str, tag: str = "", digest: str = "") -> Reference:
    """Return a reference of these parts."""
    return Reference(host=host, repository=repository, tag=tag, digest=digest)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alpine", reference("docker.io", "library/alpine", "latest")),
        ("alpine:3.20", reference("docker.io", "library/alpine", "3.20")),
        ("grafana/grafana", reference("docker.io", "grafana/grafana", "latest")),
        ("docker.io/alpine", reference("docker.io", "library/alpine", "latest")),
        ("index.docker.io/a/b:1", reference("docker.io", "a/b", "1")),
        ("registry-1.docker.io/library/alpine", reference("docker.io", "library/alpine", "latest")),
        ("localhost/x", reference("localhost", "x", "latest")),
        ("localhost:5000/x:1", reference("localhost:5000", "x", "1")),
        ("host:5000/a/b/c", reference("host:5000", "a/b/c", "latest")),
        ("ghcr.io/a-b/c__d:V1_.-", reference("ghcr.io", "a-b/c__d", "V1_.-")),
        (f"quay.io/a/b@{DIGEST}", reference("quay.io", "a/b", digest=DIGEST)),
        (f"quay.io/a/b:1@{DIGEST}", reference("quay.io", "a/b", digest=DIGEST)),
        ("127.0.0.1:5000/x", reference("127.0.0.1:5000", "x", "latest")),
        ("[::1]:5000/x", reference("[::1]:5000", "x", "latest")),
        ("[2001:db8::1]/x", reference("[2001:db8::1]", "x", "latest")),
        ("example.com/localhost/x", reference("example.com", "localhost/x", "latest")),
    ],
)
def test_reference(text: str, expected: Reference) -> None:
    """The first part is a host if it looks like one; Docker Hub and `latest` are what may be left out."""
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "/", "/x", "x/", "a//b", "Alpine", "x:", "x:-1", "x:a b", f"x:{'a' * 129}", "x@sha256:12"),
        *("x@", f"x@{DIGEST.upper()}", f"x@sha512:{'0' * 128}", f"x@{DIGEST}@{DIGEST}", "ex ample.com/x", "-a.b/x"),
        *("host:/x", "host:0/x", "host:65536/x", "host:99999/x", "host:a/x", "[::1/x", "host:1/", "localhost/", "a.b/"),
        *("http://host.example/x", "user@host.example/x", "host.example/../x", "host.example/x?y", "host.example/x#y"),
        *("x\n", "x:1\n", "host.example\\@evil.example/x", "host.example/%2e", "x\u0660", "a.b/é", f"a.b/{'x' * 255}"),
    ],
)
def test_no_reference(text: str) -> None:
    """What does not follow the grammar is never sent anywhere, and the error is one line."""
    with pytest.raises(NoSuchImage, match="is not the name of an image") as caught:
        parse(text)
    assert str(caught.value).isprintable()


@given(st.text(alphabet=st.sampled_from("aZ0.:/@-_[]% \n\\é#?sha256"), max_size=40) | st.text(max_size=40))
def test_any_text(text: str) -> None:
    """Any text is a reference that means the same when written out, or our error; a host is nothing more than that."""
    try:
        found = parse(text)
    except NoSuchImage:
        return
    assert parse(str(found)) == found
    assert text.startswith(found.host) or found.host == "docker.io"
    assert not set(found.host + found.target + found.repository) & set("/@?#%\\ \n") - {"/"}
    assert "/" not in found.host + found.target


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *(
            (host, True)
            for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:80", "[::1]", "[::1]:5", "::1")
        ),
        *((host, False) for host in ("", "docker.io", "localhost.example", "127.0.0.1.example", "10.0.0.1", "[::2]")),
        *((host, False) for host in ("127.1", "2130706433", "0x7f000001", "[::ffff:10.0.0.1]", "a/localhost")),
    ],
)
def test_loopback(host: str, *, loopback: bool) -> None:
    """Only names that cannot be anything but this machine are; what a resolver might make of others does not count."""
    assert is_loopback(host) is loopback


def test_where_to_ask() -> None:
    """Docker Hub answers under another name; plain HTTP is for this machine alone."""
    assert (parse("alpine").server, parse("alpine").scheme) == ("registry-1.docker.io", "https")
    assert (parse("localhost:5000/x").server, parse("localhost:5000/x").scheme) == ("localhost:5000", "http")
    assert parse("host:5000/x").scheme == "https"
    assert (parse("x").target, parse(f"x:1@{DIGEST}").target) == ("latest", DIGEST)
