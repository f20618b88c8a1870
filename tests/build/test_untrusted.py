"""Advice for what tools print when they do not trust a certificate, and none for anything else.

The texts are those of the real tools, printed in builds behind a proxy that inspects TLS, or quoted in the issue
trackers of uv, npm, Alpine and moby.
"""

from __future__ import annotations

import subprocess

import pytest

from weighbridge.build.untrusted import find_advice, list_lines

CHAIN = "self-signed certificate in certificate chain"
PIP = (
    "Could not fetch URL https://a.example/simple/six/: There was a problem confirming the ssl certificate: "
    "HTTPSConnectionPool(host='a.example', port=443): Max retries exceeded with url: /simple/six/ (Caused by SSLError("
    f"SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {CHAIN} "
    "(_ssl.c:1029)'))) - skipping\n"
    "ERROR: Could not find a version that satisfies the requirement six (from versions: none)\n"
    "ERROR: No matching distribution found for six"
)
PYTHON = f"<urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {CHAIN} (_ssl.c:1029)>"
GIT = "fatal: unable to access 'https://git.example/x.git/': server"
FAILED = {
    "pip": ("RUN apt-get install -y curl && pip install six", PIP, "PIP_CERT"),
    "curl": (
        "RUN curl -sSf https://x | sh",
        f"curl: (60) SSL certificate problem: {CHAIN}\nMore details",
        "CURL_CA_BUNDLE",
    ),
    "curl of old": (
        "RUN curl x",
        "curl: (60) SSL certificate problem: unable to get local issuer certificate",
        "CURL_CA_BUNDLE",
    ),
    "git": (
        "RUN git clone x",
        f"{GIT} certificate verification failed. CAfile: /etc/ssl/certs/ca-certificates.crt CRLfile: none",
        "GIT_SSL_CAINFO",
    ),
    "git today": (
        "RUN pip install git+https://x",
        f"{GIT} verification failed: certificate signer not trusted. (CAfile: x CRLfile: none)\nerror: x",
        "GIT_SSL_CAINFO",
    ),
    "npm": (
        "RUN npm ci",
        (
            "npm ERR! code SELF_SIGNED_CERT_IN_CHAIN\nnpm ERR! errno SELF_SIGNED_CERT_IN_CHAIN\n"
            f"npm ERR! request to https://x failed, reason: {CHAIN}\n\nnpm ERR! A complete log is in:"
        ),
        "NODE_EXTRA_CA_CERTS",
    ),
    "npm today": ("RUN npm ci", "npm error code UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "NODE_EXTRA_CA_CERTS"),
    "go": (
        "RUN go mod download",
        (
            'go: x@latest: module x: Get "https://x": tls: failed to verify certificate: x509: certificate signed by '
            "unknown authority"
        ),
        "SSL_CERT_FILE",
    ),
    "apt": (
        "RUN apt-get update",
        (
            "Err:1 https://x x InRelease\n  SSL connection failed: error:0A86:SSL routines::certificate verify failed "
            "/ Success\nW: Failed to fetch x  SSL connection failed: error:0A86:SSL routines::certificate verify "
            "failed / Success\nW: Some index files failed to download."
        ),
        None,
    ),
    "apt of bookworm": (
        "RUN apt-get update",
        (
            "E: Failed to fetch https://x  Certificate verification failed: The certificate is NOT trusted. The "
            "certificate issuer is unknown.  Could not handshake: Error in the certificate verification."
        ),
        None,
    ),
    "apk": (
        "RUN apk add curl",
        (
            "281473347669064:error:1416F086:SSL routines:tls_process_server_certificate:certificate verify failed:ssl/"
            "statem/statem_clnt.c:1919:\nWARNING: Ignoring https://x/alpine/v3.16/main: Permission denied"
        ),
        None,
    ),
    "wget": (
        "RUN wget https://x",
        "ERROR: The certificate of \u2018x\u2019 doesn't have a known issuer.",
        None,
    ),
    "uv": (
        "RUN pip install uv && uv sync",
        (
            "error: Request failed after 3 retries\n  Caused by: client error (Connect)\n"
            "  Caused by: invalid peer certificate: UnknownIssuer"
        ),
        "SSL_CERT_FILE",
    ),
    "poetry": ("RUN pip install poetry && poetry install", PYTHON, "REQUESTS_CA_BUNDLE"),
    "pip of a URL": ("RUN python3 -m venv v && python3 -m pip install https://x", PYTHON, "PIP_CERT"),
    "python": ("RUN python3 download.py", PYTHON, "SSL_CERT_FILE=/run/secrets/ca REQUESTS_CA_BUNDLE"),
    "the tool": ("RUN ./build.sh", f"boom: {CHAIN}", "SSL_CERT_FILE=/run/secrets/ca REQUESTS_CA_BUNDLE"),
}


@pytest.mark.parametrize("name", FAILED)
def test_advice(name: str) -> None:
    """The advice names the tool and the secret, and shows the lines with the variable that this tool reads."""
    instruction, printed, variable = FAILED[name]
    tool = name.removesuffix(" today").removesuffix(" of old").removesuffix(" of bookworm").removesuffix(" of a URL")
    advice = find_advice(instruction, printed.splitlines())
    assert advice is not None
    assert advice.startswith(f"{tool.capitalize()} does not trust that certificate")
    assert "The build secret `ca`" in advice
    assert "\n" not in advice
    if tool == "apt":
        assert (
            "`RUN --mount=type=secret,id=ca,mode=0444 \\` and `if [ -s /run/secrets/ca ]; then export APT_CONFIG"
            in advice
        )
    elif variable:
        assert "`RUN --mount=type=secret,id=ca \\` and `if [ -s /run/secrets/ca ]; then export " in advice
        assert f"export {variable}=/run/secrets/ca" in advice
    else:
        assert "`RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \\`" in advice


@pytest.mark.parametrize(
    "printed",
    [
        "ERROR: No matching distribution found for six",
        "curl: (60) SSL certificate problem: certificate has expired",
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired",
        "certificate verify failed: Hostname mismatch, certificate is not valid for 'x'. (_ssl.c:1029)",
        "certificate verify failed: IP address mismatch, certificate is not valid for '::1'.",
        "x509: certificate is valid for a, not b",
        "curl: (6) Could not resolve host: a.example",
        "Setting up ca-certificates (20250419) ...",
        "",
    ],
)
def test_other_failures(printed: str) -> None:
    """What fails for another reason, or for a certificate that no bundle mends, has no such advice."""
    assert find_advice("RUN pip install six", printed.splitlines()) is None


def test_step_with_the_secret() -> None:
    """Where a step mounts the secret already, the advice names the bundle and the tool's variable."""
    advice = find_advice("RUN --mount=type=secret,id=ca pip install six", PIP.splitlines())
    assert advice is not None
    assert "although the step has the build secret `ca`" in advice
    assert "PIP_CERT" in advice
    assert "begin the step" not in advice


def test_what_the_engine_fetches() -> None:
    """No secret helps the engine itself, which fetches what ADD names."""
    advice = find_advice("ADD https://x /", ['Get "https://x": x509: certificate signed by unknown authority'])
    assert advice is not None
    assert "engine's machine" in advice
    assert "`ca`" not in advice


@pytest.mark.parametrize("tool", ["pip", "apt", "wget", "nothing known"])
def test_lines_are_a_shell_script(tool: str) -> None:
    """In a shell, the lines and what follows them are one command, whether the secret is there or not."""
    first, *rest = list_lines(tool)
    assert first.startswith("RUN --mount=type=secret,id=ca")
    script = "\n".join([*rest, "echo done"])
    assert subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True).stdout == "done\n"
