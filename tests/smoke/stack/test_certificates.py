"""Certificates of stubs, as `openssl verify` and Python's strictest clients see them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from weighbridge.errors import SettingsError
from weighbridge.smoke.stack import certificates

HOSTS = ("api.example.com", "mail.example.org")


@pytest.fixture(scope="module")
def made() -> certificates.Certificates:
    """Make certificates for two hosts."""
    return certificates.make(HOSTS)


@pytest.mark.parametrize(("host", "fits"), [(HOSTS[0], True), (HOSTS[1], True), ("www.example.com", False)])
def test_verified_by_another_program(made: certificates.Certificates, tmp_path: Path, host: str, *, fits: bool) -> None:
    """The certificate holds for its hosts alone, by the strict rules of RFC 5280."""
    (tmp_path / "ca").write_text(made.authority, encoding="ascii")
    (tmp_path / "host").write_text(made.certificate, encoding="ascii")
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", host]
    done = subprocess.run([*command, "-CAfile", "ca", "host"], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode == 0) is fits, done.stderr


def test_lives_for_days(made: certificates.Certificates) -> None:
    """Neither certificate lives longer than two days, and each run has an authority of its own."""
    for pem in (made.authority, made.certificate):
        read = x509.load_pem_x509_certificate(pem.encode())
        assert (read.not_valid_after_utc - read.not_valid_before_utc).days == 2
    assert certificates.make(HOSTS).authority != made.authority


def test_without_openssl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before anything starts, the error says what is missing and for what."""
    certificates.check_program()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError) as caught:
        certificates.check_program()
    assert str(caught.value) == (
        "smoke.stubs: the certificate of stubs is made by openssl, which is not on the PATH. "
        "Install openssl, or remove smoke.stubs."
    )


def test_openssl_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What openssl says is in the error, on one line."""
    program = tmp_path / "openssl"
    program.write_text("#!/bin/sh\necho 'no curve' >&2\necho prime256v1 >&2\nexit 1\n", encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SettingsError, match="cannot make the certificate of stubs: no curve prime256v1"):
        certificates.make(HOSTS)
