"""Runs Python inside a container: an image needs no shell, but it must have an interpreter."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from weighbridge.engine.protocol import TIMED_OUT
from weighbridge.errors import EngineFault
from weighbridge.model.container import CommandResult
from weighbridge.smoke import scripts
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import exit_reason, standing
from weighbridge.smoke.stack.blueprint import CLIENT, INTERPRETERS
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.exit_reason import find_last_line
from weighbridge.smoke.stack.observations import Findings, Listener, Process

_SCRIPTS = Path(str(scripts.__file__)).parent
_OLDEST_PYTHON = 3, 9
_CANNOT_EXECUTE = frozenset({126, 127})
_LEAST_SECONDS = 30.0
"""How long each script may print nothing, or as long as a role may take to become healthy."""
_SPARE_SECONDS = 10.0
"""How much longer than its own limit we wait for a command: it is ended inside, where that leaves no process behind."""
_ARGUMENT_CHARACTERS = 100_000
"""Linux takes no argument of 128 KiB or more (MAX_ARG_STRLEN)."""
_BOUNDED = f"""
import subprocess, sys
try:
    sys.exit(subprocess.run(sys.argv[2:], timeout=float(sys.argv[1])).returncode)
except subprocess.TimeoutExpired:
    print('still running after', sys.argv[1], 's', file=sys.stderr)
    sys.exit({TIMED_OUT})
except OSError as error:
    sys.exit(str(error))
"""


def probe(stack: Stack, container: str) -> Findings:
    """Return what the probe script sees inside a container."""
    facts = run_script(stack, container, "probe.py")
    processes = tuple(
        Process(**{**each, "uids": tuple(each["uids"]), "command": tuple(each.get("command", ()))})
        for each in facts.pop("processes")
    )
    listening = tuple(Listener(**each) for each in facts.pop("listening"))
    return Findings(processes=processes, listening=listening, **facts)


def probe_once(stack: Stack, container: str) -> Findings:
    """Return what the first probe of a container saw; several rules read it."""
    findings = stack.observed.findings
    if container not in findings:
        findings[container] = probe(stack, container)
    return findings[container]


def check_version(stack: Stack, container: str) -> str:
    """Return the version of a container's Python; raise `CheckFailed` if it does not run or is too old."""
    result = _run_python(stack, container, "import sys; print(*sys.version_info[:3])")
    if result.code:
        raise CheckFailed(_find_cause(stack, result))
    found = tuple(int(part) for part in find_last_line(result.streams.output).split())
    name = f"Python {'.'.join(map(str, found))}"
    if found < _OLDEST_PYTHON:
        raise CheckFailed(f"{name} is older than {'.'.join(map(str, _OLDEST_PYTHON))}, which our scripts need")
    return name


def run_script(
    stack: Stack,
    container: str,
    name: str,
    *arguments: str,
    seconds: float = 0,
    on_line: Callable[[str], None] | None = None,
) -> Any:
    """Run one of our scripts in a container and return the JSON that it prints.

    Args:
        stack: The stack that the container belongs to.
        container: Its name in the stack.
        name: A file of `scripts/`.
        arguments: Arguments of the script.
        seconds: How long the script may print nothing, if that is longer than what each script gets.
        on_line: Called with each line of output as soon as it is printed.
    """
    source = read_script(name)
    result = _run_python(stack, container, source, *arguments, seconds=seconds, on_line=on_line)
    try:
        return json.loads(find_last_line(result.streams.output))
    except ValueError:
        why = _find_cause(stack, result)
        raise CheckFailed(f"{name} failed with code {result.code} inside: {why}") from None


def ask(stack: Stack, name: str, wanted: Mapping[str, Any], **options: Any) -> Any:
    """Run a script that takes JSON, in the client's container; otherwise like `run_script`."""
    return run_script(stack, CLIENT, name, *build_arguments(wanted), **options)


def read_script(name: str) -> str:
    """Return the source of one of our scripts."""
    return (_SCRIPTS / name).read_text(encoding="utf-8")


def build_arguments(wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """Return JSON as arguments, each as long as Linux allows; a script joins them."""
    text = json.dumps(wanted)
    return tuple(text[start : start + _ARGUMENT_CHARACTERS] for start in range(0, len(text), _ARGUMENT_CHARACTERS))


def run(stack: Stack, command: Sequence[str], seconds: float, *, role: str) -> str:
    """Run a command about a role in the client's container of its image; return the last line of standard output.

    It is killed when the time is up, because a command that waits for the result of a lost job would never end.

    Raises:
        CheckFailed: It exited with another code than 0, or the time was up.
    """
    result = _run_python(
        stack, stack.get_client(role), _BOUNDED, f"{seconds:g}", *command, seconds=seconds + _SPARE_SECONDS
    )
    if result.code:
        raise CheckFailed(f"`{' '.join(command)}` failed with code {result.code}: {_find_cause(stack, result)}")
    return find_last_line(result.streams.output)


def _find_cause(stack: Stack, result: CommandResult) -> str:
    """Return in one line why a command failed, or that its time was up and which error it reported until then."""
    errors, streams = stack.settings.smoke.log_errors, stack.mask_streams(result.streams)
    if result.code != TIMED_OUT:
        return exit_reason.find_cause(streams, errors)
    error, late = exit_reason.find_error(streams, errors), find_last_line(streams.errors)
    return f"{late}; it said: {error}" if error else late


def _run_python(
    stack: Stack,
    container: str,
    source: str,
    *arguments: str,
    seconds: float = 0,
    on_line: Callable[[str], None] | None = None,
) -> CommandResult:
    """Run a script without the image's own site-packages; return its result."""
    reason, limit = "", max(seconds, _LEAST_SECONDS, stack.settings.smoke.timeout_seconds)
    program = standing.Program(source=source, arguments=arguments, seconds=limit, on_line=on_line)
    for name in stack.get_interpreters(container):
        try:
            result = _run_by(stack, container, name, program)
        except EngineFault as error:  # newer engines: the image has no such program
            reason = error.message
            state = stack.read_state(container)
            if not state.running:
                log = stack.read_streams(container, exit_reason.LINES)
                why = exit_reason.find_reason(log, stack.settings.smoke.log_errors)
                raise CheckFailed(f"{container} has ended, with code {state.exit_code}: {why}") from error
        else:
            if result.code not in _CANNOT_EXECUTE:
                return result
            reason = _find_cause(stack, result)
    raise CheckFailed(f"no {' or '.join(INTERPRETERS)} can be run in the container: {reason}")


def _run_by(stack: Stack, container: str, interpreter: str, program: standing.Program) -> CommandResult:
    """Run a script by an interpreter, or in a client's container, if that works, by the one that stays there."""
    begin = (interpreter, "-I", "-S", "-c")
    if container in stack.blueprint.clients and stack.get_interpreters(container) == (interpreter,):
        result = standing.run(stack, container, (*begin, read_script("stay.py")), program)
        if result:
            return result
    command = (*begin, program.source, *program.arguments)
    return stack.engine.execute(stack.build_name(container), command, program.seconds, program.on_line)
