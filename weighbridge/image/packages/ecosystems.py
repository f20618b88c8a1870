"""One table of package ecosystems: what each is called, how it is shown, and which parsers read its databases.

It loads no parser and compiles no pattern: most reports show what is known, and read no database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ORPHAN_REMEDY = "Nobody asked for it: leave it out. If it is used after all, install it by name."


@dataclass(frozen=True, slots=True, kw_only=True)
class Purl:
    """How an ecosystem's packages are written as package URLs (package-url, PURL-TYPES)."""

    type: str
    vendor: str | None = None
    """The namespace where no package tells the distribution. Only for a system's packages."""
    is_scoped: bool = False
    """Whether what stands before the last slash of a name is the namespace, as in `@scope/name`."""
    version: str = r"(?s)(?P<version>.*)"
    """A regular expression that takes a version apart: the group `version` is the URL's, every other group a qualifier
    of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """An operating system that tells its release by the version of one of its packages."""

    title: str
    vendor: str
    """The namespace of its packages' URLs, and the first part of their `distro`."""
    package: str
    release: str
    """A regular expression for the beginning of that package's version. Its group is the release that advisories are
    listed by; empty where the version does not tell it."""
    point_release: str = ""
    """A regular expression that is found in that version where it is one of this distribution's updates: its groups,
    joined by dots, name it. Empty: no version tells it."""


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
    orphan_remedy: str = ORPHAN_REMEDY
    """What to do about one that nothing requires and nobody asked for: sentences."""
    orphan_remedies: Mapping[str, str] = field(default_factory=dict)
    """The same for packages of these names."""
    is_library: bool = False
    """Whether programs load its packages by name, so that projects list them in files of requirements."""
    has_extras: bool = False
    """Whether what a package requires depends on extras and on the environment, as Python's does."""
    colour: str
    """`#rrggbb`: what is drawn gets its tints and shades from this one."""
    purl: Purl
    is_system: bool = False
    """Whether it is the operating system's own: an image without a base does not run without its packages."""
    distributions: tuple[Distribution, ...] = ()
    """Those whose packages these may be; the first that matches an image is it."""
    parsers: tuple[str, ...]
    """The modules beside this one that read what it writes down, by their names."""
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


# What comes with a virtual environment, unasked.
_WITHOUT_INSTALLERS = (
    "No requirements file names it: uninstall it in the instruction that installs the packages, or make the environment"
    " without it (`python3 -m venv --without-pip`). If it is used after all, name it in a requirements file."
)
_SYSTEM_REMEDY = "Leave it out if nothing that runs needs it."

ECOSYSTEMS: tuple[Ecosystem, ...] = (
    Ecosystem(
        category="conda",
        title="conda",
        remedy="Drop it from the environment's file if nothing that runs needs it.",
        colour="#6f9a1e",
        purl=Purl(type="conda", version=r"(?s)(?P<version>[^=]*)=?(?P<build>.*)"),
        parsers=("conda",),
        endings=(".json", "conda-meta/history"),
    ),
    Ecosystem(
        category="python",
        title="Python",
        remedy="Drop it from the requirements if nothing that runs imports it.",
        colour="#d9a400",
        purl=Purl(type="pypi"),
        parsers=("dist_info", "egg_info"),
        endings=(
            ".dist-info/RECORD",
            ".dist-info/METADATA",
            ".dist-info/INSTALLER",
            ".dist-info/direct_url.json",
            ".egg-info",
            ".egg-info/PKG-INFO",
            ".egg-info/installed-files.txt",
            ".egg-info/requires.txt",
            ".egg/EGG-INFO/PKG-INFO",
            ".egg/EGG-INFO/installed-files.txt",
            ".egg/EGG-INFO/requires.txt",
        ),
        is_library=True,
        has_extras=True,
        orphan_remedies=dict.fromkeys(("pip", "setuptools", "wheel"), _WITHOUT_INSTALLERS),
        orphan_remedy=(
            "No requirements file names it: drop it from the Dockerfile's `pip install`. If it is used after all, name"
            " it in a requirements file."
        ),
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
            Distribution(title="Ubuntu", vendor="ubuntu", package="base-files", release=r".*ubuntu()"),
            Distribution(
                title="Debian",
                vendor="debian",
                package="base-files",
                release=r"(\d*)",
                point_release=r"\+deb(\d+)u(\d+)",
            ),
        ),
        parsers=("dpkg",),
        beginnings=("var/lib/dpkg/", "var/lib/apt/extended_states"),
        orphan_remedy=(
            "Nobody asked for it: install with `apt-get install --no-install-recommends`, or run `apt-get autoremove"
            " --purge` in the same instruction. If it is used after all, name it in the `apt-get install`."
        ),
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
                release=r"((?:\d+(?:\.\d+)*)?)",
                point_release=r"^(\d+)\.(\d+)\.(\d+)",
            ),
        ),
        parsers=("apk",),
        beginnings=("usr/lib/apk/db/installed", "lib/apk/db/installed", "etc/apk/world"),
        orphan_remedy=(
            "Nobody asked for it: `apk del` it in the same instruction. If it is used after all, `apk add` its name."
        ),
    ),
    Ecosystem(
        category="rpm",
        title="RPM",
        remedy=_SYSTEM_REMEDY,
        colour="#c4611f",
        purl=Purl(type="rpm", version=r"(?s)(?:(?P<epoch>\d+):)?(?P<version>.*)"),
        is_system=True,
        distributions=tuple(
            Distribution(title=title, vendor=vendor, package=package, release=r"(\d+(?:\.\d+)?)")
            for title, vendor, package in (
                ("Fedora", "fedora", "fedora-release-common"),
                ("Red Hat", "redhat", "redhat-release"),
                ("CentOS Stream", "centos", "centos-stream-release"),
                ("Rocky", "rocky", "rocky-release"),
                ("AlmaLinux", "almalinux", "almalinux-release"),
                ("Oracle Linux", "oracle", "oraclelinux-release"),
                ("Amazon Linux", "amzn", "system-release"),
                ("Azure Linux", "azurelinux", "azurelinux-release"),
                ("SUSE", "suse", "sles-release"),
                ("openSUSE", "opensuse", "openSUSE-release"),
            )
        ),
        parsers=("rpm",),
        beginnings=("usr/lib/sysimage/rpm/", "usr/share/rpm/", "var/lib/rpm/"),
        orphan_remedy=(
            "Nothing requires it: run `dnf remove` or `dnf autoremove` in the same instruction, or install with"
            " `--setopt=install_weak_deps=False`. If it is used after all, name it in the `dnf install`."
        ),
    ),
    Ecosystem(
        category="npm",
        title="npm",
        remedy="Drop it from package.json if nothing that runs needs it, or install without development packages.",
        colour="#d6459b",
        purl=Purl(type="npm", is_scoped=True),
        parsers=("npm",),
        endings=("package.json",),
        is_library=True,
        orphan_remedy=(
            "No package.json names it: run `npm prune` in the instruction that installs the packages. If it is used"
            " after all, name it there."
        ),
    ),
    Ecosystem(
        category="go",
        title="Go",
        noun="program",
        remedy="Leave it out if nothing that runs starts it.",
        colour="#4f5bd5",
        purl=Purl(type="golang", is_scoped=True),
        parsers=("go",),
    ),
)
"""Every ecosystem, in the order in which a ledger lists them and in which their packages claim files: an environment
with a manager of its own, then the operating system, then what has only a folder."""
_BY_CATEGORY = {each.category: each for each in ECOSYSTEMS}


def get_orphan_remedy(category: str, name: str) -> str:
    """Return what to do about a package that nothing requires and nobody asked for; one of any category."""
    ecosystem = _BY_CATEGORY.get(category)
    return ecosystem.orphan_remedies.get(name, ecosystem.orphan_remedy) if ecosystem else ORPHAN_REMEDY
