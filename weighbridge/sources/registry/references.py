"""Parses names of images in registries: `HOST[:PORT]/NAME[:TAG][@sha256:…]`, or `NAME` for an image on docker.io.

Grammar: the Distribution project's package reference; the first part is a host if it has a dot or a colon, or is
`localhost`.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from weighbridge.errors import NoSuchImage
from weighbridge.quoting import quote

DOCKER_HUB = "docker.io"
HUB_HOSTS = {DOCKER_HUB, "index.docker.io", "registry-1.docker.io"}
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = re.compile(rf"(?P<name>{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]{{2,39}}\])(?::(?P<port>[0-9]{{1,5}}))?")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST = 255
_PORTS = range(1, 2**16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where an image is."""

    host: str
    """With its port, if one was given; `docker.io` for each of Docker Hub's host names."""
    repository: str
    tag: str
    """Empty if there is a digest, which is more precise."""
    digest: str

    def __str__(self) -> str:
        return f"{self.host}/{self.name}"

    @property
    def name(self) -> str:
        """The name without the host."""
        return f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.tag}"

    @property
    def server(self) -> str:
        """The host to connect to."""
        return "registry-1.docker.io" if self.host == DOCKER_HUB else self.host

    @property
    def scheme(self) -> str:
        """`https`, but `http` for this machine itself."""
        return "http" if is_loopback(self.host) else "https"

    @property
    def target(self) -> str:
        """What to ask the registry for: the digest, or else the tag."""
        return self.digest or self.tag


def parse(text: str) -> Reference:
    """Parse the name of an image.

    Raises:
        NoSuchImage: The text is not a valid name.
    """
    name, at, digest = text.partition("@")
    host, rest = _split(name)
    repository, colon, tag = rest.partition(":")
    match = _HOST.fullmatch(host)
    good = (
        match is not None
        and (not match["port"] or int(match["port"]) in _PORTS)
        and _REPOSITORY.fullmatch(repository)
        and len(host) + len(repository) < _LONGEST
        and (not colon or _TAG.fullmatch(tag))
        and (not at or _DIGEST.fullmatch(digest))
    )
    if not good:
        raise NoSuchImage(
            f"{quote(text) or 'An empty text'} is not the name of an image",
            advice="Write it as HOST/NAME:TAG, in lower case.",
        )
    return Reference(host=host, repository=repository, tag="" if digest else tag or "latest", digest=digest)


def is_loopback(host: str) -> bool:
    """Tell whether a host's name or address means this machine, without a look-up; it may have a port."""
    match = _HOST.fullmatch(host)
    name = match["name"].strip("[]").lower() if match else host
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _split(name: str) -> tuple[str, str]:
    """Split a name into the host and the rest."""
    host, slash, rest = name.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, rest = DOCKER_HUB, name
    if host in HUB_HOSTS:
        return DOCKER_HUB, rest if "/" in rest else f"library/{rest}"
    return host, rest
