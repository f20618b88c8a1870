"""A build behind a server whose authority only this machine knows: the advice, taken word for word, mends it."""

from __future__ import annotations

import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.live.conftest import Project

pytestmark = pytest.mark.engine

SERVER = """
import http.server, ssl
server = http.server.HTTPServer(("localhost", 8443), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
WHEEL = "thing-1-py3-none-any.whl"
URL = f"https://localhost:8443/{WHEEL}"


def write_server(project: Project) -> Path:
    """Write a server with a wheel, and return the authority that vouches for it."""
    folder = project.folder
    certificate = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "key"), "-out", str(folder / "ca")]
    subprocess.run(["openssl", "req", "-x509", *certificate, *names, *files], check=True, capture_output=True)
    project.write("server.pem", (folder / "key").read_text() + (folder / "ca").read_text())
    project.write("server.py", SERVER)
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        wheel.writestr("thing.py", "")
        wheel.writestr("thing-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1\n")
        wheel.writestr("thing-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("thing-1.dist-info/RECORD", "")
    return folder / "ca"


def test_advice_mends_the_build(project: Project) -> None:
    """The error names the secret; with the lines that it shows in front of the step, the same build succeeds."""
    bundle = {"PIP_CERT": "", "REQUESTS_CA_BUNDLE": "", "SSL_CERT_FILE": str(write_server(project))}
    project.configure({"a": {}})
    head = f"ARG PYTHON_IMAGE\nFROM ${{PYTHON_IMAGE}}\nWORKDIR /srv\nCOPY server.* {WHEEL} /srv/\n"
    step = f"python3 server.py & sleep 1; python3 -m pip install --retries 0 --no-cache-dir {URL}\n"
    project.write("Dockerfile", f"{head}RUN {step}")
    error = project.invoke("build", **bundle).failure(5)
    assert " failed: exit code 1. Pip does not trust that certificate" in error
    assert "The build secret `ca`" in error
    lines = re.findall(r"`([^`]+\\)`", error)
    assert len(lines) == 2
    project.write("Dockerfile", "\n".join([f"{head}{lines[0]}", *lines[1:], step]))
    done = project.invoke("build", **bundle)
    assert done.code == 0, done.stderr
