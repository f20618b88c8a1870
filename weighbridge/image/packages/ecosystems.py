"""One table of package ecosystems: what each is called, how it is shown, and which parsers read its databases."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from weighbridge.image.packages import apk, conda, dist_info, dpkg, egg_info, npm
from weighbridge.image.packages.package import Package


class Parser(Protocol):
    """A module that reads what one kind of package manager writes down."""

    def is_database(self, path: str, /) -> bool:
        """Tell whether the parser needs a file's bytes. `path` is from the root, without a slash."""

    def installed(self, documents: Mapping[str, bytes], /) -> Iterator[Package]:
        """Yield the packages of `documents`, path -> bytes, whatever else is among them. Nothing is raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purl:
    """How an ecosystem's packages are written as package URLs (package-url, PURL-TYPES)."""

    type: str
    vendor: str | None = None
    """The namespace where no package tells the distribution. Only for a system's packages."""
    is_scoped: bool = False
    """Whether what stands before the last slash of a name is the namespace, as in `@scope/name`."""
    version: re.Pattern[str] = re.compile(r"(?P<version>.*)", re.DOTALL)
    """Takes a version apart: the group `version` is the URL's, every other group a qualifier of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """An operating system that tells its release by the version of one of its packages."""

    title: str
    vendor: str
    """The namespace of its packages' URLs, and the first part of their `distro`."""
    package: str
    release: re.Pattern[str]
    """Matches the beginning of that package's version. Its group is the release that advisories are listed by; empty
    where the version does not tell it."""
    point_release: re.Pattern[str] | None = None
    """Found in that version, where it is one of this distribution's updates: its groups, joined by dots, name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ecosystem:
    """Packages of one kind, and all that the rest of the project has to know of them."""

    category: str
    """Of a ledger's rows."""
    title: str
    """What comes before the noun, as in `Debian package`."""
    noun: str = "package"
    remedy: str
    """What a maintainer can do to leave such a package out, a sentence."""
    colour: str
    """`#rrggbb`: what is drawn gets its tints and shades from this one."""
    purl: Purl
    is_system: bool = False
    """Whether it is the operating system's own: an image without a base does not run without its packages."""
    distributions: tuple[Distribution, ...] = ()
    """Those whose packages these may be; the first that matches an image is it."""
    parsers: tuple[Parser, ...]
    beginnings: tuple[str, ...] = ()
    """Each database's path begins with one of these, or ends with one of `endings`: tests that cost next to nothing,
    since they are made of every file of every layer."""
    endings: tuple[str, ...] = ()

    @property
    def singular(self) -> str:
        """What one of its packages is called."""
        return f"{self.title} {self.noun}"

    @property
    def plural(self) -> str:
        """What several of its packages are called."""
        return f"{self.singular}s"


_SYSTEM_REMEDY = "Leave it out if nothing that runs needs it."

ECOSYSTEMS: tuple[Ecosystem, ...] = (
    Ecosystem(
        category="conda",
        title="conda",
        remedy="Drop it from the environment's file if nothing that runs needs it.",
        colour="#6f9a1e",
        purl=Purl(type="conda", version=re.compile(r"(?P<version>[^=]*)=?(?P<build>.*)", re.DOTALL)),
        parsers=(conda,),
        endings=(".json", "conda-meta/history"),
    ),
    Ecosystem(
        category="python",
        title="Python",
        remedy="Drop it from the requirements if nothing that runs imports it.",
        colour="#d9a400",
        purl=Purl(type="pypi"),
        parsers=(dist_info, egg_info),
        endings=("-info/RECORD", *egg_info.ENDINGS),
    ),
    Ecosystem(
        category="debian",
        title="Debian",
        remedy=_SYSTEM_REMEDY,
        colour="#2f7de1",
        purl=Purl(type="deb", vendor="debian"),
        is_system=True,
        distributions=(
            # Ubuntu's version does not tell of which release it is.
            Distribution(title="Ubuntu", vendor="ubuntu", package="base-files", release=re.compile(r".*ubuntu()")),
            Distribution(
                title="Debian",
                vendor="debian",
                package="base-files",
                release=re.compile(r"(\d*)"),
                point_release=re.compile(r"\+deb(\d+)u(\d+)"),
            ),
        ),
        parsers=(dpkg,),
        beginnings=("var/lib/dpkg/",),
    ),
    Ecosystem(
        category="alpine",
        title="Alpine",
        remedy=_SYSTEM_REMEDY,
        colour="#0f9bb0",
        purl=Purl(type="apk", vendor="alpine"),
        is_system=True,
        distributions=(
            Distribution(
                title="Alpine",
                vendor="alpine",
                package="alpine-release",
                release=re.compile(r"((?:\d+(?:\.\d+)*)?)"),
                point_release=re.compile(r"^(\d+)\.(\d+)\.(\d+)"),
            ),
        ),
        parsers=(apk,),
        endings=apk.DATABASES,
    ),
    Ecosystem(
        category="npm",
        title="npm",
        remedy="Drop it from package.json if nothing that runs needs it, or install without development packages.",
        colour="#d6459b",
        purl=Purl(type="npm", is_scoped=True),
        parsers=(npm,),
        endings=("package.json",),
    ),
)
"""Every ecosystem, in the order in which a ledger lists them and in which their packages claim files: an environment
with a manager of its own, then the operating system, then what has only a folder."""
