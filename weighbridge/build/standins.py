"""Knows the stand-ins: which official images each takes the place of, and what it is built from.

A stand-in is made of Debian's packages, so it exists where Debian has the version: Python 3.11 in bookworm and 3.13 in
trixie. Its name is never an official one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from weighbridge.model.services import KINDS

FOLDER = Path(__file__).with_name("standins")
"""The Dockerfiles."""
OURS = "weighbridge/"
"""What the names of all stand-ins begin with."""
# What the images without "slim" have in addition, as far as builds of Python packages use it.
_TOOLS = (
    "build-essential curl default-libmysqlclient-dev git libbz2-dev libcurl4-openssl-dev libffi-dev liblzma-dev "
    "libpq-dev libsqlite3-dev libssl-dev libxml2-dev libxslt1-dev libyaml-dev pkg-config procps unzip wget zlib1g-dev"
)
_REGISTRY = re.compile(r"(?:(?:index\.)?docker\.io/)?(?:library/)?")
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standin:
    """An image of ours that takes the place of official ones."""

    name: str
    recipe: str
    """`<recipe>.Dockerfile` in `FOLDER`."""
    suite: str
    """The release of Debian on whose root it stands."""
    options: Mapping[str, str]
    """Arguments of the recipe besides its root."""

    @property
    def root(self) -> str:
        """The name of the Debian image under it; its own if it is one."""
        return f"{OURS}debian:{self.suite}-slim"

    @property
    def dockerfile(self) -> Path:
        """What it is built from."""
        return FOLDER / f"{self.recipe}.Dockerfile"


def _make_python(version: str, suite: str, *, slim: bool) -> Standin:
    options = {"PYTHON": version} if slim else {"PYTHON": version, "TOOLS": _TOOLS}
    tag = f"{version}-slim-{suite}" if slim else f"{version}-{suite}"
    return Standin(name=f"{OURS}python:{tag}", recipe="python", suite=suite, options=options)


def _make_plain(name: str, suite: str) -> Standin:
    return Standin(name=f"{OURS}{name}", recipe=name.partition(":")[0], suite=suite, options={})


_RELEASE = r"(?:-(?:trixie|bookworm|bullseye))?"
_STANDINS = tuple(
    (re.compile(pattern), standin)
    for pattern, standin in (
        (rf"python:3\.13(?:\.\d+)?-slim{_RELEASE}", _make_python("3.13", "trixie", slim=True)),
        (rf"python:3\.13(?:\.\d+)?{_RELEASE}", _make_python("3.13", "trixie", slim=False)),
        (rf"python:3\.11(?:\.\d+)?-slim{_RELEASE}", _make_python("3.11", "bookworm", slim=True)),
        (rf"python:3\.11(?:\.\d+)?{_RELEASE}", _make_python("3.11", "bookworm", slim=False)),
        (r"debian:(?:trixie|13(?:\.\d+)?)(?:-\d{8})?(?:-slim)?", _make_plain("debian:trixie-slim", "trixie")),
        (r"debian:(?:bookworm|12(?:\.\d+)?)(?:-\d{8})?(?:-slim)?", _make_plain("debian:bookworm-slim", "bookworm")),
        (r"redis:8(?!\d)[\w.-]*", _make_plain("redis:8-trixie", "trixie")),
    )
)
"""The official names, and the stand-in for each."""
NAMES = frozenset(name for _, each in _STANDINS for name in (each.name, each.root)) | {
    kind.standin for kind in KINDS.values() if kind.standin
}
"""The names of all stand-ins, and of the Debian images under them."""
KNOWN = "python:3.11… and python:3.13… (not alpine), debian:bookworm… and debian:trixie…, redis:8…"
"""What there are stand-ins for, for people to read."""


def find_standin(official: str) -> Standin | None:
    """Return the stand-in for an official image; None where none fits.

    Args:
        official: With a tag, with or without a digest and Docker Hub's own host.
    """
    name = _DIGEST.sub("", official)
    name = name[len(found[0]) if (found := _REGISTRY.match(name)) else 0 :]
    return next((standin for pattern, standin in _STANDINS if pattern.fullmatch(name)), None)
