"""A login goes to the registry that it is for, or to whom the table or the user names, and to nobody else."""

from __future__ import annotations

import string

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from requests.models import PreparedRequest
from urllib3.util import parse_url

from weighbridge.errors import UnreadableImage
from weighbridge.settings.project import Registries
from weighbridge.sources.registry import references
from weighbridge.sources.registry.token_hosts import NOTHING_ALLOWED, Allowed, check


def is_let(realm: str, registry: str, allowed: Allowed = NOTHING_ALLOWED) -> bool:
    """Tell whether a realm may get the login."""
    name = references.parse(f"{registry}/a/x:1")
    try:
        check(realm, name.host, name.server, allowed)
    except UnreadableImage:
        return False
    return True


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("ghcr.io", "https://ghcr.io/token"),
        ("quay.io", "https://quay.io/v2/auth"),
        ("example.com:5000", "https://example.com/token"),
        ("example.com", "https://EXAMPLE.com:5001?a=b"),
        ("[::1]:5000", "http://[::1]:5001/token"),
        ("docker.io", "https://auth.docker.io/token"),
        ("registry-1.docker.io", "https://auth.docker.io/token"),
        ("registry.gitlab.com", "https://gitlab.com/jwt/auth"),
    ],
)
def test_hosts_that_may_have_it(registry: str, realm: str) -> None:
    """The registry's own host, on any port, and those that Docker Hub and GitLab document."""
    assert is_let(realm, registry)


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("example.com", "https://auth.docker.io/token"),
        ("example.com", "https://example.com.evil.org/token"),
        ("example.com", "https://sub.example.com/token"),
        ("docker.io", "https://docker.io.evil.org/token"),
        ("gitlab.com", "https://registry.gitlab.com/token"),
        ("example.com", "https://example.com@evil.org/"),
        ("example.com", "https://evil.org\\@example.com/"),
        ("example.com", "https://example.com\\@evil.org/"),
        ("example.com", " https://example.com/"),
        ("example.com", "https://evil.org#@example.com/"),
        ("example.com", "//example.com/"),
        ("example.com", "ftp://example.com/"),
        ("example.com", "https://exam\tple.com/"),
        ("example.com", ""),
    ],
)
def test_hosts_that_may_not(registry: str, realm: str) -> None:
    """Other hosts, below the registry's or beside it, and addresses that two libraries read in two ways."""
    assert not is_let(realm, registry)


def test_what_the_user_allows() -> None:
    """A host in the settings may have the login of the registry that it is listed for, and no other."""
    allowed = {"registry.example.com": ("login.example.com",)}
    assert is_let("https://login.example.com/jwt", "registry.example.com", allowed)
    assert not is_let("https://login.example.com/jwt", "other.example.com", allowed)
    assert is_let("https://login.example.com/jwt", "Registry.Example.com", allowed)
    assert not is_let("https://other.example.com/jwt", "registry.example.com", allowed)


def test_refusal_says_what_to_write() -> None:
    """Written into invoke.yaml as the advice has it, the setting lets the login go there."""
    name = references.parse("registry.example.com:5000/x:1")
    with pytest.raises(
        UnreadableImage, match=r"^registry.example.com:5000 wants the login .* login\.example\.com"
    ) as caught:
        check("https://login.example.com/jwt", name.host, name.server, {})
    _, _, written = caught.value.advice.partition("registries.token_hosts: ")
    settings = Registries(token_hosts=yaml.safe_load(written.removesuffix(".")))
    check("https://login.example.com/jwt", name.host, name.server, settings.token_hosts)


URLS = st.lists(
    st.sampled_from(["https://", "http://", "//", "good.example", "evil.org", *"@\\/?#:;. \t\n[]%1", "%40", "%2f"])
    | st.sampled_from(string.printable),
    max_size=8,
).map("".join)


@given(URLS)
def test_no_address_that_means_another_host(realm: str) -> None:
    """Where an address passes, the library that sends the request reads the registry's host in it, too."""
    if is_let(realm, "good.example"):
        request = PreparedRequest()
        request.prepare_url(realm, None)
        assert parse_url(request.url or "").host == "good.example"
