"""Where we look for an engine: where Docker's own tools do, and never silently elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from weighbridge.engine.endpoint import Place, find_named, list_own
from weighbridge.errors import NoEngine, SettingsError


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the client's empty configuration."""
    for name in (
        "DOCKER_HOST",
        "DOCKER_CONTEXT",
        "DOCKER_CONFIG",
        "DOCKER_TLS",
        "DOCKER_TLS_VERIFY",
        "DOCKER_CERT_PATH",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path / ".docker"


def make_context(folder: Path, name: str, meta: Any) -> Path:
    """Write a context as `docker context create` does, and return the folder of its certificates."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    path = folder / "contexts/meta" / digest / "meta.json"
    path.parent.mkdir(parents=True)
    path.write_text(meta if isinstance(meta, str) else json.dumps(meta))
    return folder / "contexts/tls" / digest / "docker"


REMOTE = {"Name": "remote", "Metadata": {}, "Endpoints": {"docker": {"Host": "tcp://10.0.0.1:2376"}}}


def test_nobody_names_one(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """An empty variable, a configuration that is no JSON, and the context `default` do not name an engine."""
    assert find_named() is None
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.setenv(name, "")
    folder.mkdir()
    for text in ("{}", "[]", "no JSON", '{"currentContext": ""}', '{"currentContext": "default"}'):
        (folder / "config.json").write_text(text)
        assert find_named() is None
    monkeypatch.setenv("DOCKER_CONTEXT", "default")
    (folder / "config.json").write_text('{"currentContext": "nope"}')
    assert find_named() is None


def test_order(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """DOCKER_HOST comes before DOCKER_CONTEXT and this before the current context; each says how to undo it."""
    for name in ("one", "two"):
        make_context(folder, name, {"Endpoints": {"docker": {"Host": f"unix:///{name}"}}})
    (folder / "config.json").write_text('{"currentContext": "one"}')
    undo = "type `docker context use default`"
    assert find_named() == Place(host="unix:///one", context="one", undo=undo)
    monkeypatch.setenv("DOCKER_CONTEXT", "two")
    assert find_named() == Place(host="unix:///two", context="two", undo="unset DOCKER_CONTEXT")
    monkeypatch.setenv("DOCKER_HOST", "tcp://h:1")
    assert find_named() == Place(host="tcp://h:1", undo="unset DOCKER_HOST", verified=False)


def test_other_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """DOCKER_CONFIG moves the contexts, too; the client's config.json need not exist."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "other"))
    monkeypatch.setenv("DOCKER_CONTEXT", "remote")
    make_context(tmp_path / "other", "remote", REMOTE)
    place = find_named()
    assert place
    assert place.host == "tcp://10.0.0.1:2376"


def test_certificates_of_a_context(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The certificates of a context are used, and the engine's is verified unless the context says otherwise."""
    monkeypatch.setenv("DOCKER_CONTEXT", "remote")
    tls = make_context(folder, "remote", REMOTE)
    place = find_named()
    assert place
    assert place.certificates is None
    tls.mkdir(parents=True)
    (tls / "cert.pem").touch()
    place = find_named()
    assert place
    assert (place.certificates, place.verified) == (tls, True)


@pytest.mark.parametrize(
    ("variables", "certificates", "verified"),
    [
        ({}, None, False),
        ({"DOCKER_TLS_VERIFY": "1"}, ".docker", True),
        ({"DOCKER_TLS": "1"}, ".docker", False),
        ({"DOCKER_CERT_PATH": "/c"}, None, False),
        ({"DOCKER_CERT_PATH": "/c", "DOCKER_TLS": "", "DOCKER_TLS_VERIFY": ""}, None, False),
        ({"DOCKER_CERT_PATH": "/c", "DOCKER_TLS": "1"}, "/c", False),
        ({"DOCKER_CERT_PATH": "/c", "DOCKER_TLS_VERIFY": "1"}, "/c", True),
        ({"DOCKER_CERT_PATH": "/c", "DOCKER_TLS_VERIFY": "1", "DOCKER_HOST": "unix:///s"}, None, True),
        ({"DOCKER_CERT_PATH": "/c", "DOCKER_TLS_VERIFY": "1", "DOCKER_HOST": "ssh://h"}, None, True),
    ],
)
def test_certificates_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variables: dict[str, str],
    certificates: str | None,
    *,
    verified: bool,
) -> None:
    """Variables mean what they mean to the client (docker/cli, cli/flags and cli/context/docker).

    DOCKER_TLS or DOCKER_TLS_VERIFY switches TLS on, except over a socket; DOCKER_CERT_PATH only says where files are.
    """
    for name, value in {"DOCKER_HOST": "tcp://h:1", **variables}.items():
        monkeypatch.setenv(name, value)
    place = find_named()
    assert place
    assert place.certificates == (tmp_path / certificates if certificates else None)
    assert place.verified is verified


@pytest.mark.parametrize("setting", ["variable", "configuration"])
def test_unknown_context(monkeypatch: pytest.MonkeyPatch, folder: Path, setting: str) -> None:
    """A context that does not exist is an error that names it, wherever it is set."""
    if setting == "variable":
        monkeypatch.setenv("DOCKER_CONTEXT", "nope")
    else:
        folder.mkdir()
        (folder / "config.json").write_text('{"currentContext": "nope"}')
    with pytest.raises(
        NoEngine, match=r"^There is no Docker context nope[.] Choose one that `docker context ls` lists"
    ):
        find_named()


@pytest.mark.parametrize("meta", ["", "no JSON", [], {}, {"Endpoints": {}}, {"Endpoints": {"docker": "x"}}])
def test_damaged_context(monkeypatch: pytest.MonkeyPatch, folder: Path, meta: Any) -> None:
    """A context whose file is damaged, or that has no Docker endpoint, is an error, too."""
    monkeypatch.setenv("DOCKER_CONTEXT", "broken")
    make_context(folder, "broken", meta)
    with pytest.raises(NoEngine, match=r"^The Docker context broken cannot be read[.] Create it again"):
        find_named()


def test_own(tmp_path: Path) -> None:
    """The usual socket comes first; those of rootless Docker and Docker Desktop follow if they exist."""
    assert [place.host for place in list_own()] == ["unix:///var/run/docker.sock"]
    rootless = tmp_path / "run/docker.sock"
    rootless.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(rootless))
        assert [place.host for place in list_own()] == ["unix:///var/run/docker.sock", f"unix://{rootless}"]


@pytest.mark.parametrize(
    "host", ["unix://", "unix:", "unix:/", "unix:///", " unix:// ", "UNIX://", "http+unix://", "unix:////"]
)
def test_socket_without_a_path(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Docker's SDK would take the machine's own engine, which the user did not name; a context is refused, too."""
    monkeypatch.setenv("DOCKER_HOST", host)
    wanted = rf"^DOCKER_HOST is {host.replace('+', '[+]')}, and its socket has no path[.] Write it as unix:///var/run/"
    with pytest.raises(SettingsError, match=wanted):
        find_named()


def test_context_without_a_path(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A context whose socket has no path cannot be read; one without a host is the machine's own engine."""
    monkeypatch.setenv("DOCKER_CONTEXT", "broken")
    make_context(folder, "broken", {"Endpoints": {"docker": {"Host": "unix://"}}})
    with pytest.raises(NoEngine, match=r"^The Docker context broken cannot be read[.]"):
        find_named()
    monkeypatch.setenv("DOCKER_CONTEXT", "own")
    make_context(folder, "own", {"Endpoints": {"docker": {}}})
    place = find_named()
    assert place
    assert place.host == "unix:///var/run/docker.sock"


def test_configuration_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A FIFO in place of config.json or of a context's file does not hold us up; the SDK would wait for ever."""
    folder.mkdir()
    os.mkfifo(folder / "config.json")
    wanted = r"config[.]json cannot be read: it is not a regular file[.] Put a file in its place"
    with pytest.raises(SettingsError, match=wanted):
        find_named()
    monkeypatch.setenv("DOCKER_HOST", "tcp://h:1")
    with pytest.raises(SettingsError, match=wanted):
        find_named()
    monkeypatch.delenv("DOCKER_HOST")
    (folder / "config.json").unlink()
    (folder / "config.json").write_text('{"currentContext": "slow"}')
    make_context(folder, "slow", "")
    path = next((folder / "contexts/meta").rglob("meta.json"))
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(NoEngine, match=r"^The Docker context slow cannot be read[.]"):
        find_named()
    monkeypatch.setenv("DOCKER_CONFIG", "x" * 300)
    assert find_named() is None
