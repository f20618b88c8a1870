"""Which certificates this machine trusts: those that its environment names, else the bundle of its distribution."""

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
"""Where Debian, Fedora (older, newer), openSUSE, and Alpine and macOS keep it."""


def named(*variables: str) -> Iterator[tuple[str, str]]:
    """Yield each of these variables that is set, and the path that it names, as it stands there; none need be there."""
    yield from ((name, path) for name in variables if (path := os.environ.get(name)))


def of_system() -> Path | None:
    """Return the distribution's bundle; None where there is none. An office may have added its own to it."""
    return next((path for path in _SYSTEM if path.is_file()), None)
