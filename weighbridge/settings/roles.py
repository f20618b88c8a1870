"""The roles of an application: what its images run as, such as an API and a worker."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, GetJsonSchemaHandler, Tag
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from weighbridge.model.rules import RoleKind
from weighbridge.settings.containers import Container
from weighbridge.settings.names import RoleName
from weighbridge.settings.values import Argument, Command, Seconds, UrlPath, build_kind_mark

Port = Annotated[int, Field(gt=0, lt=65536)]


class Role(Container):
    """One of the roles that the images run in."""

    health: Command | None = None
    """Command to run in the role's container; exit code 0 means healthy. None: the health check of the image."""
    grace_seconds: Seconds = 20
    """How long the role may take to end after SIGTERM."""
    after: tuple[RoleName, ...] = ()
    """Roles that have to be healthy before this one starts."""
    ports: tuple[Port, ...] = ()
    """Further TCP ports on which it may listen, such as one for metrics."""


class ApiRole(Role):
    """A role that answers HTTP."""

    kind: Literal["api"] = "api"
    port: Port = 8000
    live: UrlPath = "/livez"
    """Path that answers 200 as soon as the API serves, even if its services are down."""
    ready: UrlPath = "/readyz"
    """Path that answers 200 if the services that the API needs answer, else 503."""
    headers: dict[Argument, Argument] = {}
    """Headers of each request, such as a token that permits writes."""
    openapi: UrlPath | None = "/openapi.json"
    """Path of the OpenAPI document; None: there is none."""


class WorkerRole(Role):
    """A role that runs jobs."""

    kind: Literal["worker"] = "worker"
    queues: tuple[Argument, ...] = ()
    """Queues that it takes jobs from, which is then shown for each."""
    registered: Command | None = None
    """Command to run in the image: asks through the broker, prints JSON: worker -> names of the jobs that it knows.
    None: `celery inspect registered`, with the application of the role's command."""
    jobs: tuple[Argument, ...] = ()
    """Names of the jobs that the API sends."""
    slow_job: Command | None = None
    """Command to run in the image: sends a job that takes seconds, and prints its id. None: no such job is tried."""
    job_result: Command | None = None
    """Command to run in the image, with the id appended: waits for the job, and exits with 0 if the job succeeded."""


class BeatRole(Role):
    """A role that sends jobs by a schedule."""

    kind: Literal["beat"] = "beat"


class OtherRole(Role):
    """A role of which nothing is known but that it runs, such as a front end."""

    kind: Literal["other"] = "other"


def _tell_kind(value: Any) -> str:
    kind = value.get("kind") if isinstance(value, Mapping) else getattr(value, "kind", None)
    return build_kind_mark(str(kind or "other"))


AnyRole = Annotated[
    Annotated[ApiRole, Tag(build_kind_mark("api"))]
    | Annotated[WorkerRole, Tag(build_kind_mark("worker"))]
    | Annotated[BeatRole, Tag(build_kind_mark("beat"))]
    | Annotated[OtherRole, Tag(build_kind_mark("other"))],
    Discriminator(_tell_kind),
]
_KINDS: Mapping[str, RoleKind] = {"api": "api", "worker": "worker", "beat": "beat"}
"""Name of a role -> its kind, where the settings do not say it."""


class _KnowsKinds:
    """Tells editors which keys a role may have: those of the kind that it says, or that its name stands for."""

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Let a role have the keys of its kind; where the name does not tell that, it has to be said."""
        found = handler(schema)
        ((pattern, union),) = found.pop("patternProperties").items()
        sections = dict(zip(get_args(RoleKind), union["oneOf"], strict=True))

        def choose(usual: str = "") -> JsonSchemaValue:
            told = {kind: {"allOf": [each, {"required": ["kind"]}]} for kind, each in sections.items()}
            choices = {**told, usual: sections[usual]} if usual else told
            return {"anyOf": [*choices.values(), {"type": "null"}]}

        others = f"^(?!(?:{'|'.join(_KINDS)})$){pattern.removeprefix('^')}"
        usual = {name: choose(kind) for name, kind in _KINDS.items()}
        return {**found, "properties": usual, "patternProperties": {others: choose()}}


Roles = Annotated[dict[RoleName, AnyRole], _KnowsKinds()]
_USUAL = ("api", "worker")
"""The roles, called like their kinds, that there are unless the settings say otherwise."""


def complete(values: Any) -> Any:
    """Return roles as the settings write them with the kind of each, and with those that there are by default.

    Those are an API and a worker, each unless null stands in its place. Whoever names any other role names all of them.

    Raises:
        ValueError: The kind of a role is not known.
    """
    if not isinstance(values, Mapping):
        return values
    found = {str(name): _add_kind(str(name), value) for name, value in values.items() if value is not None}
    if not {*values} <= {*_USUAL}:
        return found
    usual = {name: {"kind": name} for name in _USUAL if name not in values}
    return {**{name: usual[name] for name in _USUAL if name in usual}, **found} if usual else found


def _add_kind(name: str, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    kind = value.get("kind", _KINDS.get(name))
    known = get_args(RoleKind)
    if kind not in known:
        raise ValueError(f"{name}.kind: it has to be {', '.join(known[:-1])} or {known[-1]}")
    return {**value, "kind": kind}
