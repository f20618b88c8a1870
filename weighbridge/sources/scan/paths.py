"""Judges a file by its path: whether it is public, a compiler, part of a cache, a test, or made for credentials."""

from __future__ import annotations

import re
from collections.abc import Mapping

from weighbridge.model.scan import Kind

_PUBLIC = re.compile(
    r"(?:^|/)(?:site-packages|dist-packages|node_modules)/"
    r"|(?:^|/)lib(?:32|64)?/(?:python|pypy)\d[\d.]*/"
    r"|(?:^|/)\.cache/(?:pip|uv)/"
    r"|^(?:usr/)?(?:lib|lib32|lib64|libx32|libexec)/"
    r"|^(?:usr/share|usr/include|usr/local/include|etc/ssl/certs|etc/pki|etc/ca-certificates|var/cache)/"
    r"|^var/lib/(?:apt|dpkg|rpm)/"
)
_COMPILER = re.compile(
    r"(?:^|/)s?bin/(?:\w+-(?:\w+-)?linux-(?:gnu|musl)\w*-)?"
    r"(?:cc|c\+\+|gcc|g\+\+|clang|clang\+\+|cpp|ld|ld\.bfd|ld\.gold|ld\.lld|as|make|gmake|rustc|cargo|go)"
    r"(?:-\d[\d.]*)?$"
    r"|^(?:usr/)?(?:lib|libexec)/gcc/(?:.*/)?(?:cc1|cc1plus|collect2|lto1)$"
)
_CACHE = re.compile(
    r"^var/lib/apt/lists/(?!(?:lock|partial|auxfiles)(?:/|$))"
    r"|^var/cache/apt/(?:archives/[^/]+\.deb|[^/]+\.bin)$"
    r"|^(?:var/cache/(?:apk|dnf|libdnf5|yum)|etc/apk/cache)/"
    r"|(?:^|/)\.cache/(?:pip|uv)/"
)
_REPOSITORY = re.compile(r"(?:^|/)\.(?:git|hg|svn)/")
_TEST = re.compile(r"(?:^|/)(?:conftest|test_[^/]*)\.pyc?$|(?:^|/)tests?/(?:.*/)?[^/]+_test\.pyc?$")
_ENVIRONMENT = re.compile(r"(?:^|/)\.env(?:\.(?!(?:.*\.)?(?:example|sample|template|dist)$)[^/]+)?$")
_OF_WEIGHBRIDGE = re.compile(
    r"(?:^|/)weighbridge\.yaml$"
    r"|(?:^|/)reports/\d{8}T\d{6}[^/]*-[^/]*\.json$"
    r"|(?:^|/)site-packages/weighbridge-[^/]+\.dist-info/METADATA$"
)
_ACTIVATE = re.compile(r"(?:^|/)bin/activate$")
_MADE_AT = re.compile(rb"(?m)^\s*(?:export )?VIRTUAL_ENV=[\"']?(/[^\"'\s$]+)")
_CODE = re.compile(r"\.(?:pyc?|so)$|\.so\.[^/]+$")
_LIBRARY = re.compile(r"\.so(?:\.[^/]+)?$")
_BIN = re.compile(r"(?:^|/)s?bin/[^/]+$")

_FILLED = rb"[ \t]*[^\s$<{*\"']"
_CREDENTIALS: Mapping[str, tuple[bytes, str]] = {
    "id_rsa": (rb"\S", "an SSH key"),
    "id_dsa": (rb"\S", "an SSH key"),
    "id_ecdsa": (rb"\S", "an SSH key"),
    "id_ed25519": (rb"\S", "an SSH key"),
    ".netrc": (rb"\bpassword\s+\S", "passwords for hosts"),
    "_netrc": (rb"\bpassword\s+\S", "passwords for hosts"),
    ".pgpass": (rb"(?m)^[^#\s].*:[^:\s]+\s*$", "a PostgreSQL password"),
    ".my.cnf": (rb"(?m)^\s*password\s*=" + _FILLED, "a MySQL password"),
    ".git-credentials": (rb"://[^\s:@/]*:[^\s@]+@", "a password for Git"),
    ".pypirc": (rb"(?m)^\s*password\s*[:=]" + _FILLED, "a password for a package index"),
    ".npmrc": (rb"_(?:authToken|auth|password)\s*=\s*[^\s$]", "a token for a package registry"),
    ".dockercfg": (rb'"auth"\s*:\s*"[^"]', "a password for an image registry"),
    ".docker/config.json": (rb'"auth"\s*:\s*"[^"]', "a password for an image registry"),
    ".aws/credentials": (rb"(?m)^\s*aws_secret_access_key\s*=" + _FILLED, "an AWS secret key"),
    ".kube/config": (rb"(?m)^\s*(?:- )?(?:token|password|client-key-data):" + _FILLED, "a key for a cluster"),
}
"""Name of a file made for credentials -> the pattern of a credential in it, and what to call that."""
_PASSWORDS = {key: (re.compile(shape), words) for key, (shape, words) in _CREDENTIALS.items()}
_WITH_URLS = frozenset(
    {"pip.conf", "pip.ini", "uv.toml", ".condarc", ".gitconfig", ".git/config", ".npmrc", ".yarnrc", ".pypirc"}
)
"""Files with URLs of package sources, which may contain a password."""
_ASSIGNMENT = re.compile(rb"(?m)^\s*(?:export\s+)?[A-Za-z_]\w*\s*=\s*(?![\"']{2}\s*$)[^\s#]")


def is_public(path: str) -> bool:
    """Tell whether a file lies where only files of published packages are."""
    return _PUBLIC.search(path) is not None


def find_kinds(path: str, size: int) -> tuple[Kind, ...]:
    """Return the kinds of hits that the path of a file or a link is; `size` is 0 for a link."""
    found: list[Kind] = []
    if _COMPILER.search(path):
        found.append("compiler")
    if size and _CACHE.search(path):
        found.append("package-cache")
    if _OF_WEIGHBRIDGE.search(path):
        found.append("tool-file")
    if _REPOSITORY.search(path):
        found.append("vcs-folder")
    elif not is_public(path):
        if _TEST.search(path):
            found.append("test-suite")
        if _ENVIRONMENT.search(path):
            found.append("env-file")
    return tuple(found)


def find_credentials(path: str, data: bytes) -> str:
    """Say which credential a file made for credentials holds; empty if it holds none, or is another file."""
    for key in _make_keys(path):
        shape, words = _PASSWORDS.get(key, (None, ""))
        if shape and shape.search(data):
            return words
    return ""


def can_have_urls(path: str) -> bool:
    """Tell whether a file of that name may have URLs with passwords that are in use."""
    return not _WITH_URLS.isdisjoint(_make_keys(path))


def find_moved_environment(path: str, data: bytes) -> str:
    """Return where the virtual environment was made whose `activate` this is; empty if it still is there, or none is.

    Whoever makes one (venv, virtualenv, uv) writes its path into that script. So one that a COPY brought from a
    checkout tells itself apart from one that the build made.
    """
    found = _MADE_AT.search(data) if _ACTIVATE.search(path) else None
    place = found[1].decode(errors="replace").rstrip("/") if found else ""
    return "" if place == f"/{path.removesuffix('/bin/activate')}" else place


def has_assignments(data: bytes) -> bool:
    """Tell whether an environment file gives any variable a value."""
    return _ASSIGNMENT.search(data) is not None


def is_code(path: str) -> bool:
    """Tell by its name whether a file is code: Python, its bytecode, or a shared library."""
    return _CODE.search(path) is not None


def is_library(path: str) -> bool:
    """Tell by its name whether a file is a shared library."""
    return _LIBRARY.search(path) is not None


def is_in_bin(path: str) -> bool:
    """Tell whether a file lies directly in a `bin` or `sbin` folder."""
    return _BIN.search(path) is not None


def _make_keys(path: str) -> tuple[str, str]:
    """Return a file's name, and that name with its folder's name before it."""
    folder, _, name = path.rpartition("/")
    return name, f"{folder.rpartition('/')[2]}/{name}"
