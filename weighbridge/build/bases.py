"""The base images: the official one where it is present or can be pulled, else a stand-in of ours.

A stand-in is built from Debian's packages, under a name of our own, so that no report can be mistaken about what an
image stands on.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weighbridge import files
from weighbridge.build import buildkit
from weighbridge.engine import apt
from weighbridge.engine.apt import Say
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import LABEL, Engine
from weighbridge.errors import NoBaseImage, SettingsError

_OURS = "weighbridge/"
_ROOT = f"{_OURS}debian:trixie-slim"
_SUITE = "trixie"
_STANDINS = {
    "python": ("python:3.13", f"{_OURS}python:3.13-slim-trixie"),
    "redis": ("redis:8", f"{_OURS}redis:8-trixie"),
}
_BUNDLE_VARIABLE = "WEIGHBRIDGE_CA_BUNDLE"
_COMPOSE_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
"""What compose.yaml takes where the variable is not set."""
_DOCKERFILES = Path(__file__).with_name("standins")
# What the official slim images leave out of every package, by dpkg's own filters; licences stay.
_LEFT_OUT = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    *(f"path-exclude=/usr/share/{folder}/*" for folder in ("groff", "info", "linda", "lintian", "locale", "man")),
)
# As in the official images, apt keeps neither packages that it has installed nor caches of its lists.
# What mmdebstrap takes over from this machine is nobody else's business.
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
    """A base image that is there."""

    role: str
    """`python` or `redis`."""
    official: str
    """What the settings ask for."""
    reference: str
    """What is used: the same, or our stand-in."""
    how: str
    """`present`, `pulled` or `built`."""
    reason: str = ""
    """Why the official one is not used, where it was asked for just now: the registry's own words are in it."""

    @property
    def described(self) -> str:
        """The image in one line, for people."""
        standin = f"our stand-in for {self.official}, " if self.is_standin else ""
        return f"{self.reference}, {standin}{self.how}{f' because {self.reason}' if self.reason else ''}"

    @property
    def is_standin(self) -> bool:
        """Whether a stand-in takes the official image's place."""
        return self.reference != self.official


def base_image(engine: Engine, role: str, official: str) -> BaseImage:
    """Return the base image that is present for `role` (`python` or `redis`): the official one before a stand-in.

    Raises:
        NoBaseImage: Neither is present.
    """
    for reference in filter(None, (official, _standin(role, official))):
        if engine.has_image(reference):
            return BaseImage(role=role, official=official, reference=reference, how="present")
    raise NoBaseImage(f"The base image {official} is not there")


def ensure_base_image(engine: Engine, client: BuildClient, role: str, official: str, say: Say) -> BaseImage:
    """Return a base image for `role`: present, else pulled, else a stand-in built from the distribution's packages.

    Raises:
        NoBaseImage: It can be had in none of these ways.
    """
    try:
        return base_image(engine, role, official)
    except NoBaseImage:
        say(f"Pulling {official}")
    try:
        engine.pull(official)
    except NoBaseImage as error:
        standin = _standin(role, official)
        if standin is None:
            known = ", ".join(f"{prefix}…" for prefix, _ in _STANDINS.values())
            advice = f"Correct its name in invoke.yaml (bases.{role}), or mend that; stand-ins exist for {known}."
            raise NoBaseImage(error.message, advice=advice) from error
        if not engine.has_image(_ROOT):
            _ensure_tool(error.message, say)
        say(f"{error.message}. Building {standin} from Debian's packages instead")
        _build_standin(engine, client, role, standin)
        return BaseImage(role=role, official=official, reference=standin, how="built", reason=error.message)
    return BaseImage(role=role, official=official, reference=official, how="pulled")


def _standin(role: str, official: str) -> str | None:
    """Return the stand-in's name where it is of the same series as the official image."""
    prefix, standin = _STANDINS[role]
    return standin if official.startswith(prefix) else None


def _build_standin(engine: Engine, client: BuildClient, role: str, reference: str) -> None:
    with tempfile.TemporaryDirectory(prefix="weighbridge-") as folder:
        if not engine.has_image(_ROOT):
            _make_root(Path(folder, "root.tar"))
            _build(engine, client, _ROOT, "debian", Path(folder))
        _build(engine, client, reference, role, _DOCKERFILES)


def _build(engine: Engine, client: BuildClient, reference: str, name: str, context: Path) -> None:
    dockerfile = _DOCKERFILES / f"{name}.Dockerfile"
    arguments = {"ROOT": _ROOT}
    wanted = buildkit.Build(
        variant=reference, reference=reference, context=context, dockerfile=dockerfile, arguments=arguments
    )
    buildkit.build(client, engine, wanted)


def _ensure_tool(reason: str, say: Say) -> None:
    """Make sure of mmdebstrap; where it may not be installed, `reason` is why it was needed at all."""
    if shutil.which("mmdebstrap"):
        return
    if apt.may_install():
        apt.install(["mmdebstrap", "debian-archive-keyring"], "mmdebstrap", say)
        return
    advice = "Mend that, or bring the image from another machine with `docker save` and `docker load`."
    if apt.has_apt():
        advice = "Mend that, or type `sudo apt-get install mmdebstrap` and run `invoke engine` again."
    raise NoBaseImage(f"{reason}; mmdebstrap, which could build a stand-in, is not installed", advice=advice)


def _make_root(archive: Path) -> None:
    """Write the root filesystem of a slim Debian, as the official `debian:trixie-slim` has it."""
    filters = [f"--dpkgopt={option}" for option in _LEFT_OUT]
    hook = f"--customize-hook={_KEEP_NOTHING}"
    apt.run(["mmdebstrap", "--quiet", "--variant=minbase", *filters, hook, _SUITE, str(archive)])


def standins(engine: Engine) -> tuple[str, ...]:
    """Return the names of the stand-ins that are there, and of what they stand on."""
    return tuple(name for name in engine.labelled_images(f"{LABEL}=image") if name.startswith(_OURS))


def tell_compose(project: Path, chosen: Sequence[BaseImage]) -> None:
    """Let `docker compose` use the same stand-ins and certificates: keep the variables in the project's `.env`.

    Compose reads that file by itself. `PYTHON_IMAGE` and the like name stand-ins, `WEIGHBRIDGE_CA_BUNDLE` the bundle
    that builds get where it is not at compose.yaml's usual place. Other lines are the user's and stay, also one that
    names an image of the user's; ours go where they are not needed, and all of them where nothing is `chosen`.

    Raises:
        SettingsError: `.env` is no text file that can be read and written.
    """
    path = project / ".env"
    try:
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        new = "".join(f"{line}\n" for line in _with_ours(old.splitlines(), chosen))
        if new and new != old:
            files.replace(path.resolve(), new.encode())
        elif old and not new:
            path.unlink()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(
            f"{path} cannot be kept up to date: {reason}",
            advice="Make it a text file that you may read and write, and run `invoke engine` again.",
        ) from error


def _with_ours(lines: Sequence[str], chosen: Sequence[BaseImage]) -> list[str]:
    kept = [line for line in lines if not _is_ours(line)]
    taken = {_variable(line) for line in kept}
    ours = {f"{base.role.upper()}_IMAGE": base.reference for base in chosen if base.is_standin}
    bundle = buildkit.certificates()
    if chosen and bundle != _COMPOSE_BUNDLE:
        # Where there is none the build's secret is empty, which the Dockerfile takes for none.
        ours[_BUNDLE_VARIABLE] = shlex.quote(str(bundle.absolute() if bundle else os.devnull))
    return [*kept, *(f"{name}={value}" for name, value in ours.items() if name not in taken)]


def _is_ours(line: str) -> bool:
    name, value = _variable(line), line.partition("=")[2]
    images = {f"{role.upper()}_IMAGE" for role in _STANDINS}
    return name == _BUNDLE_VARIABLE or (name in images and value.startswith(_OURS))


def _variable(line: str) -> str:
    return line.partition("=")[0].strip().removeprefix("export ").strip()
