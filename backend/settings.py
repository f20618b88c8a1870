"""The settings of both roles, from the environment and from files in /run/secrets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

SECRETS_FOLDER = Path("/run/secrets")
"""Where Docker and Compose mount secrets: one file per setting, named like it, the environment before the file."""


def _scheme(*allowed: str) -> AfterValidator:
    """Accept a URL of one of these schemes. The message never repeats the value: a URL may hold a password."""

    def check(url: str) -> str:
        try:
            parts = urlsplit(url)
            known, _ = parts.scheme in allowed, parts.port
        except ValueError:
            known = False
        if not known:
            raise ValueError(f"must be a URL that begins with {' or '.join(f'{name}://' for name in allowed)}")
        return url

    return AfterValidator(check)


def _none_if_empty(token: SecretStr | None) -> SecretStr | None:
    """Take an empty secret file for no secret, as an empty variable is."""
    return token if token and token.get_secret_value().strip() else None


class Settings(BaseSettings):
    """Every setting; the variable's name is the field's, in capitals. An empty variable counts as not set."""

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True, extra="ignore")

    redis_url: Annotated[str, _scheme("redis", "rediss")] = Field("redis://redis:6379/0", repr=False)
    """Broker, result store and nothing else."""
    database_url: Annotated[str, _scheme("sqlite", "postgresql", "postgres", "postgresql+psycopg")] = Field(
        "sqlite:////data/weighbridge.db", repr=False
    )
    api_token: Annotated[SecretStr | None, AfterValidator(_none_if_empty)] = None
    """The bearer token that guards every write. None: writes are open."""
    worker_concurrency: int = Field(2, ge=1, le=64)
    """Processes of one worker. Explicit, because Celery would count the host's processors, not the container's."""
    visibility_timeout_seconds: int = Field(3600, ge=10)
    """After this long an unacknowledged job goes to another worker; must exceed the longest job."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    heartbeat_path: Path = Path("/tmp/worker.heartbeat")  # noqa: S108 - /tmp is the only writable place of a container
    weighbridge_version: str | None = None
    weighbridge_revision: str | None = None

    def secrets(self) -> tuple[str, ...]:
        """Return the values that no log may show."""
        passwords = (urlsplit(url).password for url in (self.redis_url, self.database_url))
        token = self.api_token.get_secret_value() if self.api_token else None
        return tuple(value for value in (token, *passwords) if value)


def load_settings(secrets_folder: Path = SECRETS_FOLDER) -> Settings:
    """Return the settings, or end the process with status 2 and one line for each that makes no sense."""
    try:
        return Settings(_secrets_dir=secrets_folder if secrets_folder.is_dir() else None)
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_context=False, include_url=False):
            name = ".".join(str(part) for part in fault["loc"]).upper()
            print(f"The setting {name} makes no sense: {fault['msg']}", file=sys.stderr)  # noqa: T201 - no log yet
        raise SystemExit(2) from None
