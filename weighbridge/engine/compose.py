"""Asks Compose, where it is installed, what a project's compose files say together."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from weighbridge.errors import SettingsError
from weighbridge.quoting import cut

_PROGRAMS = (("docker", "compose"), ("docker-compose",))
_FIRST_WITH_JSON = 2
"""The first major version that knows `config --format json`."""
_ANSWER_SECONDS = 20
_CONFIG_SECONDS = 60
_LONGEST = 500
_LOG_LINE = re.compile(r"time=\"|WARN\[")
"""How Compose begins a warning, which is no reason for an end."""


def render(
    files: Sequence[Path], folder: Path, *, profiles: Iterable[str] = (), environment: Mapping[str, str] | None = None
) -> str | None:
    """Return what `docker compose config --format json` prints; None if there is no Compose, or only version 1.

    Args:
        files: The compose files; each is merged into those before it.
        folder: The project's folder.
        profiles: The profiles that are wanted, `*` for all.
        environment: The variables that Compose gets; None: those of this process.

    Raises:
        SettingsError: Compose refuses the files, or does not end.
    """
    variables = dict(os.environ if environment is None else environment)
    program = _find(variables)
    if program is None:
        return None
    words = [
        *program,
        *(f"--file={path.absolute()}" for path in files),
        f"--project-directory={folder.absolute()}",
        *(f"--profile={each}" for each in profiles),
        *("config", "--format", "json"),
    ]
    name = " ".join(program)
    try:
        done = _run(words, variables, folder, _CONFIG_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        why = (
            f"it did not end within {_CONFIG_SECONDS} s" if isinstance(error, subprocess.TimeoutExpired) else str(error)
        )
        raise SettingsError(f"`{name} config` failed: {why}", advice="Run it yourself to see more.") from error
    if done.returncode:
        raise SettingsError(
            f"`{name} config` refuses the compose files: {_read_reason(done.stderr)}", advice="Correct it in them."
        )
    return done.stdout.decode(errors="replace")


def _find(variables: Mapping[str, str]) -> Sequence[str] | None:
    for program in _PROGRAMS:
        if shutil.which(program[0], path=variables.get("PATH")):
            try:
                done = _run([*program, "version", "--short"], variables, Path.cwd(), _ANSWER_SECONDS)
            except (OSError, subprocess.TimeoutExpired):
                continue
            version = re.match(rb"\s*v?(\d+)", done.stdout)
            if not done.returncode and version and int(version[1]) >= _FIRST_WITH_JSON:
                return program
    return None


def _run(
    words: Sequence[str], variables: Mapping[str, str], folder: Path, seconds: float
) -> subprocess.CompletedProcess[bytes]:
    # The program is looked up on the PATH that it gets, not on that of this process.
    program = shutil.which(words[0], path=variables.get("PATH")) or words[0]
    return subprocess.run(
        [program, *words[1:]],
        cwd=folder,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=seconds,
        check=False,
    )


def _read_reason(stderr: bytes) -> str:
    lines = [line for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    return cut(" ".join([line for line in lines if not _LOG_LINE.match(line)] or lines), _LONGEST).rstrip(".")
