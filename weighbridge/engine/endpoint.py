"""Finds the engine that the user's Docker tools use: the one in DOCKER_HOST or a context, else the machine's own."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighbridge import files
from weighbridge.errors import NoEngine, SettingsError

_MACHINES_OWN = "unix:///var/run/docker.sock"
_NO_PATH = re.compile(r"\s*(?:http\+)?unix:/*\s*", re.IGNORECASE)
"""A socket without a path; Docker's SDK takes the usual socket instead (`docker.utils.parse_host`)."""
_LONGEST = 2**20
"""The most bytes of a file of the client's configuration."""
_WITHOUT_TLS = ("unix://", "npipe://", "fd://", "ssh://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an engine should answer."""

    host: str
    """URL in the form of DOCKER_HOST."""
    context: str = "default"
    """The context that names it; buildx gives its builder the same name."""
    undo: str = ""
    """What the user can do to use another engine, such as `unset DOCKER_HOST`; empty if nobody named this one."""
    certificates: Path | None = None
    """Folder of `ca.pem`, `cert.pem` and `key.pem`; None: without TLS."""
    verified: bool = True
    """Whether to verify the engine's certificate."""

    def advise(self, *, closed: bool) -> str | None:
        """Return what to do if no engine answers; `closed`: the operating system denies this user access to it."""
        if closed:
            return "Join the group that owns it (`sudo usermod -aG docker $USER`) and log in again."
        return f"Start that engine, or {self.undo} to use this machine's own." if self.undo else None

    @property
    def tls_words(self) -> Mapping[str, Any]:
        """The arguments with which the SDK speaks TLS to it; empty: without TLS."""
        if self.certificates is None:
            return {}
        authority, certificate, key = (str(self.certificates / f"{name}.pem") for name in ("ca", "cert", "key"))
        return {"client_cert": (certificate, key), "ca_cert": authority, "verify": self.verified}

    @property
    def way_by_ssh(self) -> str:
        """How the user can reach an engine by SSH: we do not have the library that the SDK needs for it."""
        forward = f"ssh -fNL /tmp/docker.sock:/var/run/docker.sock {self.host}"
        return f"Forward its socket with `{forward}` and set DOCKER_HOST=unix:///tmp/docker.sock."


def find_named() -> Place | None:
    """Return the place that the user names, or None for the machine's own engine, wherever its socket is.

    Looks at DOCKER_HOST, then DOCKER_CONTEXT, then the current context in the client's configuration.

    Raises:
        SettingsError: DOCKER_HOST is a socket without a path, for which Docker's SDK would silently use this machine's
            engine; or the client's configuration is a FIFO, and the SDK would wait for its writer.
        NoEngine: The context does not exist or cannot be read. Docker's SDK would silently use another engine.
    """
    _check_configuration()
    host = os.environ.get("DOCKER_HOST")
    if host:
        try:
            _check_host(host)
        except ValueError as error:
            advice = "Write it as unix:///var/run/docker.sock, or unset it."
            raise SettingsError(f"DOCKER_HOST is {host}, and {error}", advice=advice) from error
        verified = bool(os.environ.get("DOCKER_TLS_VERIFY"))
        # Like the client: DOCKER_CERT_PATH alone, or a socket of this machine, means no TLS.
        secured = (verified or os.environ.get("DOCKER_TLS")) and not host.startswith(_WITHOUT_TLS)
        certificates = Path(os.environ.get("DOCKER_CERT_PATH") or _find_configuration()) if secured else None
        return Place(host=host, undo="unset DOCKER_HOST", certificates=certificates, verified=verified)
    context = os.environ.get("DOCKER_CONTEXT")
    if context:
        return _read_context(context, "unset DOCKER_CONTEXT")
    try:
        context = json.loads(_read_text(_find_configuration() / "config.json")).get("currentContext")
    except (OSError, ValueError, AttributeError):
        return None
    return _read_context(str(context), "type `docker context use default`") if context else None


def list_own() -> tuple[Place, ...]:
    """Return where the machine's own engine may answer: the usual socket, then those of rootless Docker and Desktop."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    sockets = (Path(runtime, "docker.sock"), files.find_home() / ".docker/run/docker.sock")
    return Place(host=_MACHINES_OWN), *(Place(host=f"unix://{socket}") for socket in sockets if socket.is_socket())


def _find_configuration() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or files.find_home() / ".docker")


def _check_configuration() -> None:
    """Refuse a configuration that is neither a regular file nor a folder, in each place where Docker's SDK looks."""
    for path in (
        _find_configuration() / "config.json",
        files.find_home() / ".docker/config.json",
        files.find_home() / ".dockercfg",
    ):
        with suppress(OSError, ValueError):
            kind = stat.S_IFMT(path.stat().st_mode)
            if kind in {stat.S_IFREG, stat.S_IFDIR}:
                continue
            advice = "Put a file in its place, delete it, or set DOCKER_CONFIG to another folder."
            raise SettingsError(f"{path} cannot be read: it is not a regular file", advice=advice)


def _check_host(host: object) -> str:
    """Return the URL of an engine; raise `ValueError` if it is a socket without a path."""
    if _NO_PATH.fullmatch(str(host)):
        raise ValueError("its socket has no path")
    return str(host)


def _read_text(path: Path) -> str:
    return files.read(path, _LONGEST).decode()


def _read_context(name: str, undo: str) -> Place | None:
    if name == "default":
        return None
    contexts, digest = _find_configuration() / "contexts", hashlib.sha256(name.encode()).hexdigest()
    try:
        text = _read_text(contexts / "meta" / digest / "meta.json")
        endpoint = json.loads(text)["Endpoints"]["docker"]
        host, verified = _check_host(endpoint.get("Host") or _MACHINES_OWN), not endpoint.get("SkipTLSVerify")
    except FileNotFoundError as error:
        advice = f"Choose one that `docker context ls` lists, or {undo} to use this machine's own engine."
        raise NoEngine(f"There is no Docker context {name}", advice=advice) from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        advice = f"Create it again with `docker context create`, or {undo} to use this machine's own engine."
        raise NoEngine(f"The Docker context {name} cannot be read", advice=advice) from error
    tls = contexts / "tls" / digest / "docker"
    certificates = tls if (tls / "cert.pem").is_file() else None
    return Place(host=host, context=name, undo=undo, certificates=certificates, verified=verified)
