"""Python run inside a container: the image may hold no shell, but an interpreter it must have."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weighbridge.errors import EngineFault
from weighbridge.smoke.containers import Stack
from weighbridge.smoke.failures import CheckFailed

_INTERPRETERS = ("python", "python3")
_CANNOT_EXECUTE = frozenset({126, 127})
_TOO_LONG = 124
"""What coreutils' `timeout` exits with too."""
_BOUNDED = f"""
import subprocess, sys
try:
    sys.exit(subprocess.run(sys.argv[2:], timeout=float(sys.argv[1])).returncode)
except subprocess.TimeoutExpired:
    print('still running after', sys.argv[1], 's')
    sys.exit({_TOO_LONG})
except OSError as error:
    sys.exit(str(error))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the probe saw in a container."""

    process_count: int
    with_capabilities: tuple[str, ...]
    """Names of the processes that hold any capability, or could gain one."""
    with_new_privileges: tuple[str, ...]
    """Names of the processes that a setuid program could make more privileged."""
    root_is_read_only: bool
    writes: Mapping[str, str]
    """Folder -> `written`, or the name of the error."""


def probe(stack: Stack, role: str) -> Findings:
    """Return what can be seen from inside a role's container."""
    source = Path(__file__).with_name("probe.py").read_text(encoding="utf-8")
    code, output = _python(stack, role, source)
    try:
        facts = json.loads(output)
    except ValueError:
        raise CheckFailed(f"the probe inside failed with code {code}: {last_line(output)}") from None
    return Findings(
        process_count=len(facts["processes"]),
        with_capabilities=tuple(each["name"] for each in facts["processes"] if each["has_capabilities"]),
        with_new_privileges=tuple(each["name"] for each in facts["processes"] if not each["no_new_privileges"]),
        root_is_read_only=facts["root_is_read_only"],
        writes=facts["writes"],
    )


def run(stack: Stack, role: str, command: Sequence[str], seconds: float) -> str:
    """Run a command in a role's container and return the last line of its output.

    It is killed when the time is up: the result of a lost job would be waited for without end.

    Raises:
        CheckFailed: It exited with another code than 0, or the time was up.
    """
    code, output = _python(stack, role, _BOUNDED, f"{seconds:g}", *command)
    if code:
        raise CheckFailed(f"`{' '.join(command)}` failed with code {code}: {last_line(output)}")
    return last_line(output)


def last_line(text: str) -> str:
    """Return the last line of a log or an output that holds anything."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "(no output)")


def _python(stack: Stack, role: str, source: str, *arguments: str) -> tuple[int, str]:
    """Run a script without the image's own site-packages; return its exit code and its output."""
    reason = ""
    for name in _INTERPRETERS:
        try:
            code, output = stack.engine.execute(stack.name(role), (name, "-I", "-S", "-c", source, *arguments))
        except EngineFault as error:  # how newer engines tell of a program that is not there
            reason = error.message
        else:
            if code not in _CANNOT_EXECUTE:
                return code, output
            reason = last_line(output)
    raise CheckFailed(f"no {' or '.join(_INTERPRETERS)} can be run in the container: {reason}")
