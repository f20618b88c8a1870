"""Makes a certificate authority for one run, and a certificate for the hosts of stubs, by the program `openssl`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from weighbridge.errors import SettingsError

_PROGRAM = "openssl"
_SECONDS = 30
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_DAYS = ("-days", "2")
_CONFIG = """
[req]
prompt = no
distinguished_name = name
[name]
CN = Weighbridge, for one run
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[host]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""
"""All that RFC 5280 demands, because Python checks that from version 3.13 on (`ssl.VERIFY_X509_STRICT`)."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """What a server needs for TLS, and what its clients have to trust; all of it is PEM."""

    authority: str
    certificate: str
    key: str


def check_program() -> None:
    """Make sure that certificates can be made here.

    Raises:
        SettingsError: There is no `openssl`.
    """
    if not shutil.which(_PROGRAM):
        raise SettingsError(
            "smoke.stubs: the certificate of stubs is made by openssl, which is not on the PATH",
            advice="Install openssl, or remove smoke.stubs.",
        )


def make(hosts: Sequence[str]) -> Certificates:
    """Return a new authority and a certificate for these hosts; its key is in no file when this returns.

    Raises:
        SettingsError: `openssl` fails.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        names = ", ".join(f"DNS:{host}" for host in hosts)
        (folder / "config").write_text(_CONFIG.format(names=names), encoding="ascii")
        begin = ("req", "-config", "config", *_NEW_KEY)
        _run(folder, *begin, "-x509", "-extensions", "ca", *_DAYS, "-keyout", "ca.key", "-out", "ca")
        _run(folder, *begin, "-new", "-keyout", "key", "-out", "request")
        signs = ("-CA", "ca", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "config", "-extensions", "host")
        _run(folder, "x509", "-req", "-in", "request", *signs, *_DAYS, "-out", "certificate")
        found = [(folder / each).read_text(encoding="ascii") for each in ("ca", "certificate", "key")]
        return Certificates(*found)


def _run(folder: Path, *words: str) -> None:
    done = subprocess.run([_PROGRAM, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=_SECONDS)
    if done.returncode:
        said = " ".join(done.stderr.split()[-12:])
        raise SettingsError(
            f"smoke.stubs: openssl cannot make the certificate of stubs: {said}",
            advice="Install a current openssl, or remove smoke.stubs.",
        )
