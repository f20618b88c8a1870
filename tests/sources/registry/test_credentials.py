"""Logins out of a real config.json, and out of real programs that it names."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weighbridge.errors import UnreadableImage
from weighbridge.sources.registry import credentials
from weighbridge.sources.registry.credentials import Login, find

SECRET = "geheim:4711"  # noqa: S105 - a test's
AUTH = {"auth": base64.b64encode(f"user:{SECRET}".encode()).decode()}
LOGIN = Login(user="user", password=SECRET)
HUB = "docker.io"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder of Docker's configuration, which is also the only one with programs in it."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def write(folder: Path, config: Any) -> None:
    """Write a config.json."""
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def program(folder: Path, name: str, script: str) -> None:
    """Write a credential helper; all it has is what the shell itself can do."""
    file = folder / f"docker-credential-{name}"
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)


def answering(folder: Path, name: str, host: str, user: str = "user") -> None:
    """Write a helper that knows one host."""
    answer = json.dumps({"ServerURL": host, "Username": user, "Secret": SECRET})
    program(
        folder,
        name,
        f"""read host; if [ "$1 $host" = "get {host}" ]; then echo '{answer}'; exit; fi
        echo credentials not found in native keychain; exit 1""",
    )


def test_nothing_there(folder: Path) -> None:
    """Without a file, or in a file that knows nothing, there is no login."""
    assert find("host") is None
    configs: tuple[Any, ...] = (
        {},
        {"auths": None},
        {"auths": {}},
        {"auths": {"host": {}}},
        {"auths": {"other": AUTH}},
        {"x": 1},
    )
    for config in configs:
        write(folder, config)
        assert find("host") is None


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("host:5000", "host:5000"),
        ("https://host:5000", "host:5000"),
        ("http://host:5000/v1/", "host:5000"),
        ("https://index.docker.io/v1/", HUB),
        ("docker.io", HUB),
        ("registry-1.docker.io", HUB),
    ],
)
def test_key_may_be_a_url(key: str, host: str, folder: Path) -> None:
    """Old entries are URLs, and Docker Hub has a name of its own."""
    write(folder, {"auths": {"host": {}, key: AUTH}})
    assert find(host) == LOGIN
    assert find("host:5001") is None


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (AUTH, LOGIN),
        ({"username": "user", "password": SECRET}, LOGIN),
        ({"auth": base64.b64encode(f"user:{SECRET}\0\0".encode()).decode()}, LOGIN),
        ({"auth": base64.b64encode("é:ü".encode()).decode()}, Login(user="é", password="ü")),  # noqa: S106
        ({**AUTH, "identitytoken": "t"}, Login(user="user", password=SECRET, identity_token="t")),  # noqa: S106
        ({"identitytoken": "t"}, Login(identity_token="t")),  # noqa: S106
        ({"auth": ""}, None),
    ],
)
def test_entry(entry: dict[str, str], expected: Login | None, folder: Path) -> None:
    """A login is written in one of four ways, and a password may have a colon."""
    write(folder, {"auths": {"host": entry}})
    assert find("host") == expected


def test_file_of_the_home_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no variable says otherwise, the file is where Docker has it."""
    monkeypatch.delenv("DOCKER_CONFIG")
    monkeypatch.setenv("HOME", str(folder))
    (folder / ".docker").mkdir()
    write(folder / ".docker", {"auths": {"host": AUTH}})
    assert find("host") == LOGIN


def test_password_is_not_shown() -> None:
    """A login that gets into a log tells no secret."""
    assert SECRET not in repr(Login(user="user", password=SECRET, identity_token=SECRET))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"auths": 5}', '{"auths": {"host": {"auth": 5}}}', '{"auths": {"host": {"auth": "geheim:4711"}}}',
     '{"auths": {"host": {"auth": "/w=="}}}', '{"credsStore": "../x"}', '{"credsStore": "a b"}'],
)  # fmt: skip
def test_damaged_file(text: str, folder: Path) -> None:
    """The error for a damaged file has its name and what to do, but nothing of its content."""
    (folder / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableImage, match=r"config\.json is damaged") as caught:
        find("host")
    assert "docker login host" in caught.value.advice
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None or "geheim" not in str(caught.value.__cause__)


def test_file_that_is_no_file(folder: Path) -> None:
    """The error for a file that cannot be read has the system's reason."""
    (folder / "config.json").mkdir()
    with pytest.raises(UnreadableImage, match=r"config\.json cannot be read: Is a directory"):
        find("host")


def test_program_of_the_host_before_the_one_for_all(folder: Path) -> None:
    """`credHelpers` comes before `credsStore`, and both come before the file."""
    answering(folder, "own", "host", "own")
    answering(folder, "all", "host", "all")
    config: dict[str, Any] = {"auths": {"host": AUTH}, "credsStore": "all", "credHelpers": {"host": "own"}}
    write(folder, config)
    assert find("host") == Login(user="own", password=SECRET)
    write(folder, config | {"credHelpers": {"other": "own"}})
    assert find("host") == Login(user="all", password=SECRET)


def test_program_without_an_answer(folder: Path) -> None:
    """What a program does not know, the file may; and if not, there is no login, which is no error."""
    answering(folder, "all", "other")
    write(folder, {"auths": {"host": AUTH}, "credsStore": "all"})
    assert find("host") == LOGIN
    write(folder, {"credsStore": "all"})
    assert find("host") is None


def test_program_is_asked_for_docker_hub_by_its_old_name(folder: Path) -> None:
    """Docker Hub's logins are kept under a URL."""
    answering(folder, "all", "https://index.docker.io/v1/")
    write(folder, {"credsStore": "all"})
    assert find(HUB) == LOGIN


def test_program_with_an_identity_token(folder: Path) -> None:
    """The user `<token>` means that the secret is an identity token."""
    answering(folder, "all", "host", "<token>")
    write(folder, {"credsStore": "all"})
    assert find("host") == Login(identity_token=SECRET)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (f"echo {SECRET}; echo {SECRET} >&2; exit 3", "docker-credential-all failed with exit code 3"),
        (f"echo {SECRET}", "What docker-credential-all answers is damaged: the whole document: Invalid JSON"),
        ("echo '{\"Username\": 5}'", "What docker-credential-all answers is damaged: Username"),
        ("while :; do :; done", "docker-credential-all did not answer within 0.2 s"),
    ],
)
def test_program_that_fails(script: str, message: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that fails, prints something else or never ends is named; what it printed may be secret."""
    monkeypatch.setattr(credentials, "HELPER_SECONDS", 0.2)
    program(folder, "all", script)
    write(folder, {"credsStore": "all"})
    with pytest.raises(UnreadableImage, match=message) as caught:
        find("host")
    assert caught.value.advice == "Run it as `echo host | docker-credential-all get`, or run `docker login host` again."
    assert SECRET not in str(caught.value)


def test_program_that_is_not_there(folder: Path) -> None:
    """If config.json names a program that is missing, as after Docker Desktop was removed, the error says so."""
    write(folder, {"credsStore": "desktop"})
    with pytest.raises(
        UnreadableImage, match=r"docker-credential-desktop, which .* cannot be started: No such file"
    ) as caught:
        find("host")
    assert caught.value.advice == "Install it, or remove its name from config.json."


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.binary(max_size=200) | st.recursive(
    st.none() | st.integers() | st.text(max_size=9),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(
        st.sampled_from(["auths", "host", "auth", "username", "password", "identitytoken", "x"]), each, max_size=4),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_file(text: bytes, folder: Path) -> None:
    """Any file gives a login, or none, or our error."""
    (folder / "config.json").write_bytes(text)
    try:
        assert isinstance(find("host"), Login | None)
    except UnreadableImage as error:
        assert str(error).isprintable()  # noqa: PT017 - either is right


def test_file_is_not_waited_for(folder: Path) -> None:
    """A FIFO has no writer, and is an error at once; so is a file that is too long."""
    os.mkfifo(folder / "config.json")
    with pytest.raises(UnreadableImage, match=r"config[.]json cannot be read: it is not a regular file[.] Make it "):
        find("host")
    (folder / "config.json").unlink()
    with (folder / "config.json").open("wb") as file:
        file.truncate(2**20 + 1)
    with pytest.raises(UnreadableImage, match=r"config[.]json cannot be read: it is longer than 1048576 bytes[.]"):
        find("host")
