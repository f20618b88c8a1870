"""What `multi` promises, looked at in the image itself: its config, its files, its layers."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from weighbridge import bases, builder, clients
from weighbridge.engine import Engine
from weighbridge.errors import EngineError

pytestmark = pytest.mark.engine

PROJECT = Path(__file__).parents[2]
REFERENCE = "weighbridge-test-image:multi"
CANARY = "canary-of-a-certificate-that-must-not-ship"


@pytest.fixture(scope="module")
def client() -> clients.BuildClient:
    """A client that can build."""
    try:
        return clients.find()
    except EngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def python(python_base: bases.BaseImage) -> str:
    """Return the name of the Python base image that is there."""
    return python_base.reference


@pytest.fixture(scope="module")
def image(engine: Engine, client: clients.BuildClient, python: str) -> Iterator[str]:
    """The project's own image, the default target of the Dockerfile, under a name of this test."""
    wanted = builder.Build(
        variant="multi",
        reference=REFERENCE,
        context=PROJECT,
        dockerfile=PROJECT / "Dockerfile",
        arguments={"PYTHON_IMAGE": python, "REVISION": "abc123"},
    )
    builder.build(client, engine, wanted)
    yield REFERENCE
    engine.remove_image(REFERENCE)


@pytest.fixture(scope="module")
def config(engine: Engine, client: clients.BuildClient, image: str) -> dict[str, Any]:
    """The image's config as the engine shows it."""
    shown = docker(client, engine, "image", "inspect", image)
    loaded: dict[str, Any] = json.loads(shown)[0]["Config"]
    return loaded


def docker(client: clients.BuildClient, engine: Engine, *words: str) -> str:
    """Run the client on the engine and return what it prints."""
    done = subprocess.run(
        [client.path, *words], env=dict(client.environment(engine.host)), capture_output=True, text=True, check=True
    )
    return done.stdout


def run_python(client: clients.BuildClient, engine: Engine, image: str, source: str) -> Any:
    """Run Python in the image, hardened as smoke runs it, and return the JSON that it prints."""
    hardened = ["--rm", "--read-only", "--cap-drop=ALL", "--network=none", "--tmpfs=/tmp"]
    return json.loads(docker(client, engine, "run", *hardened, image, "python", "-c", source))


def test_multi_is_the_default_target(config: dict[str, Any]) -> None:
    """A plain build gives the image that ships: numeric user, exec-form command, health check, labels."""
    assert config["User"] == "10001:10001"
    assert config["Cmd"][:2] == ["uvicorn", "backend.main:app"]
    assert config["Healthcheck"]["Test"] == ["CMD", "python", "-I", "-S", "/app/backend/health.py"]
    assert config["Labels"]["org.opencontainers.image.revision"] == "abc123"
    assert config["Labels"]["weighbridge"] == "image"


def test_base_is_named(config: dict[str, Any], python: str) -> None:
    """The label says what the image stands on, stand-in or official."""
    assert config["Labels"]["org.opencontainers.image.base.name"] == python


def test_nothing_is_compiled_at_start(engine: Engine, client: clients.BuildClient, image: str) -> None:
    """Every module that the two roles import has its bytecode in the image, of the kind that no file time can spoil."""
    source = """
import json, sys, importlib.util
import backend.main, backend.worker
missing, timed = [], []
for module in list(sys.modules.values()):
    path = getattr(module, "__file__", None) or ""
    if not path.endswith(".py") or path.startswith("<"):
        continue
    try:
        header = open(importlib.util.cache_from_source(path), "rb").read(8)
    except FileNotFoundError:
        missing.append(path)
    else:
        if int.from_bytes(header[4:8], "little") != 1:  # PEP 552: 1 is hash-based and unchecked
            timed.append(path)
print(json.dumps([missing, timed]))
"""

    assert run_python(client, engine, image, source) == [[], []]


def test_application_cannot_change_itself(engine: Engine, client: clients.BuildClient, image: str) -> None:
    """No file of the code, the environment or the interpreter is the user's own or writable by it."""
    source = """
import json, os
found = []
for top in ("/app", "/venv", "/usr", "/etc"):
    for folder, folders, files in os.walk(top):
        for name in [folder, *(os.path.join(folder, each) for each in files)]:
            facts = os.lstat(name)
            link = os.path.islink(name)
            if not link and (facts.st_uid == 10001 or facts.st_mode & 0o002 or facts.st_mode & 0o6000):
                found.append(name)
print(json.dumps(sorted(set(found))))
"""

    assert run_python(client, engine, image, source) == []


def test_no_build_tool_ships(engine: Engine, client: clients.BuildClient, image: str) -> None:
    """The runtime has no compiler, no header of a library, and no package manager of Python's in the environment."""
    source = """
import json, os, shutil
names = ["gcc", "cc", "ld", "strip", "pg_config", "cython"]
paths = ["/venv/bin/pip", "/usr/include/postgresql", "/app/backend/bake.py", "/app/backend/requirements.txt"]
print(json.dumps([n for n in names if shutil.which(n)] + [p for p in paths if os.path.exists(p)]))
"""

    assert run_python(client, engine, image, source) == []


def test_compiled_database_driver_is_used(engine: Engine, client: clients.BuildClient, image: str) -> None:
    """The driver psycopg runs on its C part, against the libpq of the image."""
    source = "import json, psycopg; print(json.dumps([psycopg.pq.__impl__, psycopg.pq.version() > 150000]))"

    assert run_python(client, engine, image, source) == ["c", True]


def test_nothing_of_the_host_leaks_in(
    engine: Engine, client: clients.BuildClient, python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the host's certificates nor a stray file of the context is in any layer, deleted ones included."""
    project, bundle = tmp_path / "project", tmp_path / "bundle.crt"
    stray = ["backend/.env", "backend/secret.txt", "backend/__pycache__/x.pyc", ".git/config", ".env", "id_rsa"]
    for name in ("backend", "weighbridge"):
        shutil.copytree(PROJECT / name, project / name)
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copy(PROJECT / name, project / name)
    for name in stray:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(CANARY)
    # One small package, so that pip really runs with the secret and not from the cache of an earlier build.
    lock = (PROJECT / "backend/requirements.txt").read_text(encoding="utf-8")
    package = re.search(r"^six==.*?(?=^\w)", lock, re.MULTILINE | re.DOTALL)
    assert package
    for name in ("requirements.txt", "requirements-build.txt"):
        (project / "backend" / name).write_text(f"# {tmp_path}\n{package[0]}", encoding="utf-8")
    real = builder.certificates()
    bundle.write_text(f"{real.read_text() if real else ''}\n# {CANARY}\n")
    monkeypatch.setenv("PIP_CERT", str(bundle))
    reference = "weighbridge-test-image:leak"
    wanted = builder.Build(
        variant="single",
        reference=reference,
        context=project,
        dockerfile=project / "Dockerfile",
        target="single",
        arguments={"PYTHON_IMAGE": python},
    )
    try:
        steps = builder.build(client, engine, wanted).steps
        with engine.save([reference]) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            held = [member.name for member in archive if member.isreg() and holds_canary(archive, member)]
    finally:
        engine.remove_image(reference)

    assert [step.state for step in steps if "/run/secrets/ca" in step.name] == ["done"]
    assert builder.certificates() == bundle
    assert held == []


def holds_canary(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bool:
    """Tell whether a member's bytes, unpacked where they are compressed, hold the canary."""
    file = archive.extractfile(member)
    assert file
    content = file.read()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return CANARY.encode() in content
