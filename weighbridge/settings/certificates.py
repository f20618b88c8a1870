"""Finds the certificates that this machine trusts: those that the environment names, else its distribution's bundle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_SYSTEM = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),
    Path("/etc/ssl/ca-bundle.pem"),
    Path("/etc/ssl/cert.pem"),
)
"""The bundle on Debian, Fedora (older, newer), openSUSE, and Alpine or macOS."""


def find_named(*variables: str) -> Iterator[tuple[str, str]]:
    """Yield each of these variables that is set, and its value: a path, which need not exist."""
    yield from ((name, path) for name in variables if (path := os.environ.get(name)))


def find_system_bundle() -> Path | None:
    """Return the distribution's bundle, to which a company may have added its own; None if there is none."""
    return next((path for path in _SYSTEM if path.is_file()), None)
