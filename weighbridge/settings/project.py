"""All settings of a project.

`commands.project` collects them from a file, from variables and from Invoke. This module only checks the result.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from weighbridge.errors import SettingsError
from weighbridge.settings.budgets import Budgets
from weighbridge.settings.containers import Before, Container
from weighbridge.settings.limits import ImageLimits
from weighbridge.settings.messages import Origin, describe_error
from weighbridge.settings.roles import ApiRole, Role, Roles, WorkerRole, complete
from weighbridge.settings.services import Service
from weighbridge.settings.smoke import Smoke
from weighbridge.settings.values import (
    UNIQUE,
    Argument,
    FilePath,
    Host,
    Name,
    Pattern,
    Reference,
    RegistryHost,
    Repository,
    Section,
    usual_values,
)

BaseRole = Literal["python", "redis"]


NO_VARIANT = "Name an image with --image, or write a file weighbridge.yaml with the key `variants`."
"""The advice where a command needs variants and there are none."""


class Bases(Section):
    """Names of the official base images. If no registry can be reached, our stand-ins replace them."""

    python: Reference = "python:3.13-slim-trixie"
    redis: Reference = "redis:8-alpine"

    def map_roles(self) -> dict[BaseRole, str]:
        """Return role -> name."""
        return {"python": self.python, "redis": self.redis}


class Variant(Section):
    """One way to build the image."""

    accepts: dict[str, Annotated[str, Field(min_length=1)]] = {}
    """Name or title of a rule of `invoke smoke` that is waived for this variant -> why."""

    target: Argument | None = None
    """Stage of the Dockerfile to build; None: the last one."""
    dockerfile: FilePath = "Dockerfile"
    context: FilePath = "."
    arguments: dict[Argument, Argument] = {}
    """Additional build arguments."""


class Reports(Section):
    """Where `invoke report` keeps its records."""

    directory: FilePath | None = "reports"
    """Below the project's folder, or an absolute path; None: nothing is recorded."""


class EngineUse(Section):
    """How images of the engine are read."""

    local_store: bool = True
    """Whether to read layers in the engine's own folder, if it is on this machine and this user may read it."""


class Registries(Section):
    """How images of registries are read."""

    token_hosts: dict[RegistryHost, tuple[Host, ...]] = {}
    """A registry's host -> hosts that may get the user's login for it, because they give out its tokens.

    The registry's own host may always get it, and so may the token hosts of Docker Hub and gitlab.com.
    """


class Change(Section):
    """A change of one file; `invoke report --rebuild` measures what it costs."""

    file: FilePath
    """Path in the build context of every variant, with slashes."""
    find: Pattern = ""
    """Regular expression whose first match is replaced; empty: nothing is replaced."""
    replace: str = ""
    append: str = ""
    """A line to add at the end of the file; empty: none."""

    @model_validator(mode="after")
    def _check_is_new(self) -> Self:
        """Refuse a change that is the same each time: the second build would come from the cache."""
        if UNIQUE not in (self.replace if self.find else "") + self.append:
            raise ValueError(f"neither the replacement nor the line to append contains {UNIQUE}")
        return self


class Init(Section):
    """What `weighbridge init` has left in the file that it wrote; only `weighbridge init --check` reads it."""

    version: Argument = ""
    """The version that wrote the file, or that its owner last checked it against."""
    saw: dict[Argument, dict[Argument, Argument]] = {}
    """Thing in the repository -> what was seen of it, by name."""


class Settings(Section):
    """All settings of the project."""

    repository: Repository = "backend"
    """Images are named `repository:variant`."""
    bases: Bases = usual_values()
    variants: dict[Name, Variant] = {}
    roles: Roles = Field(default_factory=dict, validate_default=True)
    """Name -> a role that the images run in, in the order in which they start; null: there is none of that name."""
    smoke: Smoke = usual_values()
    reports: Reports = usual_values()
    registries: Registries = usual_values()
    engine: EngineUse = usual_values()
    changes: dict[Name, Change] = {}
    """The changes that `invoke report --rebuild` tries, in this order."""
    budgets: Budgets = usual_values()
    limits: ImageLimits = usual_values()
    init: Init = usual_values()

    @field_validator("budgets")
    @classmethod
    def _check_budgets(cls, value: Budgets, info: ValidationInfo) -> Budgets:
        """Refuse limits of an unknown variant: they would never be checked."""
        known = info.data.get("variants", value.variants)
        if unknown := sorted(set(value.variants) - set(known)):
            raise ValueError(f"{', '.join(unknown)} is no variant: choose from {', '.join(known)}")
        return value

    @field_validator("roles", mode="before")
    @classmethod
    def _complete_roles(cls, value: Any) -> Any:
        return complete(value)

    @model_validator(mode="after")
    def _check_stack(self) -> Self:
        """Refuse what refers to a role or a variant that there is not, and names that two containers have."""
        containers: dict[str, Container] = {f"roles.{name}": role for name, role in self.roles.items()}
        containers |= {f"smoke.before.{name}": command for name, command in self.smoke.before.items()}
        for place, each in containers.items():
            if each.variant and each.variant not in self.variants:
                raise ValueError(_describe_unknown(f"{place}.variant", each.variant, self.variants))
        for name, command in self.smoke.before.items():
            if command.role and command.role not in self.roles:
                raise ValueError(_describe_unknown(f"smoke.before.{name}.role", command.role, self.roles))
        for index, probe in enumerate(self.smoke.probes):
            if probe.role not in {*self.roles, "stack"}:
                raise ValueError(_describe_unknown(f"smoke.probes.{index}.role", probe.role, [*self.roles, "stack"]))
            if not self.api_names:
                raise ValueError("smoke.probes: no role is of kind `api`, so nobody answers a request")
        names = [*self.roles, *(alias for role in self.roles.values() for alias in role.aliases), *self.services]
        names += [alias for service in self.services.values() for alias in service.aliases]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two roles or services have the name or alias `{twice}`")
        return self

    @property
    def api_names(self) -> tuple[str, ...]:
        """The names of the roles that answer HTTP."""
        return tuple(name for name, role in self.roles.items() if role.kind == "api")

    @property
    def worker_names(self) -> tuple[str, ...]:
        """The names of the roles that run jobs."""
        return tuple(name for name, role in self.roles.items() if role.kind == "worker")

    def get_api(self, name: str) -> ApiRole:
        """Return a role of kind `api`."""
        role = self.roles[name]
        assert isinstance(role, ApiRole)  # noqa: S101 - whoever asks has its name from `api_names`
        return role

    def get_worker(self, name: str) -> WorkerRole:
        """Return a role of kind `worker`."""
        role = self.roles[name]
        assert isinstance(role, WorkerRole)  # noqa: S101 - whoever asks has its name from `worker_names`
        return role

    def find_api_for(self, role: str) -> str:
        """Return the API to which requests go that are about a role: that role itself, or the first of all.

        There is at least one, because settings with requests and without an API are refused.
        """
        return role if role in self.api_names else self.api_names[0]

    def find_role_for(self, command: Before) -> str:
        """Return the role whose image, variables, folders and files a command has that runs first; empty: none's."""
        if command.role or command.image_key:
            return command.role or ""
        return next(iter(self.api_names), "")

    def get_role(self, name: str) -> Role:
        """Return a role, of whatever kind."""
        return self.roles[name]

    def name_image(self, variant: str) -> str:
        """Return the image name of a variant."""
        return f"{self.repository}:{variant}"

    @property
    def services(self) -> dict[str, Service]:
        """The services of the smoke test, by their names: those that the settings name, else a Redis."""
        named = self.smoke.services
        return {"redis": Service(image=self.bases.redis)} if named is None else dict(named)

    @property
    def image_names(self) -> frozenset[str]:
        """The image names of all variants."""
        return frozenset(map(self.name_image, self.variants))

    @property
    def bench_repository(self) -> str:
        """Name of the images of `invoke bench --images`, without the tag."""
        return f"{self.repository}-bench"

    def select_variants(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return these variants in the order of the settings, or all variants if `names` is empty.

        Raises:
            SettingsError: The settings have no variant, or not one of these; the advice lists those that they have.
        """
        wanted = set(names)
        if not self.variants:
            raise SettingsError("The settings have no variant", advice=NO_VARIANT)
        if unknown := sorted(wanted - set(self.variants)):
            listed = ", ".join(name or "''" for name in unknown)  # empty if a script's variable is not set
            advice = f"Choose from {', '.join(self.variants)} (variants in the settings)."
            raise SettingsError(f"Unknown variant {listed}", advice=advice)
        return tuple(name for name in self.variants if not wanted or name in wanted)


def _describe_unknown(place: str, name: str, known: Iterable[str]) -> str:
    return f"{place}: there is no {name}; choose from {', '.join(known) or 'none'}"


def check(values: Mapping[str, Any], origin: Origin | None = None) -> Settings:
    """Return the settings that a mapping holds.

    Args:
        values: Nested as in a file.
        origin: Where they come from, for the error.

    Raises:
        SettingsError: One line that names the first wrong key and what it should be.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        message, advice = describe_error(error.errors(), Settings, origin or Origin())
        raise SettingsError(message, advice=advice) from error
