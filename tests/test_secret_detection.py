"""Secrets by their shapes and by the names of variables, and texts that are let go without them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge import secret_detection

RANDOM = "q7Zk2Vb9Xw4Lm1Tn8Rd3Hs6Jc5Gf0PyA2eUiOoKqWbDvNxSzMtBhYlCjFgErQa7"
KEY = f"-----BEGIN PRIVATE KEY-----\n{RANDOM}\n-----END PRIVATE KEY-----\n"
ISSUED = {
    "an AWS access key": "AKIA" + "QYLPMN5HHHFPZAM2",
    "a GitHub token": "ghp_" + RANDOM[:36],
    "a GitLab token": "glpat-" + RANDOM[:20],
    "a Slack token": "xoxb-" + RANDOM[:24],
    "a Stripe key": "sk_live_" + RANDOM[:24],
    "a Google API key": "AIza" + RANDOM[:35],
    "a PyPI token": "pypi-" + RANDOM,
    "an npm token": "npm_" + RANDOM[:36],
    "an Anthropic key": "sk-ant-api03-" + RANDOM,
    "an OpenAI key": "sk-proj-" + RANDOM,
    "a Hugging Face token": "hf_" + RANDOM[:34],
    "a Docker Hub token": "dckr_pat_" + RANDOM[:27],
    "a private key": KEY,
}


def test_every_shape_is_tried() -> None:
    """Each shape of the table has a token here."""
    assert ISSUED.keys() == {words for words, *_ in secret_detection._ISSUED}


@pytest.mark.parametrize(("words", "token"), ISSUED.items())
def test_issued(words: str, token: str) -> None:
    """Each shape is found and named, also in the middle of a line, and redaction removes it."""
    text = f"use '{token}' here"
    assert secret_detection.find_secret(text) == words
    assert secret_detection.find_secret(secret_detection.redact(text)) == ""
    assert token[-20:] not in secret_detection.redact(text)


@pytest.mark.parametrize(
    "text",
    [
        KEY.replace("PRIVATE", "RSA PRIVATE"),
        KEY.replace("PRIVATE", "OPENSSH PRIVATE").replace("\n", "\\n"),
        KEY.replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n", 1),
        KEY.replace("KEY", "KEY BLOCK").replace("PRIVATE", "PGP PRIVATE").replace("\n", "\r\n"),
        f"PuTTY-User-Key-File-3: ssh-ed25519\nComment: c\nPublic-Lines: 1\n{RANDOM}\nPrivate-Lines: 1\n{RANDOM}\n",
    ],
)
def test_private_keys(text: str) -> None:
    """In every format, with its headers, and on one line as in JSON."""
    assert secret_detection.find_issued_secret(text.encode()) == "a private key"


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "sk_live_" + "0" * 24,
        "ghp_" + "x" * 36,
        "if b'-----BEGIN PRIVATE KEY-----' in data: raise",
        "-----BEGIN CERTIFICATE-----\n" + RANDOM,
        "-----BEGIN PUBLIC KEY-----\n" + RANDOM,
        "risk-" + RANDOM,
        "https://example.org:8000/a@b",
        "redis://redis:6379/0",
        "https://user:$PASSWORD@host",
        "https://user:<password>@host",
    ],
)
def test_no_token(text: str) -> None:
    """Examples of manuals, what only names a shape, and URLs without a password."""
    assert secret_detection.find_secret(text) == ""


@pytest.mark.parametrize("url", ["redis://:hunter2@redis:6379", "--index-url https://me:hunter2@host/simple -q"])
def test_password_in_a_url(url: str) -> None:
    """A password in a URL is found; redaction removes it and keeps the rest of the URL."""
    assert secret_detection.find_secret(url) == "a password inside a URL"
    assert "hunter2" not in secret_detection.redact(url)
    assert "@" in secret_detection.redact(url)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "hunter2"),
        ("secret-key", "'hunter2'"),
        ("GITHUB_TOKEN", "abc"),
        ("OPENAI_API_KEY", "abc"),
        ("SSH_PRIVATE_KEY", "abc"),
        ("TOKEN", "https://me:hunter2@host"),
        ("AWS_SECRET_ACCESS_KEY", "abc/def"),
        ("CREDENTIALS", "abc"),
    ],
)
def test_names_of_secrets(name: str, value: str) -> None:
    """A name says it, in any case and with dashes."""
    assert secret_detection.is_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GPG_KEY", "7169605F62C751356D054A26A821E680E5FA6305"),
        ("PYTHON_SHA256", "ae665bc678abd9ab6a6e1573d2481625a53719bc517e9a634ed2b9fefae3817f"),
        ("DB_PASSWORD", ""),
        ("DB_PASSWORD", '""'),
        ("DB_PASSWORD", "/run/secrets/password"),
        ("DB_PASSWORD_FILE", "password"),
        ("TOKEN_URL", "https://host/token"),
        ("TOKEN", "https://host/token"),
        ("MAX_TOKENS", "4096"),
        ("TOKENIZERS_PARALLELISM", "maybe"),
        ("SECRET_KEY", "$(cat /run/secrets/key)"),
        ("SECRET_KEY", "dummy"),
        ("SECRET_KEY", "true"),
        ("PATH", "abc"),
    ],
)
def test_names_of_none(name: str, value: str) -> None:
    """An empty value, path, number, boolean, URL or placeholder, or a value about a secret, is not a secret."""
    assert not secret_detection.is_secret(name, value)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("|2 TOKEN=abc MODE=fast /bin/sh -c make", ("TOKEN",)),
        ("RUN PASSWORD='a b' API_KEY=c make --token=d # buildkit", ("PASSWORD", "API_KEY", "token")),
        ("RUN --mount=type=secret,id=token TOKEN=$(cat /run/secrets/token) make", ()),
        ("ENV A=b C=d", ()),
    ],
)
def test_assignments(line: str, names: tuple[str, ...]) -> None:
    """The names that a line assigns secrets to are found, and redaction hides the values."""
    assert secret_detection.find_assigned_names(line) == names
    assert secret_detection.find_assigned_names(secret_detection.redact(line)) == ()
    if not names:
        assert secret_detection.redact(line) == line


@given(st.text(), st.sampled_from([*ISSUED.values(), "redis://:hunter2@redis", "TOKEN=abc"]), st.text())
def test_nothing_is_let_go(before: str, secret: str, after: str) -> None:
    """Whatever surrounds a secret, no secret can be found in the redacted text."""
    shown = secret_detection.redact(f"{before} {secret} {after}")
    assert secret_detection.find_secret(shown) == ""
    assert secret_detection.find_assigned_names(shown) == ()


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    """No bytes raise anything, and none of these few hold a secret by chance."""
    assert secret_detection.find_issued_secret(data) == ""
