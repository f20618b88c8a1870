"""Detects secrets by the shapes that their issuers publish, and by the names that people give to variables.

This module stores no secret, and only `extract_url_passwords` returns one: the other functions describe in words what
they found.
"""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import urlsplit

_ISSUED: tuple[tuple[str, tuple[bytes, ...], bytes], ...] = (
    ("an AWS access key", (b"AKIA", b"ASIA"), rb"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
    (
        "a GitHub token",
        (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_"),
        rb"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})",
    ),
    ("a GitLab token", (b"glpat-", b"gldt-", b"glrt-", b"glptt-"), rb"\bgl(?:pat|dt|rt|ptt)-[A-Za-z0-9_-]{20,}"),
    ("a Slack token", (b"xox",), rb"\bxox[abeoprs]-[0-9A-Za-z-]{10,}"),
    ("a Stripe key", (b"_live_",), rb"\b[sr]k_live_[0-9A-Za-z]{24,}"),
    ("a Google API key", (b"AIza",), rb"(?<![\w-])AIza[\w-]{35}(?![\w-])"),
    ("a PyPI token", (b"pypi-",), rb"\bpypi-[A-Za-z0-9_-]{50,}"),
    ("an npm token", (b"npm_",), rb"\bnpm_[A-Za-z0-9]{36}(?!\w)"),
    ("an Anthropic key", (b"sk-ant-",), rb"\bsk-ant-[a-z0-9]+-[A-Za-z0-9_-]{32,}"),
    (
        "an OpenAI key",
        (b"sk-",),
        rb"\bsk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|[A-Za-z0-9]{48}\b)",
    ),
    ("a Hugging Face token", (b"hf_",), rb"\bhf_[A-Za-z0-9]{34,}"),
    ("a Docker Hub token", (b"dckr_",), rb"\bdckr_[op]at_[A-Za-z0-9_-]{27,}"),
    (
        "a private key",
        (b"PRIVATE KEY", b"PuTTY-User-Key-File-"),
        # Includes the first line of data: a program that only contains the words does not hold a key.
        rb"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\\[nr]|[\s\"'+,])*"  # noqa: ISC004 - one shape
        rb"(?:[A-Z][A-Za-z-]+: [^\r\n]*\s+)*[A-Za-z0-9+/]{40}"
        rb"|PuTTY-User-Key-File-\d: (?:.*\r?\n){2,40}?Private-Lines: \d+\r?\n[A-Za-z0-9+/]",
    ),
)
"""What to call a secret; words, one of which each such secret contains; its whole shape. Words are faster to find."""
_SHAPES = tuple((words, needs, re.compile(shape)) for words, needs, shape in _ISSUED)
_ANY_SHAPE = re.compile("|".join(f"(?:{shape.decode()})" for _, _, shape in _ISSUED))
_EXAMPLE = re.compile(rb"example|x{4}|\.{3}|your[-_]?", re.IGNORECASE)
_END, _FEWEST_CHARACTERS = slice(-16, None), 6
"""How many different characters the end of a token has; with fewer, as in `sk_live_000…`, it is not a random one."""

# A user and a password before the host. A password that begins like a variable or a placeholder does not count. The
# scheme is limited in length: otherwise each letter of a long line of `a.a.a.…` would start a new scan of the rest.
_URL_PASSWORD = re.compile(r"\b([a-z][a-z0-9+.-]{0,30}://[^\s/:@'\"]*):(?![$<{*]|%\()([^\s/@'\"]+)@", re.IGNORECASE)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)

_NAME = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN(?![A-RT-Z])|API_?KEY|ACCESS_?KEY(?!_ID)|PRIVATE_?KEY|CREDENTIAL",
    re.IGNORECASE,
)
_TELLS_ABOUT_ONE = re.compile(
    r"_(?:ALGORITHM|AUDIENCE|BACKEND|DIR|ENDPOINT|EXPIR\w*|FILE|FORMAT|HASHER|HEADER|ISSUER|LENGTH|NAME|PATH|POLICY|"
    r"PREFIX|PROVIDER|SCOPES?|TTL|TYPE|UR[IL]|VERSION)$",
    re.IGNORECASE,
)
"""Ends of names whose values are about a secret, and not one themselves."""
_NO_SECRET = re.compile(
    r"[~./$<{%`*].*|[+-]?[\d.]+|true|false|yes|no|on|off|none|null|dummy|placeholder|unused|unset|\*+",
    re.IGNORECASE | re.DOTALL,
)
"""Values that are a path, a placeholder, a number, a boolean, or a word for "no value"."""
_ASSIGNMENT = re.compile(r"(?<![\w$.-])(-{0,2}[A-Za-z_][\w-]*)=(\"[^\"]*\"|'[^']*'|[^\s;&|]+)")
_WHOLE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----(?:.{0,8192}?-----END [A-Z0-9 ]*-----|[A-Za-z0-9+/=\\\s\"',]*)",
    re.DOTALL,
)
"""A key up to its end line; without one, as far as the text looks like a key's data."""
_ARGUMENTS = re.compile(r"^(\s*(?:RUN )?\|\d+ )(.*?)((?: /bin/\S+ -\S+ .*)?)$", re.DOTALL)
"""A step of BuildKit's history: its build arguments, then the shell."""
_WORD_AFTER = re.compile(r"((?:--password|--token|--api-key|-u|[Bb]earer|[Bb]asic)\s+)[^\s\"']{6,}")
_HIDDEN = "***"


def find_issued_secret(data: bytes) -> str:
    """Say which token or private key the data contains; empty if there is none.

    Examples from manuals do not count, nor do tokens that are plainly not random.
    """
    for words, needs, shape in _SHAPES:
        if any(need in data for need in needs):
            for match in shape.finditer(data):
                if not _EXAMPLE.search(match[0]) and len(set(match[0][_END])) >= _FEWEST_CHARACTERS:
                    return words
    return ""


def find_url_password(text: str) -> str:
    """Say that a text contains a URL with a password; empty if it does not."""
    return "a password inside a URL" if _URL_PASSWORD.search(text) else ""


def find_secret(text: str) -> str:
    """Say which secret a text contains, judged by its shape; empty if there is none."""
    return find_issued_secret(text.encode(errors="surrogateescape")) or find_url_password(text)


def is_secret(name: str, value: str) -> bool:
    """Tell whether a variable's name says that its value is a secret, and the value may be one."""
    value = value.strip("\"' ")
    if not value or _NO_SECRET.fullmatch(value) or (_URL.match(value) and not find_url_password(value)):
        return False
    return is_name_of_secret(name)


def is_name_of_secret(name: str) -> bool:
    """Tell whether the name of a variable, a header or a field says that its value is a secret."""
    name = name.replace("-", "_")
    return bool(_NAME.search(name)) and not _TELLS_ABOUT_ONE.search(name)


def find_assigned_names(text: str) -> tuple[str, ...]:
    """Return the names to which a line of a shell or of an image's history assigns a secret."""
    pairs = (match.groups() for match in _ASSIGNMENT.finditer(text))
    return tuple(dict.fromkeys(name.lstrip("-") for name, value in pairs if is_secret(name, value)))


def extract_url_passwords(text: str) -> tuple[str, ...]:
    """Return the passwords in a text's URLs. If the text is a single URL, its password may contain an @.

    A password that equals another part of its URL, as in `postgresql://app:app@db`, does not count: masking it would
    also mask the user's name all over the logs.
    """
    found = [match[2] for match in _URL_PASSWORD.finditer(text)]
    with suppress(ValueError):  # the text is not a URL
        url = urlsplit(text)
        found = [each for each in (*found, url.password) if each not in {url.scheme, url.username, url.hostname}]
    return tuple(dict.fromkeys(filter(None, found)))


def mask(text: str) -> str:
    """Return a text with `***` in place of secrets that their shape, a URL or an assignment gives away."""

    def hide(match: re.Match[str]) -> str:
        return f"{match[1]}={_HIDDEN}" if is_secret(match[1], match[2]) else match[0]

    text = _WHOLE_KEY.sub(_HIDDEN, text)
    text = _ASSIGNMENT.sub(hide, _URL_PASSWORD.sub(rf"\1:{_HIDDEN}@", text))
    return _ANY_SHAPE.sub(_HIDDEN, text)


def redact(text: str) -> str:
    """Return a step of an image's history, or a part of one, with `***` in place of the secrets found in it."""
    if _ARGUMENTS.match(text) and find_assigned_names(
        text
    ):  # the values are not quoted: it is unclear where each one ends
        text = _ARGUMENTS.sub(rf"\1{_HIDDEN}\3", text)
    return mask(_WORD_AFTER.sub(rf"\1{_HIDDEN}", text))
