"""The project's settings: what invoke.yaml and the environment say, checked once, as frozen values.

Invoke merges invoke.yaml, `INVOKE_…` variables and its other configuration files; this module only checks the result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from weighbridge.errors import SettingsError

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=64)]
"""A variant's name: it becomes an image's tag."""
Repository = Annotated[str, StringConstraints(pattern=rf"^{_COMPONENT}(?:/{_COMPONENT})*$", max_length=200)]
"""An image's name without tag, by the grammar of the OCI distribution specification, `<name>`."""
Reference = Annotated[str, StringConstraints(pattern=r"^[\w][\w.:/@-]*$", max_length=250)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Command = Annotated[tuple[str, ...], Field(min_length=1)]
UNIQUE = "{unique}"
"""Stands in a change for a word that is another one each time."""


class _Section(BaseModel):
    """A part of the settings: frozen, and a misspelt key is an error, not a surprise."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Bases(_Section):
    """Names of the official base images. A stand-in of ours takes their place where no registry is in reach."""

    python: Reference = "python:3.13-slim-trixie"
    redis: Reference = "redis:8-alpine"

    def by_role(self) -> dict[str, str]:
        """Return role -> name."""
        return dict(self)


class Variant(_Section):
    """One way to build the image."""

    target: str | None = None
    """Stage of the Dockerfile; None: the last one."""
    dockerfile: str = "Dockerfile"
    context: str = "."
    arguments: dict[str, str] = {}
    """More build arguments."""


class Role(_Section):
    """One of the two things that the image runs as."""

    command: Command | None = None
    """None: the image's own command."""
    environment: dict[str, str] = {}
    grace_seconds: Seconds = 20
    """How long the role may take to end after SIGTERM."""


class ApiRole(Role):
    """The role that answers HTTP."""

    port: int = Field(default=8000, gt=0, lt=65536)


class WorkerRole(Role):
    """The role that runs jobs."""

    slow_job: Command | None = None
    """Run in the worker's container: sends a job of some seconds and prints its id. None: not tried."""
    job_result: Command | None = None
    """Run in the API's container with the id appended: waits for the job's result, exit code 0 when it succeeded."""


class Roles(_Section):
    """The roles; both run from the same image."""

    api: ApiRole = ApiRole()
    worker: WorkerRole = WorkerRole()


class Smoke(_Section):
    """How `invoke smoke` runs."""

    timeout_seconds: Seconds = 60
    """How long a role may take to become healthy, and a job to be done."""
    user: int = 10001
    """Numeric user that both roles must run as."""


class Reports(_Section):
    """Where `invoke report` keeps its records."""

    directory: str = "reports"


class Change(_Section):
    """A change of one file, whose cost `invoke report --rebuild` tells."""

    file: str
    """Path in the build context of each variant, with slashes."""
    find: str = ""
    """Regular expression; its first match is replaced. Empty: nothing is."""
    replace: str = ""
    append: str = ""
    """A line more at the file's end. Empty: none."""

    @field_validator("find")
    @classmethod
    def _is_expression(cls, value: str) -> str:
        try:
            re.compile(value)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"it is no regular expression: {error}") from error
        return value

    @model_validator(mode="after")
    def _is_new_each_time(self) -> Self:
        """Refuse a change that the cache would know from the second report on."""
        if UNIQUE not in (self.replace if self.find else "") + self.append:
            raise ValueError(f"neither the replacement nor the line to append holds {UNIQUE}")
        return self


class Settings(_Section):
    """All settings of the project."""

    repository: Repository = "backend"
    """Images are named `repository:variant`."""
    bases: Bases = Bases()
    variants: Annotated[dict[Name, Variant], Field(min_length=1)]
    roles: Roles = Roles()
    smoke: Smoke = Smoke()
    reports: Reports = Reports()
    changes: dict[Name, Change] = {}
    """What `invoke report --rebuild` tries, in this order."""

    def reference(self, variant: str) -> str:
        """Return the image name of a variant."""
        return f"{self.repository}:{variant}"

    @property
    def bench_repository(self) -> str:
        """What the images of `invoke bench --images` are called, without the tag."""
        return f"{self.repository}-bench"

    def chosen(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the wanted variants in the order of invoke.yaml; all of them where `names` is empty.

        Raises:
            SettingsError: One of them is not in invoke.yaml; the message lists the known.
        """
        wanted = set(names)
        unknown = ", ".join(sorted(wanted - set(self.variants)))
        if unknown:
            raise SettingsError(
                f"Unknown variant {unknown}", advice=f"Choose from {', '.join(self.variants)} (invoke.yaml, variants)."
            )
        return tuple(name for name in self.variants if not wanted or name in wanted)


def from_config(config: Mapping[str, Any], invokes_own: Iterable[str]) -> Settings:
    """Return the settings in Invoke's merged configuration, the keys that are Invoke's own left out.

    Raises:
        SettingsError: See `check`.
    """
    own = set(invokes_own)
    return check({key: _plain(value) for key, value in config.items() if key not in own})


def _plain(value: Any) -> Any:
    """Turn Invoke's view of a mapping into a dict."""
    return {key: _plain(each) for key, each in value.items()} if hasattr(value, "items") else value


def check(values: Mapping[str, Any]) -> Settings:
    """Return the settings that a mapping holds.

    Raises:
        SettingsError: One line that names the first wrong key and what it should be.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part != "[key]")
        raise SettingsError(f"invoke.yaml: {place}: {first['msg']}") from error
