"""The settings of both roles, from the environment and from files in /run/secrets."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

SECRETS_FOLDER = Path("/run/secrets")
"""Where Docker and Compose mount secrets: one file per setting, with its name. The environment overrides the file."""
BLANKS = " \t\r\n"
"""HTTP strips these around a header's value, so a token cannot begin or end with them."""
JOB_SECONDS = 25
"""A job that takes longer fails. This is less than a stop waits (`stop_grace_period`), so a stop interrupts no job."""
MAX_RETRY_WAIT_SECONDS = 60
_TOKEN_SETTINGS = ("api_token", "read_tokens", "write_tokens", "admin_tokens")
_KILL_SECONDS = 3
"""How long a job may take to end after it was asked to, before it is killed."""
_RESTORE_SECONDS = 10
_RETRYING_SECONDS = 180
"""How long a job is retried, without jitter."""


def _check_scheme(url: str, *allowed: str) -> SplitResult:
    """Return a URL's parts. No error repeats the value, because a URL may contain a password."""
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in allowed:
        raise ValueError(f"must be a URL that begins with {' or '.join(f'{name}://' for name in allowed)}")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("must have a valid host, with an IPv6 address in brackets") from None
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("must have a port number up to 65535") from None
    return parts


def _check_redis(given: str) -> str:
    url = drop_mark(given)
    parts = _check_scheme(url, "redis", "rediss")
    if not parts.hostname:
        raise ValueError("must name a host, as in redis://redis:6379/0")
    if not re.fullmatch("/?[0-9]*", parts.path):
        raise ValueError("must end in the number of a database, as in redis://redis:6379/0")
    return url


def _check_database(given: str) -> str:
    url = drop_mark(given)
    parts = _check_scheme(url, "sqlite", "postgresql", "postgres", "postgresql+psycopg")
    path = parts.path.removeprefix("/")
    if parts.scheme == "sqlite" and (parts.netloc or not path or path.startswith((":memory:", "file:"))):
        raise ValueError("must name a file, as in sqlite:////data/weighbridge.db")
    return url


def _check_token(token: SecretStr | None) -> SecretStr | None:
    """Treat an empty secret file like an empty variable: as no secret. Refuse blanks, which must be a mistake."""
    if token is None or not (text := drop_mark(token.get_secret_value())):
        return None
    if not (bare := text.strip(BLANKS)):
        raise ValueError("must not consist of blanks only")
    return SecretStr(bare)


def drop_mark(text: str) -> str:
    """Return a file's text without the mark by which Windows' editors say that it is UTF-8."""
    return text.removeprefix("\ufeff")


def split_tokens(text: str) -> tuple[str, ...]:
    """Return the tokens of a text, separated by blanks and line breaks, without lines that begin with `#`."""
    lines = (line.strip() for line in drop_mark(text).splitlines())
    return tuple(token for line in lines if not line.startswith("#") for token in line.split())


def _check_tokens(tokens: SecretStr | None) -> SecretStr | None:
    """Treat a text without tokens like an empty variable."""
    return tokens if tokens is not None and split_tokens(tokens.get_secret_value()) else None


def _check_reads(needed: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's interface
    if needed and not any(info.data.get(name) for name in _TOKEN_SETTINGS):
        raise ValueError("needs a token: set READ_TOKENS, WRITE_TOKENS, ADMIN_TOKENS or API_TOKEN")
    return needed


class Settings(BaseSettings):
    """All settings. The variable for a field has its name in capitals. An empty variable counts as not set."""

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True, extra="ignore")

    redis_url: Annotated[str, AfterValidator(_check_redis)] = Field("redis://redis:6379/0", repr=False)
    """Used as broker and result store, and for nothing else."""
    database_url: Annotated[str, AfterValidator(_check_database)] = Field("sqlite:////data/weighbridge.db", repr=False)
    api_token: Annotated[SecretStr | None, AfterValidator(_check_token)] = None
    """A bearer token that may read and write. None, and none in the three below: everyone may write."""
    read_tokens: Annotated[SecretStr | None, AfterValidator(_check_tokens)] = None
    """Bearer tokens that may read, separated by blanks or line breaks, as in the next two. `tokens.py` follows their
    files."""
    write_tokens: Annotated[SecretStr | None, AfterValidator(_check_tokens)] = None
    """Bearer tokens that may read and write."""
    admin_tokens: Annotated[SecretStr | None, AfterValidator(_check_tokens)] = None
    """Bearer tokens that may do everything."""
    reads_need_token: Annotated[bool, AfterValidator(_check_reads)] = False
    """Whether reading reports and comparisons needs a token, too. Probes and the description of the API need none."""
    metrics_need_token: Annotated[bool, AfterValidator(_check_reads)] = False
    """Whether `/metrics` needs a token that may read."""
    worker_concurrency: int = Field(2, ge=1, le=64)
    """Processes of one worker. Without it Celery would count the host's processors instead of the container's."""
    visibility_timeout_seconds: int = Field(120, ge=10)
    """A job whose worker was killed goes to another one after this time, plus at most ten seconds.

    It determines the longest wait before a retry and the longest job. Together they must be shorter, or a job that is
    still running would be started a second time. From 114 seconds on, both have their maximum.
    """
    retention_days: int | None = Field(None, ge=1)
    """A report whose record is older is deleted with its comparisons. None: age is no reason."""
    retention_bytes: int | None = Field(None, ge=10**6)
    """The oldest reports are deleted until records and differences have no more bytes. None: size is no reason."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    heartbeat_path: Path = Path("/tmp/worker.heartbeat")  # noqa: S108 - /tmp is the only writable place of a container
    weighbridge_version: str | None = None
    weighbridge_revision: str | None = None
    weighbridge_created: str | None = None

    @property
    def job_seconds(self) -> int:
        """A job that takes longer fails."""
        return min(JOB_SECONDS, self.visibility_timeout_seconds // 2)

    @property
    def job_kill_seconds(self) -> int:
        """A job that takes longer is killed, because it ignored the request to end."""
        return self.job_seconds + min(_KILL_SECONDS, self.visibility_timeout_seconds // 10)

    @property
    def lease_seconds(self) -> int:
        """How long a job belongs to whoever has claimed it: until it is killed, and a bit for storing the reason."""
        return self.job_kill_seconds + self.restore_seconds

    @property
    def max_retry_wait_seconds(self) -> int:
        """The longest wait before a retry. The worker keeps the job meanwhile, and runs it when a process is free."""
        return min(MAX_RETRY_WAIT_SECONDS, (self.visibility_timeout_seconds - self.job_kill_seconds) * 7 // 10)

    @property
    def max_retries(self) -> int:
        """The number of retries that takes about three minutes, given the longest wait between them."""
        count = waited = 0
        while waited < _RETRYING_SECONDS:
            waited += min(2**count, self.max_retry_wait_seconds)
            count += 1
        return count

    @property
    def restore_seconds(self) -> int:
        """How often, in seconds, a worker looks for the jobs of a killed one, in Redis and in the database."""
        return min(_RESTORE_SECONDS, self.visibility_timeout_seconds // 10)

    def secrets(self) -> tuple[str, ...]:
        """Return the values that no log may show."""
        passwords = (urlsplit(url).password for url in (self.redis_url, self.database_url))
        token = self.api_token.get_secret_value() if self.api_token else None
        lists = (self.read_tokens, self.write_tokens, self.admin_tokens)
        others = (word for each in lists if each for word in split_tokens(each.get_secret_value()))
        return tuple(value for value in (token, *others, *passwords) if value)


def load_settings(secrets_folder: Path = SECRETS_FOLDER) -> Settings:
    """Return the settings, or end the process with status 2 and one line for each wrong setting."""
    try:
        return Settings(_secrets_dir=secrets_folder if secrets_folder.is_dir() else None)
    except SettingsError as error:  # its text names the field, and its cause is the error from reading the file
        name = next(name for name in Settings.model_fields if f'"{name}"' in str(error))
        faults = [f"The secret file {secrets_folder / name} cannot be read: {_why(error.__cause__)}"]
    except ValidationError as error:
        faults = [
            f"The setting {'.'.join(map(str, fault['loc'])).upper()} is wrong: "
            + fault["msg"].removeprefix("Value error, ")
            for fault in error.errors(include_input=False, include_context=False, include_url=False)
        ]
    print(*faults, sep="\n", file=sys.stderr)  # noqa: T201 - no log yet
    raise SystemExit(2)


def _why(error: BaseException | None) -> str:
    """Say what is wrong with a file, without quoting its content."""
    return "it is not UTF-8" if isinstance(error, UnicodeError) else getattr(error, "strerror", None) or repr(error)
