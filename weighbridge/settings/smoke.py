"""How to test images: the services, what runs first, the requests that must work, the faults that they must survive."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from weighbridge.model.rules import Profile, build_title
from weighbridge.settings.containers import Before
from weighbridge.settings.names import Folder, RoleName, ServiceName
from weighbridge.settings.probes import Probe, Request, is_new_each_time
from weighbridge.settings.services import Service
from weighbridge.settings.stubs import StubAnswer
from weighbridge.settings.values import (
    UNIQUE,
    Argument,
    Bytes,
    FilePath,
    Host,
    NullRemoves,
    Pattern,
    Seconds,
    Section,
    Size,
    UrlPath,
    usual_values,
)


def _wrap_path(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


_PATH_OR_PATHS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Paths = Annotated[tuple[FilePath, ...], BeforeValidator(_wrap_path), WithJsonSchema(_PATH_OR_PATHS)]
"""Several paths; a single one may stand without a list."""


class Faults(Section):
    """What `invoke smoke --faults` needs in order to break things and find out whether anything was lost."""

    environment: dict[Argument, Argument] = {}
    """Variables of all roles while faults are tried, such as a shorter time until a lost job is sent again."""
    write: Request | None = None
    """Request that stores something new, and keeps what `read` needs. None: faults that need a write are not tried."""
    read: UrlPath | None = None
    """Path that answers 200 if what was written is stored."""

    @model_validator(mode="after")
    def _check_write_and_read(self) -> Self:
        if (self.write is None) != (self.read is None):
            raise ValueError("`write` and `read` belong together")
        if self.write and (
            [type(kept) for kept in self.write.keep.values()] != [str] or not is_new_each_time(self.write)
        ):
            raise ValueError(f"`write` has to keep exactly one field, and its body has to contain {UNIQUE}")
        return self


class Smoke(Section):
    """How `invoke smoke` runs."""

    profile: Profile = "works"
    """`works`: that it starts, is healthy, answers, does its jobs and stops in order, and no error is in its logs.
    `hardened`: on a read-only root and without privileges, too, and that the image is fit for that."""
    compose: Paths | Literal[False] | None = None
    """Compose files, from the project's folder, that describe roles and services; the settings override them. None:
    those that Compose finds there, if neither `roles` nor `smoke.services` says anything. False: none."""
    timeout_seconds: Seconds = 60
    """How long a role may take to become healthy, a job to be done, and a command or a request to answer."""
    user: int = Field(default=10001, gt=0, lt=2**31)
    """Number of the user that roles must run as, unless a role names its own."""
    environment: dict[Argument, Argument] = {"REDIS_URL": "redis://redis:6379/0"}
    """Variables of all roles, which reach each service by its name. Nothing, if `services` is set and this is not."""
    env_file: Paths = ()
    """Files with further variables of all roles, in Compose's syntax, from the project's folder."""
    services: Annotated[dict[ServiceName, Service], NullRemoves()] | None = None
    """Name -> a service that the roles need. None: one, `redis`, of `bases.redis`; an empty section: none."""
    before: Annotated[dict[RoleName, Before], NullRemoves()] = {}
    """Name -> a command that runs once the services are ready, before any role starts, such as a migration."""
    data: Folder | None = "/data"
    """The folder, besides /tmp, where all roles may write; they share it. None: they need none."""
    data_limit: Bytes = Size(2**30, "1 GiB")
    """How much the files in that folder may take at the end; while the roles run, no file may grow beyond it."""
    cpus: float = Field(default=2, ge=0.1, le=1024)
    """How many processors each container may use."""
    log_errors: Pattern = (
        r'"(level|levelname|severity)": ?"(error|critical|fatal)"|(^| )level=(error|critical|fatal)\b'
        r"|\b(ERROR|CRITICAL|FATAL)\b|^Traceback |^Error: |; not expected\)$"
    )
    """Regular expression that no line of a log may match."""
    probes: tuple[Probe, ...] = ()
    """Probes, in the order in which they are tried once all roles are ready."""
    stubs: dict[Host, Annotated[tuple[StubAnswer, ...], Field(min_length=1)]] = {}
    """Host of a third party -> requests to it, and the answers that they get by HTTP and HTTPS."""
    faults: Faults = usual_values()

    @model_validator(mode="before")
    @classmethod
    def _forget_redis(cls, values: Any) -> Any:
        """Set no address of a Redis where the settings name the services themselves; null removes one of them."""
        if isinstance(values, dict) and isinstance(values.get("services"), Mapping):
            services = {name: value for name, value in values["services"].items() if value is not None}
            return {"environment": {}, **values, "services": services}
        return values

    @field_validator("before", mode="before")
    @classmethod
    def _remove_none(cls, values: Any) -> Any:
        """Remove what null stands for, such as a command of a compose file."""
        return (
            {name: value for name, value in values.items() if value is not None}
            if isinstance(values, Mapping)
            else values
        )

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        """Refuse a name that two services have: which of them answers would be chance."""
        names = [each for name, service in (self.services or {}).items() for each in (name, *service.aliases)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ValueError(f"services: two names or aliases are `{twice}`")
        return self

    @model_validator(mode="after")
    def _check_data_and_probes(self) -> Self:
        if self.data == "/tmp":  # noqa: S108 - in a container
            raise ValueError("data: the roles can write to /tmp anyway; set it to null if they need no other folder")
        if taken := sorted({"redis", "api", "worker", "client", "stubs"} & {*self.stubs}):
            raise ValueError(f"stubs: {taken[0]} is the name of a container of ours")
        titles = [build_title(probe.role, probe.rule) for probe in self.probes]
        twice = next((title for title in titles if titles.count(title) > 1), None)
        if twice:
            raise ValueError(f"probes: two are called `{twice}`")
        return self
