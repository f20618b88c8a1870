"""Finds the Docker command-line client on PATH that can build with BuildKit.

A machine may have several: a client with the buildx plug-in, a new client without it, which can only use the legacy
builder, or a client older than 23, which contains BuildKit. The first on PATH is often not the one that works.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from weighbridge.engine import endpoint
from weighbridge.errors import NoBuilder
from weighbridge.model.platform import Platform, find_platforms

_BUILDKIT_INSIDE = range(18, 23)
# Podman's `docker` has a `buildx`, too, which is not BuildKit.
_BUILDX = re.compile(r"github\.com/docker/buildx v?(\d\S*)")
_ANSWER_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildClient:
    """A client that can build with BuildKit."""

    path: Path
    version: str
    buildx: str | None
    """Version of the buildx plug-in; None if the client itself contains BuildKit."""

    @property
    def described(self) -> str:
        """The client in one line, for people to read."""
        return f"{self.path} {self.version}, {f'buildx {self.buildx}' if self.buildx else 'BuildKit built in'}"

    @property
    def command(self) -> tuple[str, ...]:
        """The command that starts a build, without its arguments."""
        # --load puts the image into the engine, whatever driver the user's builder has.
        return (str(self.path), "buildx", "build", "--load") if self.buildx else (str(self.path), "build")

    def list_platforms(self, host: str) -> tuple[Platform, ...]:
        """Return the platforms that the engine at `host` says it can build for; empty if it does not say."""
        if not self.buildx:
            return ()
        output = _capture_output(self.path, "buildx", "inspect", environment=self.build_environment(host))
        lines = (line.removeprefix("Platforms:") for line in output.splitlines() if line.startswith("Platforms:"))
        return tuple(dict.fromkeys(platform for line in lines for platform in find_platforms(line)))

    def build_environment(self, host: str) -> Mapping[str, str]:
        """Return the environment for a build on the engine at `host`: that of this process, with our changes."""
        chosen = dict(os.environ)
        named = endpoint.find_named()
        # If the user names the engine, the client finds it as we did, with its certificates.
        if not named:
            chosen["DOCKER_HOST"] = host
        if self.buildx:
            chosen["BUILDX_BUILDER"] = named.context if named else "default"
        return chosen | {
            "DOCKER_BUILDKIT": "1",
            # An attestation would turn the image into an index, and give it a new id on every build.
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
            "DOCKER_CLI_HINTS": "false",
        }


def find() -> BuildClient:
    """Return the first client on PATH with buildx; if there is none, the first that contains BuildKit.

    Raises:
        NoBuilder: There is neither; the message lists the clients that were found.
    """
    seen: list[str] = []
    inside: BuildClient | None = None
    for path in _find_on_path():
        version = _read_last_line(path, "version", "--format", "{{.Client.Version}}")
        buildx = _read_last_line(path, "buildx", "version")
        found = _BUILDX.search(buildx)
        if found:
            return BuildClient(path=path, version=version, buildx=found[1])
        if _read_major_version(version) in _BUILDKIT_INSIDE and inside is None:
            inside = BuildClient(path=path, version=version, buildx=None)
        seen.append(f"{path} {version or 'that does not answer'}")
    if inside:
        return inside
    raise NoBuilder(f"No Docker client can build with BuildKit (found: {', '.join(seen) or 'none'})")


def _find_on_path() -> Iterator[Path]:
    known = set()
    for folder in os.get_exec_path():
        path = Path(folder, "docker")
        if os.access(path, os.X_OK) and path.is_file() and path.resolve() not in known:
            known.add(path.resolve())
            yield path


def _read_last_line(path: Path, *words: str) -> str:
    """Return the last line that the client prints: it prints its own version even if no engine answers."""
    lines = _capture_output(path, *words).splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _capture_output(path: Path, *words: str, environment: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            [path, *words], env=environment, capture_output=True, timeout=_ANSWER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace")


def _read_major_version(version: str) -> int:
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0
