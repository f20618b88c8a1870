"""What an answer of the API means for the settings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.smoke.stack import advice

SETTING = "roles.api.live"


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("/a/", "set roles.api.live to /a/, or let it answer without a redirect"),
        ("a/?b=1", "set roles.api.live to /a/?b=1, or let it answer without a redirect"),
        ("http://other:8000/login", "set roles.api.live to /login, or let it answer without a redirect"),
        ("/a", "let it answer without a redirect"),
        ("", "let it answer without a redirect"),
        ("http://[", "let it answer without a redirect"),
        (
            "https://api/a",
            (
                "let it answer without TLS: set X-Forwarded-Proto to https in roles.api.headers if it trusts that, or "
                "switch the redirect off in roles.api.environment"
            ),
        ),
    ],
)
def test_redirect(location: str, words: str) -> None:
    """A redirect to another path names the path, one to HTTPS how to do without it."""
    assert advice.find_remedy(307, "/a", location, SETTING, {}) == words


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (400, {}, "if it does not accept the Host of the request, give a Host that it accepts in roles.api.headers"),
        (
            400,
            {"host": "x"},
            "if it does not accept the Host of the request, give another Host that it accepts in roles.api.headers",
        ),
        (401, {}, "give a token, such as Authorization, in roles.api.headers"),
        (403, {"AUTHORIZATION": "x"}, "give a token that it accepts in roles.api.headers"),
        (403, {"Cookie": "x"}, "give a token that it accepts in roles.api.headers"),
        (404, {}, ""),
        (500, {}, ""),
        (200, {}, ""),
    ],
)
def test_refusal(status: int, headers: dict[str, str], words: str) -> None:
    """400 points to the Host, 401 and 403 to the token; the words depend on whether one was given."""
    assert advice.find_remedy(status, "/a", "", SETTING, headers) == words


@pytest.mark.parametrize(
    ("status", "is_hopeless"),
    [(299, False), (300, True), (399, True), (400, True), (401, True), (402, False), (403, True), (404, False)],
)
def test_answer_that_stays(status: int, *, is_hopeless: bool) -> None:
    """Redirects, bad requests and refusals come again each time; an unknown path may become known."""
    assert advice.is_hopeless(status) is is_hopeless


@pytest.mark.parametrize(
    ("status", "location", "words"),
    [(307, "/x", "307, a redirect to /x"), (304, "", "304, a redirect to nowhere"), (404, "/x", "404")],
)
def test_status(status: int, location: str, words: str) -> None:
    """The description of a redirect says where it leads."""
    assert advice.describe_status(status, location) == words


@given(st.integers(100, 599), st.text(), st.text(), st.text())
def test_any_answer(status: int, path: str, location: str, setting: str) -> None:
    """For any answer there is advice exactly if repeating the request is hopeless, and never an error."""
    told = advice.find_remedy(status, path, location, setting, {})
    assert bool(told) is advice.is_hopeless(status)
