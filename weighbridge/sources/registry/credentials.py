"""Finds the login for a registry where Docker's own tools keep it: in config.json, or in a program that this names.

Format: Docker's command line reference, "docker login", "Credential stores" and "Credential helpers".
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from weighbridge import files
from weighbridge.errors import UnreadableImage
from weighbridge.quoting import quote
from weighbridge.sources.oci.documents import parse_json
from weighbridge.sources.registry.references import DOCKER_HUB, HUB_HOSTS

T = TypeVar("T")

_LONGEST = 2**20
"""The most bytes of a config.json."""
HELPER_SECONDS = 60
"""How long a program may take; it may have to ask the user."""
_HUB_KEY = "https://index.docker.io/v1/"
_TOKEN_USER = "<token>"  # noqa: S105 - stands in place of a user name if the secret is a token
_NOTHING_KNOWN = b"credentials not found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A user's login for a registry."""

    user: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    """A refresh token, which takes the place of user and password."""

    @property
    def basic(self) -> str:
        """The value of an `Authorization` header."""
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


class _Secretive(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class _Entry(_Secretive):
    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identity_token: str | None = Field(alias="identitytoken", default=None)


_Program = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]*$")]


class _Config(_Secretive):
    auths: dict[str, _Entry] | None = None
    store: _Program | None = Field(alias="credsStore", default=None)
    helpers: dict[str, _Program] | None = Field(alias="credHelpers", default=None)


class _Answer(_Secretive):
    user: str = Field(alias="Username", default="")
    secret: str = Field(alias="Secret", default="")


_CONFIG, _ANSWER = TypeAdapter(_Config), TypeAdapter(_Answer)


def find(host: str) -> Login | None:
    """Find the login for a registry; None if there is none.

    Args:
        host: The registry's host, with its port if references to it have one.

    Raises:
        UnreadableImage: The config.json is damaged, or a program that it names fails.
    """
    path = _locate_config()
    config = _read_config(path, host)
    if config is None:
        return None
    program = _find_entry(config.helpers or {}, host) or config.store
    if program and (login := _ask_helper(f"docker-credential-{program}", host)):
        return login
    entry = _find_entry(config.auths or {}, host)
    return _decode(entry, path, host) if entry else None


def _locate_config() -> Path:
    folder = os.environ.get("DOCKER_CONFIG")
    return (Path(folder) if folder else files.find_home() / ".docker") / "config.json"


def _read_config(path: Path, host: str) -> _Config | None:
    try:
        text = files.read(path, _LONGEST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UnreadableImage(
            f"{quote(path)} cannot be read: {error.strerror}",
            advice="Make it a file that you may read, or set DOCKER_CONFIG.",
        ) from error
    try:
        return parse_json(_CONFIG, text, quote(path))
    except UnreadableImage as error:
        raise UnreadableImage(error.message, advice=_advise_login(host)) from error


def _advise_login(host: str) -> str:
    return f"Mend the file, or delete it and run `docker login {host}` again."


def _find_entry(entries: Mapping[str, T], host: str) -> T | None:
    """Return the entry of a host, whose key may be a URL."""
    names = HUB_HOSTS if host == DOCKER_HUB else {host}
    return next((entries[key] for key in entries if _extract_host(key) in names), None)


def _extract_host(key: str) -> str:
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _decode(entry: _Entry, path: Path, host: str) -> Login | None:
    user, password = entry.username or "", entry.password or ""
    if entry.auth:
        try:
            user, _, password = base64.b64decode(entry.auth, validate=True).decode().rstrip("\0").partition(":")
        except ValueError:  # not chained, because its text contains the secret
            what = f"its entry for {host} does not hold a user name and a password"
            raise UnreadableImage(f"{quote(path)} is damaged: {what}", advice=_advise_login(host)) from None
    if not (user or entry.identity_token):
        return None
    return Login(user=user, password=password, identity_token=entry.identity_token or "")


def _ask_helper(program: str, host: str) -> Login | None:
    """Ask a credential helper for the login. No error shows what it prints, which may be secret."""
    advice = f"Run it as `echo {host} | {program} get`, or run `docker login {host}` again."
    server = _HUB_KEY if host == DOCKER_HUB else host
    try:
        done = subprocess.run(
            [program, "get"], input=server.encode(), capture_output=True, timeout=HELPER_SECONDS, check=False
        )
    except OSError as error:
        message = f"{program}, which Docker's config.json names, cannot be started: {error.strerror}"
        raise UnreadableImage(message, advice="Install it, or remove its name from config.json.") from error
    except subprocess.TimeoutExpired as error:
        raise UnreadableImage(f"{program} did not answer within {HELPER_SECONDS} s", advice=advice) from error
    if done.returncode:
        if _NOTHING_KNOWN in done.stdout:
            return None
        raise UnreadableImage(f"{program} failed with exit code {done.returncode}", advice=advice)
    try:
        answer = parse_json(_ANSWER, done.stdout, f"What {program} answers")
    except UnreadableImage as error:
        raise UnreadableImage(error.message, advice=advice) from error
    if answer.user == _TOKEN_USER:
        return Login(identity_token=answer.secret)
    return Login(user=answer.user, password=answer.secret) if answer.user else None
