"""What `multi` and `minimal` promise, looked at in the images themselves: their config, their files, their layers."""

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

from weighbridge.build import bases, buildkit
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine
from weighbridge.errors import BuildFailed

pytestmark = pytest.mark.engine

PROJECT = Path(__file__).parents[2]
REPOSITORY = "weighbridge-test-image"
CANARY = "canary-of-a-certificate-that-must-not-ship"


@pytest.fixture(scope="module")
def python(python_base: bases.BaseImage) -> str:
    """Return the name of the Python base image that is there."""
    return python_base.reference


@pytest.fixture(scope="module", params=["multi", "minimal"])
def image(
    request: pytest.FixtureRequest, engine: DockerEngine, client: docker_cli.BuildClient, python: str
) -> Iterator[str]:
    """The project's own image under a name of this test: `multi` as the default target, `minimal` by its name."""
    wanted = buildkit.Build(
        variant=request.param,
        reference=f"{REPOSITORY}:{request.param}",
        context=PROJECT,
        dockerfile=PROJECT / "Dockerfile",
        target=None if request.param == "multi" else request.param,
        arguments={"PYTHON_IMAGE": python, "REVISION": "abc123"},
    )
    buildkit.build(client, engine, wanted)
    yield wanted.reference
    engine.remove_image(wanted.reference)


@pytest.fixture(scope="module")
def config(engine: DockerEngine, client: docker_cli.BuildClient, image: str) -> dict[str, Any]:
    """The image's config as the engine shows it."""
    shown = docker(client, engine, "image", "inspect", image)
    loaded: dict[str, Any] = json.loads(shown)[0]["Config"]
    return loaded


def docker(client: docker_cli.BuildClient, engine: DockerEngine, *words: str) -> str:
    """Run the client on the engine and return what it prints."""
    done = subprocess.run(
        [client.path, *words],
        env=dict(client.build_environment(engine.host)),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def run_python(client: docker_cli.BuildClient, engine: DockerEngine, image: str, source: str) -> Any:
    """Run Python in the image, hardened as smoke runs it, and return the JSON that it prints."""
    hardened = ["--rm", "--read-only", "--cap-drop=ALL", "--network=none", "--tmpfs=/tmp"]
    return json.loads(docker(client, engine, "run", *hardened, image, "python", "-c", source))


@pytest.fixture(scope="module")
def files(engine: DockerEngine, client: docker_cli.BuildClient, image: str) -> dict[str, tarfile.TarInfo]:
    """All that a container of the image sees, by its path."""
    name = docker(client, engine, "create", image).strip()
    try:
        words, environment = [str(client.path), "export", name], dict(client.build_environment(engine.host))
        with (
            subprocess.Popen(words, env=environment, stdout=subprocess.PIPE) as process,
            tarfile.open(fileobj=process.stdout, mode="r|") as archive,
        ):
            return {member.name: member for member in archive}
    finally:
        docker(client, engine, "rm", name)


def test_config(config: dict[str, Any], image: str) -> None:
    """Numeric user, exec-form command, health check, labels; a plain build gives the image that ships."""
    assert config["User"] == "10001:10001"
    assert config["Cmd"][:2] == ["uvicorn", "backend.main:app"]
    assert config["Healthcheck"]["Test"] == ["CMD", "python", "-I", "-S", "/app/backend/health.pyc"]
    assert "WEIGHBRIDGE_REVISION=abc123" in config["Env"]
    assert config["Labels"]["weighbridge"] == "image"
    assert ("/usr/bin" in config["Env"][0]) == image.endswith(":multi")


def test_base_is_named(config: dict[str, Any], python: str, image: str) -> None:
    """The label says what the image stands on: the base, stand-in or official; or that it is nothing."""
    names = "org.opencontainers.image.base.name", "weighbridge.base"
    expected = [python, None] if image.endswith(":multi") else [None, "scratch"]
    assert [config["Labels"].get(name) for name in names] == expected


def test_migrations_run_in_the_image(engine: DockerEngine, client: docker_cli.BuildClient, image: str) -> None:
    """Alembic finds them as bytecode, and nothing that it needs was left out: from an empty database to the newest."""
    source = """
import json
from sqlalchemy import create_engine
from backend.upgrading import upgrade
from backend.tables import VERSION
with create_engine("sqlite://").connect() as connection:
    upgrade(connection, None)
    print(json.dumps(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == VERSION))
"""

    assert run_python(client, engine, image, source) is True


def test_nothing_is_compiled_at_start(engine: DockerEngine, client: docker_cli.BuildClient, image: str) -> None:
    """Every module that the two roles import has its bytecode in the image, of the kind that no file time can spoil."""
    source = """
import json, sys, importlib.util
import backend.application, backend.main, backend.worker
missing, timed, count = [], [], 0
for module in list(sys.modules.values()):
    path = getattr(module, "__file__", None) or ""
    frozen = getattr(module.__spec__, "origin", "") == "frozen"
    if frozen or not path.endswith((".py", ".pyc")) or path.startswith("<"):
        continue
    count += 1
    try:
        header = open(path if path.endswith("c") else importlib.util.cache_from_source(path), "rb").read(8)
    except FileNotFoundError:
        missing.append(path)
    else:
        if int.from_bytes(header[4:8], "little") != 1:  # PEP 552: 1 is hash-based and unchecked
            timed.append(path)
print(json.dumps([missing, timed, count > 500]))
"""

    assert run_python(client, engine, image, source) == [[], [], True]


def test_no_program_changes_its_user(files: dict[str, tarfile.TarInfo]) -> None:
    """No file has a setuid or setgid bit."""
    assert [name for name, member in files.items() if member.isreg() and member.mode & 0o6000] == []


def test_what_minimal_does_without(files: dict[str, tarfile.TarInfo], image: str) -> None:
    """No shell, no package manager, no source of Python; but a record of Debian's packages, for scanners."""
    programs = {"sh", "bash", "dash", "busybox", "apt", "apt-get", "dpkg", "perl", "pip", "pip3", "env", "cat", "ls"}
    there = {name.rpartition("/")[2] for name, member in files.items() if not member.isdir()} & programs
    sources = [name for name in files if name.endswith(".py") and name.startswith(("venv/", "usr/"))]
    stanzas = [name for name in files if name.startswith("var/lib/dpkg/status.d/lib") and "." not in name[-9:]]
    if image.endswith(":minimal"):
        assert (there, sources) == (set(), [])
        assert len(stanzas) > 10
    else:
        assert {"sh", "apt"} <= there


def test_every_library_is_there(engine: DockerEngine, client: docker_cli.BuildClient, image: str) -> None:
    """The loader finds all that any program or extension module needs."""
    source = """
import glob, json, os, subprocess
loader, = glob.glob("/lib*/ld-linux-*.so.*")[:1]
asked, missing = 0, []
for top in ("/venv", "/usr/lib", "/usr/local", "/usr/bin"):
    for folder, _, names in os.walk(top):
        for path in (os.path.join(folder, name) for name in names):
            own = os.path.islink(path) or path.endswith(os.path.basename(loader))
            if own or open(path, "rb").read(4) != b"\\x7fELF":
                continue
            told = subprocess.run([loader, "--list", path], capture_output=True, text=True)
            asked += 1
            if "not found" in told.stdout + told.stderr:
                missing.append(path)
print(json.dumps([asked > 50, missing]))
"""

    assert run_python(client, engine, image, source) == [True, []]


def test_what_the_roles_stand_on(engine: DockerEngine, client: docker_cli.BuildClient, image: str) -> None:
    """Time zones, the outside's certificates, the event loop, threads, names of users and hosts, all in the image."""
    source = """
import asyncio, json, os, pwd, socket, ssl, threading, uvloop, zoneinfo
from datetime import datetime
summer = datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")).utcoffset().seconds
trusted = ssl.create_default_context().get_ca_certs()
async def loop(): return type(asyncio.get_running_loop()).__module__
thread = threading.Thread(target=print, args=[""], kwargs={"end": ""})
thread.start(), thread.join()
print(json.dumps([summer, len(trusted) > 100, uvloop.run(loop()), pwd.getpwuid(os.getuid()).pw_name,
                  socket.gethostbyname("localhost")]))
"""

    assert run_python(client, engine, image, source) == [7200, True, "uvloop", "app", "127.0.0.1"]


def test_tls(engine: DockerEngine, client: docker_cli.BuildClient, image: str, tmp_path: Path) -> None:
    """A client in the image speaks TLS with who has a certificate that it trusts, and with nobody else."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*made, *named, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    source = f"""
import json, socket, ssl, threading
pem = {(key.read_text() + certificate.read_text())!r}
open("/tmp/pem", "w").write(pem)
server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
server.load_cert_chain("/tmp/pem")
listening = socket.create_server(("127.0.0.1", 0))
def serve():
    for _ in range(2):
        try:
            server.wrap_socket(listening.accept()[0], server_side=True).sendall(b"hello")
        except ssl.SSLError:
            pass
threading.Thread(target=serve, daemon=True).start()
def ask(context):
    try:
        plain = socket.create_connection(listening.getsockname())
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            return connection.recv(5).decode()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
print(json.dumps([ask(ssl.create_default_context(cadata=pem)), ask(ssl.create_default_context())]))
"""

    assert run_python(client, engine, image, source) == ["hello", "self-signed certificate"]


@pytest.mark.services
def test_postgresql(engine: DockerEngine, client: docker_cli.BuildClient, image: str, postgres_url: str) -> None:
    """The driver in the image speaks with a real server."""
    url = postgres_url.replace("+psycopg", "")
    source = f"import json, psycopg; print(json.dumps(psycopg.connect({url!r}).execute('SELECT 40 + 2').fetchone()))"
    hardened = ["--rm", "--read-only", "--cap-drop=ALL", "--network=host", "--tmpfs=/tmp"]

    assert json.loads(docker(client, engine, "run", *hardened, image, "python", "-c", source)) == [42]


def test_health_check_costs_little(engine: DockerEngine, client: docker_cli.BuildClient, image: str) -> None:
    """One check takes less than 50 ms of a processor: it runs every few seconds in every container."""
    source = """
import json, os, subprocess
words = ["python", "-I", "-S", "/app/backend/health.pyc"]
assert "api: port 8000" in subprocess.run(words, capture_output=True, text=True).stdout
before = os.times()
for _ in range(5):
    subprocess.run(words, stdout=subprocess.DEVNULL)
after = os.times()
print(json.dumps((after.children_user + after.children_system - before.children_user - before.children_system) / 5))
"""
    told = docker(client, engine, "run", "--rm", "--read-only", "--network=none", image, "python", "-c", source)

    assert json.loads(told.splitlines()[-1]) < 0.05


def test_application_cannot_change_itself(engine: DockerEngine, client: docker_cli.BuildClient, image: str) -> None:
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


def test_no_build_tool_ships(engine: DockerEngine, client: docker_cli.BuildClient, image: str) -> None:
    """The runtime has no compiler, no header of a library, and no package manager of Python's in the environment."""
    source = """
import json, os, shutil
names = ["gcc", "cc", "ld", "strip", "pg_config", "cython"]
paths = ["/venv/bin/pip", "/usr/include/postgresql", "/app/backend/image", "/app/backend/requirements.txt"]
paths += ["/out-venv", "/out-app", "/build"]
print(json.dumps([n for n in names if shutil.which(n)] + [p for p in paths if os.path.exists(p)]))
"""

    assert run_python(client, engine, image, source) == []


def test_compiled_database_driver_is_used(engine: DockerEngine, client: docker_cli.BuildClient, image: str) -> None:
    """The driver psycopg runs on its C part, against the libpq of the image."""
    source = "import json, psycopg; print(json.dumps([psycopg.pq.__impl__, psycopg.pq.version() > 150000]))"

    assert run_python(client, engine, image, source) == ["c", True]


_SENDS_TRACES = """
import json, os
from importlib.util import find_spec
from backend import tracing
os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:1"
tracing.start("api")
carried = tracing.carry()
tracing.begin_job("backend.compare", {}, "an-id")
print(json.dumps([find_spec("opentelemetry.sdk") is not None, carried, sorted(tracing.carry())]))
"""


def test_no_traces_by_default(engine: DockerEngine, client: docker_cli.BuildClient, image: str) -> None:
    """The images that ship have nothing of the extra, and run without it though its variable is set."""
    assert run_python(client, engine, image, _SENDS_TRACES) == [False, {}, []]


@pytest.mark.slow
def test_traces_by_a_build_argument(engine: DockerEngine, client: docker_cli.BuildClient, python: str) -> None:
    """Built with TRACING=1, the smallest image has all that sends traces: nothing of it was left out."""
    wanted = buildkit.Build(
        variant="minimal",
        reference=f"{REPOSITORY}:tracing",
        context=PROJECT,
        dockerfile=PROJECT / "Dockerfile",
        target="minimal",
        arguments={"PYTHON_IMAGE": python, "TRACING": "1"},
    )
    buildkit.build(client, engine, wanted)
    try:
        assert run_python(client, engine, wanted.reference, _SENDS_TRACES) == [True, {}, ["traceparent"]]
    finally:
        engine.remove_image(wanted.reference)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "written", "instead"),
    [
        ("multi", "--no-install-recommends libpq5 ", "--no-install-recommends netbase "),
        (
            "minimal",
            "&& /venv/bin/python -m image.rootfs",
            "&& rm /usr/lib/*/libpq.so.5* && /venv/bin/python -m image.rootfs",
        ),
    ],
)
def test_missing_library_fails_the_build(
    engine: DockerEngine,
    client: docker_cli.BuildClient,
    python: str,
    tmp_path: Path,
    *,
    target: str,
    written: str,
    instead: str,
) -> None:
    """What an extension module needs and the result would lack ends the build, and is named."""
    text = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    assert text.count(written) == 1
    (tmp_path / "Dockerfile").write_text(text.replace(written, instead), encoding="utf-8")
    wanted = buildkit.Build(
        variant=target,
        reference=f"{REPOSITORY}:lacking",
        context=PROJECT,
        dockerfile=tmp_path / "Dockerfile",
        target=target,
        arguments={"PYTHON_IMAGE": python},
    )
    with pytest.raises(BuildFailed) as caught:
        buildkit.build(client, engine, wanted)
    assert "libpq.so.5" in caught.value.detail


def test_nothing_of_the_host_leaks_in(
    engine: DockerEngine, client: docker_cli.BuildClient, python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    real = buildkit.find_certificates()
    bundle.write_text(f"{real.read_text() if real else ''}\n# {CANARY}\n")
    monkeypatch.setenv("PIP_CERT", str(bundle))
    reference = "weighbridge-test-image:leak"
    wanted = buildkit.Build(
        variant="single",
        reference=reference,
        context=project,
        dockerfile=project / "Dockerfile",
        target="single",
        arguments={"PYTHON_IMAGE": python},
    )
    try:
        steps = buildkit.build(client, engine, wanted).steps
        with engine.save([reference]) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            held = [member.name for member in archive if member.isreg() and holds_canary(archive, member)]
    finally:
        engine.remove_image(reference)

    assert [step.state for step in steps if "/run/secrets/ca" in step.name] == ["done"]
    assert buildkit.find_certificates() == bundle
    assert held == []


def holds_canary(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bool:
    """Tell whether a member's bytes, unpacked where they are compressed, hold the canary."""
    file = archive.extractfile(member)
    assert file
    content = file.read()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return CANARY.encode() in content
