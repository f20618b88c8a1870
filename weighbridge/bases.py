"""The base images: the official one where it is present or can be pulled, else a stand-in of ours.

A stand-in is built from Debian's packages, under a name of our own, so that no report can be mistaken about what an
image stands on.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weighbridge import builder, distribution
from weighbridge.clients import BuildClient
from weighbridge.distribution import Say
from weighbridge.engine import LABEL, Engine
from weighbridge.errors import NoBaseImage

_OURS = "weighbridge/"
_ROOT = f"{_OURS}debian:trixie-slim"
_SUITE = "trixie"
_STANDINS = {
    "python": ("python:3.13", f"{_OURS}python:3.13-slim-trixie"),
    "redis": ("redis:8", f"{_OURS}redis:8-trixie"),
}
_DOCKERFILES = Path(__file__).with_name("standins")
# What the official slim images leave out of every package, by dpkg's own filters; licences stay.
_LEFT_OUT = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    *(f"path-exclude=/usr/share/{folder}/*" for folder in ("groff", "info", "linda", "lintian", "locale", "man")),
)
# As in the official images, apt keeps neither packages that it has installed nor caches of its lists.
_KEEP_NOTHING = """
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

    @property
    def described(self) -> str:
        """The image in one line, for people."""
        return f"{self.reference}, {f'our stand-in for {self.official}, ' if self.is_standin else ''}{self.how}"

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
            raise NoBaseImage(
                error.message, advice=f"Correct its name in invoke.yaml (bases.{role}); stand-ins exist for {known}."
            ) from error
        say(f"No registry gives {official}: building {standin} from Debian's packages")
        _build_standin(engine, client, role, standin, say)
        return BaseImage(role=role, official=official, reference=standin, how="built")
    return BaseImage(role=role, official=official, reference=official, how="pulled")


def _standin(role: str, official: str) -> str | None:
    """Return the stand-in's name where it is of the same series as the official image."""
    prefix, standin = _STANDINS[role]
    return standin if official.startswith(prefix) else None


def _build_standin(engine: Engine, client: BuildClient, role: str, reference: str, say: Say) -> None:
    with tempfile.TemporaryDirectory(prefix="weighbridge-") as folder:
        if not engine.has_image(_ROOT):
            _make_root(Path(folder, "root.tar"), say)
            _build(engine, client, _ROOT, "debian", Path(folder))
        _build(engine, client, reference, role, _DOCKERFILES)


def _build(engine: Engine, client: BuildClient, reference: str, name: str, context: Path) -> None:
    dockerfile = _DOCKERFILES / f"{name}.Dockerfile"
    arguments = {"ROOT": _ROOT}
    wanted = builder.Build(
        variant=reference, reference=reference, context=context, dockerfile=dockerfile, arguments=arguments
    )
    builder.build(client, engine, wanted)


def _make_root(archive: Path, say: Say) -> None:
    """Write the root filesystem of a slim Debian, as the official `debian:trixie-slim` has it."""
    if not shutil.which("mmdebstrap"):
        if not distribution.may_install():
            raise NoBaseImage(
                "No registry is in reach, and mmdebstrap, which builds a base from Debian's packages, is not installed",
                advice="Install it (sudo apt-get install mmdebstrap) or mend the way to the registry.",
            )
        distribution.install(["mmdebstrap", "debian-archive-keyring"], "mmdebstrap", say)
    filters = [f"--dpkgopt={option}" for option in _LEFT_OUT]
    hook = f"--customize-hook={_KEEP_NOTHING}"
    distribution.run(["mmdebstrap", "--quiet", "--variant=minbase", *filters, hook, _SUITE, str(archive)])


def standins(engine: Engine) -> tuple[str, ...]:
    """Return the names of the stand-ins that are there, and of what they stand on."""
    return tuple(name for name in engine.labelled_images(f"{LABEL}=image") if name.startswith(_OURS))


def tell_compose(project: Path, chosen: Sequence[BaseImage]) -> None:
    """Let `docker compose` use the same stand-ins: keep `PYTHON_IMAGE` and the like in the project's `.env`.

    Compose reads that file by itself. Other lines of it are the user's and stay, also one that sets the same variable
    to an image of the user's; ours go where no stand-in is used.
    """
    path = project / ".env"
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = [line for line in old.splitlines() if not _names_standin(line)]
    taken = {line.partition("=")[0].strip() for line in kept}
    ours = {f"{base.role.upper()}_IMAGE": base.reference for base in chosen if base.is_standin}
    lines = [*kept, *(f"{name}={reference}" for name, reference in ours.items() if name not in taken)]
    new = "".join(f"{line}\n" for line in lines)
    if new and new != old:
        path.write_text(new, encoding="utf-8")
    elif old and not new:
        path.unlink()


def _names_standin(line: str) -> bool:
    name, _, value = line.partition("=")
    return name in {f"{role.upper()}_IMAGE" for role in _STANDINS} and value.startswith(_OURS)
