"""Probes of an application with a login: `tests/live/stacks/shop.py`. The first one is the example of docs/smoke.md."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import yaml

PASSWORD = "open-sesame"  # noqa: S105 - made up
_PAGE = (Path(__file__).parents[2] / "docs" / "smoke.md").read_text(encoding="utf-8")
_EXAMPLE = "".join(re.findall(r"^```yaml\n(probes:.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL))
_UPLOADED = "requirements.txt"
_SHA256 = hashlib.sha256(Path(__file__).with_name("stacks").joinpath(_UPLOADED).read_bytes()).hexdigest()
_TOKEN = {"headers": {"Authorization": "Bearer {token}"}}


def _log_in(keep: Any = "access_token") -> dict[str, Any]:
    return {"post": "/token", "form": {"username": "eve", "password": PASSWORD}, "keep": {"token": keep}}


def _upload(content: str) -> dict[str, Any]:
    files = {"list": {"content": content}}
    return {"post": "/prices", **_TOKEN, "multipart": files, "status": 202, "keep": {"id": "id"}}


HOLD: tuple[dict[str, Any], ...] = (
    *yaml.safe_load(_EXAMPLE)["probes"],
    {
        "rule": "uploads-a-file",
        "role": "api",
        "steps": [
            _log_in({"header": "x-session"}),
            {
                "post": "/prices",
                **_TOKEN,
                "multipart": {"list": {"file": _UPLOADED, "type": "text/plain"}, "currency": "\u20ac {unique}"},
                "status": 202,
                "expect": {"sha256": _SHA256, "file": _UPLOADED, "type": "text/plain", "currency": "\u20ac {unique}"},
            },
        ],
    },
    {
        "rule": "keeps-a-cookie",
        "role": "api",
        "steps": [
            _log_in({"cookie": "session"}),
            {"get": "/prices/none", "headers": {"Cookie": "a=b; session={token}"}, "status": 404},
        ],
    },
    {
        "rule": "keeps-notes",
        "role": "api",
        "steps": [
            {"put": "/notes/{unique}", "body": {"text": "a"}, "status": 201},
            {"patch": "/notes/{unique}", "form": {"text": "& \u00fc"}, "expect": {"text": "a& \u00fc"}},
            {"delete": "/notes/{unique}", "status": 204},
            {"delete": "/notes/{unique}", "status": 404},
        ],
    },
    {
        "rule": "asks-a-third-party",
        "role": "api",
        "steps": [
            {"get": "/rates/plain", "equals": {"rate": 1.25}},
            {"get": "/rates/default", "equals": {"rate": 1.25}},
            {"get": "/rates/bundle", "status": 424, "expect": {"detail": "404 no stub answers this"}},
            {"get": "/rates/pinned", "status": 424, "contains": "CERTIFICATE_VERIFY_FAILED"},
        ],
    },
)
"""Probes that hold."""
STUBS: dict[str, list[dict[str, Any]]] = {
    "rates.example.com": [{"get": "/v1/rate", "json": {"rate": 1.25}}],
    "pinned.example.com": [{"get": "/", "text": "never read"}],
    "unused.example.com": [{"post": "/v1/mail", "status": 202}],
}
"""Third parties: one that is called, one whose certificate is not trusted, and one that nobody calls."""
UNCALLED = (
    r"pinned\.example\.com: [1-9] TLS handshakes failed \(\w+ alert unknown ca\): whoever connected trusts neither "
    r"SSL_CERT_FILE nor REQUESTS_CA_BUNDLE; let it read certificates from there; "
    r"unused\.example\.com: nobody connected; add a probe of what calls it, or remove it from smoke\.stubs"
)
"""Why not all stubs are called."""
FAIL: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        r'GET /prices/\w+ answered state = "failed", which ends the waiting: \{"state":"failed"\}',
        {
            "rule": "waits-for-what-failed",
            "role": "api",
            "steps": [
                _log_in(),
                _upload("id,price\n"),
                {"get": "/prices/{id}", **_TOKEN, "until": {"state": "done"}, "fail_on": {"state": "failed"}},
            ],
        },
    ),
    (
        r'GET /prices/\w+/csv answered without the text "3,4": 1,2',
        {
            "rule": "expects-another-text",
            "role": "api",
            "steps": [_log_in(), _upload("1,2\n"), {"get": "/prices/{id}/csv", **_TOKEN, "contains": "3,4"}],
        },
    ),
    (
        r"GET /prices/\w+/csv answered with the header Content-Type: text/csv; charset=utf-8, not text/html",
        {
            "rule": "expects-another-header",
            "role": "api",
            "steps": [
                _log_in(),
                _upload("1,2\n"),
                {"get": "/prices/{id}/csv", **_TOKEN, "expect_headers": {"Content-Type": "text/html"}},
            ],
        },
    ),
    (
        r"GET /prices/none answered 401, not 2xx: .*: \*\*\*.*; give a token that it accepts in the step's headers",
        {
            "rule": "sends-an-unknown-token",
            "role": "api",
            "steps": [{"get": "/prices/none", "headers": {"Authorization": "Bearer of-bad-news"}}],
        },
    ),
)
"""The whole reason as a regular expression, and the probe that must fail for it."""
