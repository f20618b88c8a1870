"""Which Docker client is chosen, tried on programs that answer like the real ones."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from weighbridge.engine import docker_cli
from weighbridge.engine.docker_cli import BuildClient, find
from weighbridge.errors import NoBuilder
from weighbridge.model.platform import parse

BUILDX = "github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3"
NO_BUILDX = """echo "docker: 'buildx' is not a docker command." >&2; exit 1"""
# 20.10 prints its help instead, on standard output and without an error.
HELP = 'printf "\\nUsage:  docker [OPTIONS] COMMAND\\n\\nTo get more help, see https://docs.docker.com/go/guides/\\n"'


@pytest.fixture(autouse=True)
def nobody_names_an_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the user's settings."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def install(folder: Path, version: str, buildx: str) -> Path:
    """Write a client that prints its version and runs `buildx` when asked for that plug-in's; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "docker"
    path.write_text(
        f"#!/bin/sh\n"
        f'if [ "$1" = buildx ]; then {buildx}; exit; fi\n'
        f"printf '{version}\\n'; echo 'Cannot connect to the Docker daemon' >&2; exit 1\n"
    )
    path.chmod(0o755)
    return path


def put_on_path(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """Set PATH to these folders only."""
    monkeypatch.setenv("PATH", ":".join(map(str, folders)))


@pytest.mark.parametrize(
    ("version", "buildx", "expected"),
    [
        ("28.2.2", f"echo {BUILDX}", "0.13.1+ds1"),
        ("28.5.1", "echo github.com/docker/buildx v0.29.1 a32761a", "v0.29.1"),
        ("27.0.3", "echo github.com/docker/buildx v0.15.1-desktop.1 abc", "v0.15.1-desktop.1"),
        ("20.10.24+dfsg1", f"echo {BUILDX}", "0.13.1+ds1"),
        ("20.10.24+dfsg1", NO_BUILDX, None),
        ("20.10.24+dfsg1", HELP, None),
        ("19.03.15", NO_BUILDX, None),
        ("18.09.0", NO_BUILDX, None),
    ],
)
def test_clients_that_fit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, buildx: str, expected: str | None
) -> None:
    """A client with buildx is chosen, and so is an old one with BuildKit built in, even without an engine."""
    path = install(tmp_path / "bin", version, buildx)
    put_on_path(monkeypatch, tmp_path / "bin")
    assert find() == BuildClient(path=path, version=version, buildx=expected.removeprefix("v") if expected else None)


@pytest.mark.parametrize(
    ("version", "buildx"),
    [
        ("28.2.2", NO_BUILDX),
        ("23.0.0", NO_BUILDX),
        ("17.12.1", "echo buildx 1.0"),
        ("4.9.3", "echo buildah 1.33.7"),
        ("", "exit 1"),
        ("garbage \\377", "printf '\\377'"),
    ],
)
def test_clients_that_do_not_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, buildx: str) -> None:
    """The error names a new client without buildx, one that is too old, Podman's, and one that says nothing."""
    path = install(tmp_path / "bin", version, buildx)
    put_on_path(monkeypatch, tmp_path / "bin")
    with pytest.raises(NoBuilder) as caught:
        find()
    assert f"(found: {path} " in str(caught.value)
    assert "docker-buildx" in caught.value.advice
    assert "\n" not in str(caught.value)


def test_nothing_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without any client, the error says `none`."""
    put_on_path(monkeypatch, tmp_path, tmp_path / "missing")
    with pytest.raises(NoBuilder, match=r"^No Docker client can build with BuildKit \(found: none\)"):
        find()


def test_what_is_no_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder, a file without execute permission, and one of another format are skipped."""
    (tmp_path / "folder/docker").mkdir(parents=True)
    install(tmp_path / "closed", "28.0.0", f"echo {BUILDX}").chmod(0o644)
    foreign = install(tmp_path / "foreign", "28.0.0", f"echo {BUILDX}")
    foreign.write_bytes(b"\x7fELF no program")
    good = install(tmp_path / "good", "20.10.5", NO_BUILDX)
    put_on_path(monkeypatch, *(tmp_path / name for name in ("folder", "closed", "foreign", "good")))
    assert find().path == good


def test_client_that_hangs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A client that does not answer is skipped, even if its child keeps its output open."""
    install(tmp_path / "hangs", "28.0.0", "/bin/sleep 60").write_text("#!/bin/sh\n/bin/sleep 60\n")
    good = install(tmp_path / "good", "28.0.0", f"echo {BUILDX}")
    put_on_path(monkeypatch, tmp_path / "hangs", tmp_path / "good")
    monkeypatch.setattr(docker_cli, "_ANSWER_SECONDS", 0.1)
    began = time.monotonic()
    assert find().path == good
    assert time.monotonic() - began < 5


def test_buildx_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A client with buildx is preferred to an older one before it on PATH; of two with buildx, the first is chosen."""
    install(tmp_path / "old", "20.10.5", NO_BUILDX)
    first = install(tmp_path / "first", "26.1.5", f"echo {BUILDX}")
    install(tmp_path / "second", "28.5.1", f"echo {BUILDX}")
    put_on_path(monkeypatch, tmp_path / "old", tmp_path / "first", tmp_path / "second")
    assert find().path == first


def test_one_program_under_two_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A client that PATH reaches twice, as by a link from /bin, is tried once."""
    path = install(tmp_path / "usr/bin", "28.0.0", NO_BUILDX)
    (tmp_path / "bin").symlink_to(tmp_path / "usr/bin")
    put_on_path(monkeypatch, tmp_path / "usr/bin", tmp_path / "bin")
    with pytest.raises(NoBuilder) as caught:
        find()
    assert caught.value.message == f"No Docker client can build with BuildKit (found: {path} 28.0.0)"


OLD = BuildClient(path=Path("/b/docker"), version="20.10.24", buildx=None)
NEW = BuildClient(path=Path("/b/docker"), version="28.0.0", buildx="0.13.1")


def test_words() -> None:
    """Buildx needs an option to load the image into the engine; the old client has none."""
    assert NEW.command == ("/b/docker", "buildx", "build", "--load")
    assert OLD.command == ("/b/docker", "build")
    assert NEW.described == "/b/docker 28.0.0, buildx 0.13.1"
    assert OLD.described == "/b/docker 20.10.24, BuildKit built in"


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the user names no engine, the client gets ours; BuildKit is on, attestations are off."""
    monkeypatch.setenv("OF_THE_USER", "kept")
    for client, builder in ((NEW, "default"), (OLD, None)):
        variables = client.build_environment("unix:///e")
        assert variables["DOCKER_HOST"] == "unix:///e"
        assert variables.get("BUILDX_BUILDER") == builder
        assert variables["DOCKER_BUILDKIT"] == "1"
        assert variables["BUILDX_NO_DEFAULT_ATTESTATIONS"] == "1"
        assert variables["OF_THE_USER"] == "kept"


def test_environment_of_a_named_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """DOCKER_HOST stays as the user wrote it, and goes with buildx's own builder for it."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://named:2376")
    variables = NEW.build_environment("tcp://resolved:2376")
    assert (variables["DOCKER_HOST"], variables["BUILDX_BUILDER"]) == ("tcp://named:2376", "default")


def test_environment_of_a_context(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A context is left to the client, which has its certificates; its builder has the context's name."""
    monkeypatch.setenv("DOCKER_CONTEXT", "remote")
    meta = tmp_path / ".docker/contexts/meta" / hashlib.sha256(b"remote").hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text('{"Endpoints": {"docker": {"Host": "ssh://far"}}}')
    variables = NEW.build_environment("ssh://far")
    assert "DOCKER_HOST" not in variables
    assert variables["BUILDX_BUILDER"] == "remote"


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("Platforms:        linux/amd64, linux/386", ("linux/amd64", "linux/386")),
        (
            "Platforms: linux/amd64*, linux/amd64/v2, linux/arm/v7 (+2)",
            ("linux/amd64", "linux/amd64/v2", "linux/arm/v7"),
        ),
        ("Platforms: linux/amd64\\nName: b\\nPlatforms: linux/arm64, linux/amd64", ("linux/amd64", "linux/arm64")),
        ("Driver: docker", ()),
    ],
)
def test_platforms_of_buildx(tmp_path: Path, printed: str, expected: tuple[str, ...]) -> None:
    """The platforms are those of all nodes in `buildx inspect`, without marks; the first outputs are real."""
    path = install(tmp_path, "28.2.2", f'printf "Name: default\\n{printed}\\n"')
    assert BuildClient(path=path, version="28.2.2", buildx="0.13.1").list_platforms("unix:///x") == tuple(
        map(parse, expected)
    )
    assert BuildClient(path=path, version="20.10", buildx=None).list_platforms("unix:///x") == ()
