"""How an image is put to the test: its two roles, what is asked of them, and what may break."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from weighbridge.model.smoke import title_of
from weighbridge.settings.values import UNIQUE, Bytes, Command, Name, Pattern, Seconds, Section, Size, UrlPath, matching

Method = Literal["GET", "POST"]
_LEAST_MEMORY_BYTES = 6 * 2**20


class Role(Section):
    """One of the two things that the image runs as."""

    command: Command | None = None
    """None: the image's own command."""
    environment: dict[str, str] = {}
    health: Command | None = None
    """Run in the role's container, exit code 0 is healthy. None: the image's own health check."""
    grace_seconds: Seconds = 20
    """How long the role may take to end after SIGTERM."""
    memory: Bytes = Size(512 * 2**20, "512 MiB")
    """How much its container may have; with more, the kernel ends a process of it."""
    processes: int = Field(default=128, ge=8, le=4_194_304)
    """How many processes and threads its container may have; the engine's init and commands count."""

    @field_validator("memory")
    @classmethod
    def _engine_takes_it(cls, value: Size) -> Size:
        if value.bytes < _LEAST_MEMORY_BYTES:
            raise ValueError(f"{value.written} is below the 6 MiB that an engine gives a container at least")
        return value


class ApiRole(Role):
    """The role that answers HTTP."""

    port: int = Field(default=8000, gt=0, lt=65536)
    live: UrlPath = "/livez"
    """Answers 200 as soon as the API serves, whatever it depends on."""
    ready: UrlPath = "/readyz"
    """Answers 200 when what the API depends on answers, else 503."""
    headers: dict[str, str] = {}
    """Sent with each request, such as a token that guards writes."""
    openapi: UrlPath | None = "/openapi.json"
    """None: the API does not describe itself."""


class WorkerRole(Role):
    """The role that runs jobs."""

    registered: Command = ("celery", "--broker", "redis://redis:6379/0", "inspect", "registered", "--json")
    """Run in the image: asks the worker through Redis and prints JSON, worker -> names of the jobs that it knows."""
    jobs: tuple[str, ...] = ()
    """Names of the jobs that the API sends."""
    slow_job: Command | None = None
    """Run in the image: sends a job of some seconds and prints its id. None: not tried."""
    job_result: Command | None = None
    """Run in the image with the id appended: waits for the job's result, exit code 0 when it succeeded."""


class Roles(Section):
    """The roles; both run from the same image."""

    api: ApiRole = ApiRole()
    worker: WorkerRole = WorkerRole()


class Request(Section):
    """One request to the API. In its texts, `{name}` is what an earlier step kept, and `{unique}` a new word."""

    get: UrlPath | None = None
    post: UrlPath | None = None
    body: Any = None
    """Sent as JSON."""
    status: tuple[int, ...] = ()
    """Statuses of which one must come; empty: any below 400."""
    keep: dict[Annotated[str, matching(r"[A-Za-z0-9_]+", "name of letters, digits and `_`")], str] = {}
    """Name -> field of the answer, dots between the parts: `items.0.id`."""

    @field_validator("status", mode="before")
    @classmethod
    def _one_is_enough(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int) else value

    @model_validator(mode="after")
    def _has_one_path(self) -> Self:
        if (self.get is None) == (self.post is None):
            raise ValueError("a request has either `get` or `post`")
        return self

    @property
    def method(self) -> Method:
        """The HTTP method, which follows from the key that has the path."""
        return "GET" if self.post is None else "POST"

    @property
    def path(self) -> str:
        """The path, with its placeholders."""
        return self.get or self.post or ""


class Step(Request):
    """A request and what its answer must hold."""

    until: dict[str, Any] = {}
    """Field -> value; asked again until all are so."""
    expect: dict[str, Any] = {}
    """Field -> value."""
    equals: Any = None
    """The whole answer, as JSON. None: anything."""


class Probe(Section):
    """A few requests that show that the application works: one rule of the smoke test."""

    rule: Name
    role: Literal["api", "worker", "stack"] = "stack"
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]


class Faults(Section):
    """What `invoke smoke --faults` breaks, and how it tells whether anything was lost."""

    environment: dict[str, str] = {}
    """Of both roles while faults are tried, such as a shorter time until a lost job is sent again."""
    write: Request | None = None
    """Stores something new, and keeps what `read` needs. None: no fault of writing is tried."""
    read: UrlPath | None = None
    """Answers 200 for what was stored."""

    @model_validator(mode="after")
    def _reads_what_it_writes(self) -> Self:
        if (self.write is None) != (self.read is None):
            raise ValueError("`write` and `read` belong together")
        if self.write and (len(self.write.keep) != 1 or UNIQUE not in str(self.write.body)):
            raise ValueError(f"`write` keeps one field, and its body holds {UNIQUE}")
        return self


class Smoke(Section):
    """How `invoke smoke` runs."""

    timeout_seconds: Seconds = 60
    """How long a role may take to become healthy, and a job to be done."""
    user: int = Field(default=10001, gt=0, lt=2**31)
    """Numeric user that both roles must run as."""
    environment: dict[str, str] = {"REDIS_URL": "redis://redis:6379/0"}
    """Of both roles. Redis is there as `redis`, port 6379."""
    data: Annotated[str, matching(r"(/[A-Za-z0-9_.-]+)+", "absolute path of a folder, such as `/data`")] | None = (
        "/data"
    )
    """The one folder, besides /tmp, that both roles may write to; they share it. None: they need none."""
    log_errors: Pattern = (
        r'"(level|levelname|severity)": ?"(error|critical|fatal)"|(^| )level=(error|critical|fatal)\b'
        r"|\b(ERROR|CRITICAL|FATAL)\b|^Traceback "
    )
    """What no line of a log may match."""
    probes: tuple[Probe, ...] = ()
    """Tried in this order, once API and worker are ready."""
    faults: Faults = Faults()

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.data == "/tmp":  # noqa: S108 - in a container
            raise ValueError("data: /tmp is there anyway; say null where the roles need no other folder")
        titles = [title_of(probe.role, probe.rule) for probe in self.probes]
        twice = next((title for title in titles if titles.count(title) > 1), None)
        if twice:
            raise ValueError(f"probes: two are called `{twice}`")
        return self
