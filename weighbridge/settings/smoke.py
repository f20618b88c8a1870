"""How to test an image: its two roles, the requests that must work, and the faults that it must survive."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from weighbridge.model.smoke import build_title
from weighbridge.settings.probes import Probe, Request, is_new_each_time
from weighbridge.settings.services import Service, ServiceName
from weighbridge.settings.stubs import StubAnswer
from weighbridge.settings.values import (
    UNIQUE,
    Argument,
    Bytes,
    Command,
    Host,
    Pattern,
    Seconds,
    Section,
    Size,
    UrlPath,
    require_match,
)

_LEAST_MEMORY_BYTES = 6 * 2**20


class Role(Section):
    """One of the two roles that the image runs in."""

    command: Command | None = None
    """None: the command of the image."""
    environment: dict[Argument, Argument] = {}
    health: Command | None = None
    """Command to run in the role's container; exit code 0 means healthy. None: the health check of the image."""
    grace_seconds: Seconds = 20
    """How long the role may take to end after SIGTERM."""
    memory: Bytes = Size(512 * 2**20, "512 MiB")
    """How much memory its container may use; if it uses more, the kernel kills a process."""
    processes: int = Field(default=128, ge=8, le=4_194_304)
    """How many processes and threads its container may have, with the engine's init and the commands that we run."""

    @field_validator("memory")
    @classmethod
    def _check_memory(cls, value: Size) -> Size:
        if value.bytes < _LEAST_MEMORY_BYTES:
            raise ValueError(f"{value.written} is below 6 MiB, the least that an engine gives a container")
        return value


class ApiRole(Role):
    """The role that answers HTTP."""

    port: int = Field(default=8000, gt=0, lt=65536)
    live: UrlPath = "/livez"
    """Path that answers 200 as soon as the API serves, even if its services are down."""
    ready: UrlPath = "/readyz"
    """Path that answers 200 if the services that the API needs answer, else 503."""
    headers: dict[Argument, Argument] = {}
    """Headers of each request, such as a token that permits writes."""
    openapi: UrlPath | None = "/openapi.json"
    """Path of the OpenAPI document; None: there is none."""


class WorkerRole(Role):
    """The role that runs jobs."""

    registered: Command = ("celery", "--broker", "redis://redis:6379/0", "inspect", "registered", "--json")
    """Command to run in the image: asks through the broker, prints JSON: worker -> names of the jobs that it knows."""
    jobs: tuple[Argument, ...] = ()
    """Names of the jobs that the API sends."""
    slow_job: Command | None = None
    """Command to run in the image: sends a job that takes seconds, and prints its id. None: no such job is tried."""
    job_result: Command | None = None
    """Command to run in the image, with the id appended: waits for the job, and exits with 0 if the job succeeded."""


class Roles(Section):
    """The two roles, which run from the same image."""

    api: ApiRole = ApiRole()
    worker: WorkerRole = WorkerRole()


class Faults(Section):
    """What `invoke smoke --faults` needs in order to break things and find out whether anything was lost."""

    environment: dict[Argument, Argument] = {}
    """Variables of both roles while faults are tried, such as a shorter time until a lost job is sent again."""
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

    timeout_seconds: Seconds = 60
    """How long a role may take to become healthy, a job to be done, and a command or a request to answer."""
    user: int = Field(default=10001, gt=0, lt=2**31)
    """Number of the user that both roles must run as."""
    environment: dict[Argument, Argument] = {"REDIS_URL": "redis://redis:6379/0"}
    """Variables of both roles, which reach each service by its name. Nothing, if `services` is set and this is not."""
    services: dict[ServiceName, Service] | None = None
    """Name -> a service that the roles need. None: one, `redis`, of `bases.redis`; an empty section: none."""
    data: Annotated[str, require_match(r"(/[A-Za-z0-9_.-]+)+", "absolute path of a folder, such as `/data`")] | None = (
        "/data"
    )
    """The only folder, besides /tmp, where both roles may write; they share it. None: they need none."""
    data_limit: Bytes = Size(2**30, "1 GiB")
    """How much the files in that folder may take at the end; while the roles run, no file may grow beyond it."""
    cpus: float = Field(default=2, ge=0.1, le=1024)
    """How many processors each container may use."""
    log_errors: Pattern = (
        r'"(level|levelname|severity)": ?"(error|critical|fatal)"|(^| )level=(error|critical|fatal)\b'
        r"|\b(ERROR|CRITICAL|FATAL)\b|^Traceback "
    )
    """Regular expression that no line of a log may match."""
    probes: tuple[Probe, ...] = ()
    """Probes, in the order in which they are tried once API and worker are ready."""
    stubs: dict[Host, Annotated[tuple[StubAnswer, ...], Field(min_length=1)]] = {}
    """Host of a third party -> requests to it, and the answers that they get by HTTP and HTTPS."""
    faults: Faults = Faults()

    @model_validator(mode="before")
    @classmethod
    def _forget_redis(cls, values: Any) -> Any:
        """Set no address of a Redis where the settings name the services themselves."""
        if isinstance(values, dict) and values.get("services") is not None:
            return {"environment": {}, **values}
        return values

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
