"""Provides the base images: the official one if it is present or can be pulled, else a stand-in.

We build a stand-in from Debian's packages and give it a name of our own, so that every report shows which base an image
has.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from weighbridge import files
from weighbridge.build import buildkit, standins
from weighbridge.build.standins import Standin
from weighbridge.engine import apt
from weighbridge.engine.apt import Say
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import Engine
from weighbridge.errors import NoBaseImage, SettingsError
from weighbridge.settings.project import BaseRole

Origin = Literal["present", "pulled", "built"]

_ROLES: tuple[BaseRole, ...] = get_args(BaseRole)
_BUNDLE_VARIABLE = "WEIGHBRIDGE_CA_BUNDLE"
_COMPOSE_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
"""What compose.yaml uses if the variable is not set."""
_PASSWORD_VARIABLE = "REDIS_PASSWORD"  # noqa: S105 - its name
_TAKES_PASSWORD = re.compile(rb"\$\{?REDIS_PASSWORD\b")
_COMPOSE_FILES = "compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"
_COMPOSE_BYTES = 10**6
# dpkg's filters for what the official slim images leave out of every package; licences stay.
_LEFT_OUT = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    *(f"path-exclude=/usr/share/{folder}/*" for folder in ("groff", "info", "linda", "lintian", "locale", "man")),
)
# As in the official images, apt keeps neither installed packages nor caches of its lists. The first two lines empty
# files that mmdebstrap copies from this machine.
_KEEP_NOTHING = """
: > "$1/etc/hostname"
: > "$1/etc/resolv.conf"
rm -f "$1"/var/cache/apt/*.bin
cat > "$1/etc/apt/apt.conf.d/keep-nothing" <<'END'
APT::Keep-Downloaded-Packages "false";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
END
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImage:
    """A base image that the engine has."""

    role: BaseRole
    official: str
    """The image that the settings name."""
    reference: str
    """The image to use: the official one, or our stand-in."""
    how: Origin
    reason: str = ""
    """Why pulling the official one failed, with the registry's own words; empty if nobody tried."""

    @property
    def described(self) -> str:
        """The image in one line, for people."""
        return describe(self.reference, self.official, self.how, self.reason)

    @property
    def is_standin(self) -> bool:
        """Whether a stand-in takes the official image's place."""
        return self.reference != self.official


def describe(reference: str, official: str, how: Origin, reason: str = "") -> str:
    """Return in one line which image is used in place of which, how it came here, and why it is a stand-in."""
    standin = "" if reference == official else f"our stand-in for {official}, "
    return f"{reference}, {standin}{how}{f' because {reason}' if reason else ''}"


def find_base_image(engine: Engine, role: BaseRole, official: str) -> BaseImage:
    """Return the base image that the engine has for a role, the official one rather than a stand-in.

    Raises:
        NoBaseImage: The engine has neither.
    """
    standin = _choose_standin(role, official)
    for reference in (official, *([standin.name] if standin else [])):
        if engine.has_image(reference):
            return BaseImage(role=role, official=official, reference=reference, how="present")
    raise NoBaseImage(f"The engine does not have the base image {official}")


def ensure_base_image(engine: Engine, client: BuildClient, role: BaseRole, official: str, say: Say) -> BaseImage:
    """Return a base image for a role: the one that is present, else pull it, else build a stand-in.

    Raises:
        NoBaseImage: None of these ways works.
    """
    try:
        return find_base_image(engine, role, official)
    except NoBaseImage:
        say(f"Pulling {official}")
    try:
        engine.pull(official)
    except NoBaseImage as error:
        standin = _choose_standin(role, official)
        if standin is None:
            advice = (
                f"Correct its name in the settings (bases.{role}), or solve that problem; "
                f"stand-ins exist for {standins.KNOWN}."
            )
            raise NoBaseImage(error.message, advice=advice) from error
        how = ensure_standin(engine, client, standin, error.message, say)
        return BaseImage(role=role, official=official, reference=standin.name, how=how, reason=error.message)
    return BaseImage(role=role, official=official, reference=official, how="pulled")


def ensure_standin(engine: Engine, client: BuildClient, standin: Standin, reason: str, say: Say) -> Origin:
    """Build a stand-in unless the engine has it, and return which of both it was.

    Args:
        engine: The engine that gets it.
        client: The client that drives BuildKit.
        standin: Which one.
        reason: Why the official image cannot be had, with the registry's own words.
        say: Called before something that takes long.

    Raises:
        NoBaseImage: It cannot be built here.
    """
    if engine.has_image(standin.name):
        return "present"
    if not engine.has_image(standin.root):
        _ensure_tool(reason, say)
    say(f"{reason}. Building {standin.name} from Debian's packages instead")
    _build_standin(engine, client, standin)
    return "built"


def _choose_standin(role: BaseRole, official: str) -> Standin | None:
    """Return the stand-in for a role's official image; None if there is none of its series."""
    standin = standins.find_standin(official)
    return standin if standin and standin.recipe == role else None


def _build_standin(engine: Engine, client: BuildClient, standin: Standin) -> None:
    with tempfile.TemporaryDirectory(prefix="weighbridge-") as folder:
        if not engine.has_image(standin.root):
            _make_root(standin.suite, Path(folder, "root.tar"))
            _build(engine, client, standin.root, Path(folder), standins.FOLDER / "debian.Dockerfile")
        if standin.name != standin.root:
            arguments = {"ROOT": standin.root, **standin.options}
            _build(engine, client, standin.name, standins.FOLDER, standin.dockerfile, **arguments)


def _build(
    engine: Engine, client: BuildClient, reference: str, context: Path, dockerfile: Path, **arguments: str
) -> None:
    wanted = buildkit.Build(
        variant=reference, reference=reference, context=context, dockerfile=dockerfile, arguments=arguments
    )
    buildkit.build(client, engine, wanted)


def _ensure_tool(reason: str, say: Say) -> None:
    """Install mmdebstrap if it is missing and we may; the error begins with `reason`, why a stand-in is needed."""
    if shutil.which("mmdebstrap"):
        return
    if apt.may_install():
        apt.install(["mmdebstrap", "debian-archive-keyring"], "mmdebstrap", say)
        return
    advice = "Solve that problem, or bring the image from another machine with `docker save` and `docker load`."
    if apt.has_apt():
        advice = "Solve that problem, or type `sudo apt-get install mmdebstrap` and run `invoke engine` again."
    raise NoBaseImage(f"{reason}; mmdebstrap, which could build a stand-in, is not installed", advice=advice)


def _make_root(suite: str, archive: Path) -> None:
    """Write the root filesystem of a slim Debian, like that of the official `debian:<suite>-slim`."""
    filters = [f"--dpkgopt={option}" for option in _LEFT_OUT]
    hook = f"--customize-hook={_KEEP_NOTHING}"
    apt.run(["mmdebstrap", "--quiet", "--variant=minbase", *filters, hook, suite, str(archive)])


def tell_compose(project: Path, chosen: Sequence[BaseImage]) -> None:
    """Write variables to the project's `.env`, so that `docker compose` uses the same stand-ins and certificates.

    Compose reads that file by itself. `PYTHON_IMAGE` and `REDIS_IMAGE` name stand-ins; `WEIGHBRIDGE_CA_BUNDLE` names
    the bundle of certificates, unless it lies where compose.yaml expects it. This function changes only its own lines,
    and removes those that are not needed, or all of them if nothing is `chosen`. It keeps the user's lines, even one
    that sets such a variable to an image of the user's.

    If a Compose file takes `REDIS_PASSWORD`, and `.env` does not set it, that gets a random one, and only its owner may
    read a file that is new. From then on the line is the user's: containers may run with that password.

    Raises:
        SettingsError: `.env` is not a text file, or cannot be read or written.
    """
    path = project / ".env"
    try:
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        passwords = _make_password(project, old.splitlines()) if chosen else []
        new = "".join(f"{line}\n" for line in _merge_lines([*old.splitlines(), *passwords], chosen))
        if new and new != old:
            files.replace(path.resolve(), new.encode(), private=bool(passwords) and not path.exists())
        elif old and not new:
            path.unlink()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(
            f"{path} cannot be updated: {reason}",
            advice="Make it a text file that you may read and write, and run `invoke engine` again.",
        ) from error


def has_compose(project: Path) -> bool:
    """Tell whether a Compose file of the project takes our variables; otherwise there is nothing to tell Compose."""
    return bool(_find_variables(project))


def list_compose_roles(project: Path) -> tuple[BaseRole, ...]:
    """Return the bases whose variable a Compose file of the project takes."""
    found = _find_variables(project)
    return tuple(role for role in _ROLES if f"{role.upper()}_IMAGE" in found)


def _find_variables(project: Path) -> frozenset[str]:
    """Return those of our variables that the first Compose file names that names any."""
    names = (*(f"{role.upper()}_IMAGE" for role in _ROLES), _BUNDLE_VARIABLE)
    found = (frozenset(each for each in names if each.encode() in text) for text in _read_compose_files(project))
    return next(filter(None, found), frozenset())


def _read_compose_files(project: Path) -> Iterator[bytes]:
    for name in _COMPOSE_FILES:
        with suppress(OSError):
            yield files.read(project / name, _COMPOSE_BYTES)


def _make_password(project: Path, lines: Sequence[str]) -> list[str]:
    """Return a line with a random password, of letters and digits, if Compose takes one and no line sets it."""
    is_set = any(_parse_variable(line) == _PASSWORD_VARIABLE for line in lines)
    if is_set or not any(_TAKES_PASSWORD.search(text) for text in _read_compose_files(project)):
        return []
    return [f"{_PASSWORD_VARIABLE}={secrets.token_hex(16)}"]


def _merge_lines(lines: Sequence[str], chosen: Sequence[BaseImage]) -> list[str]:
    kept = [line for line in lines if not _is_ours(line)]
    taken = {_parse_variable(line) for line in kept}
    ours = {f"{base.role.upper()}_IMAGE": base.reference for base in chosen if base.is_standin}
    bundle = buildkit.find_certificates()
    if chosen and bundle != _COMPOSE_BUNDLE:
        # Without a bundle the build's secret is an empty file, which the Dockerfile ignores.
        ours[_BUNDLE_VARIABLE] = shlex.quote(str(bundle.absolute() if bundle else os.devnull))
    return [*kept, *(f"{name}={value}" for name, value in ours.items() if name not in taken)]


def _is_ours(line: str) -> bool:
    name, value = _parse_variable(line), line.partition("=")[2]
    images = {f"{role.upper()}_IMAGE" for role in _ROLES}
    return name == _BUNDLE_VARIABLE or (name in images and value.startswith(standins.OURS))


def _parse_variable(line: str) -> str:
    return line.partition("=")[0].strip().removeprefix("export ").strip()
