"""Rules on a broker that loses its messages, or gets one that nobody can read: each returns what it saw, or raises."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from weighbridge.errors import EngineFault
from weighbridge.settings.probes import Probe
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import probes as probe_rules
from weighbridge.smoke.rules.revival import check_same_processes, check_work
from weighbridge.smoke.stack import exit_reason, queues, redis_commands
from weighbridge.smoke.stack.containers import Stack

_TAKEN_SECONDS = 10.0
"""How long a worker may take to look at a message, which it does at once."""
_MOMENT_SECONDS = 1.0
"""How long it then takes to end because of it."""
_GARBAGE = "not a message"
_PUSH = """
local pushed = {}
for database = 0, 15 do
  if redis.pcall('select', database).err then break end
  local cursor = '0'
  repeat
    local answer = redis.call('scan', cursor, 'MATCH', '*_kombu.binding.*', 'COUNT', 1000)
    cursor = answer[1]
    for _, key in ipairs(answer[2]) do
      local prefix = string.match(key, '^(.-)_kombu%.binding%.')
      for _, member in ipairs(redis.call('smembers', key)) do
        local queue = string.match(member, '([^\\22]*)$')
        if not string.find(queue, '%.pidbox$') and not string.find(queue, '^celeryev%.') then
          redis.call('rpush', prefix .. queue, ARGV[1])
          pushed[#pushed + 1] = queue
        end
      end
    end
  until cursor == '0'
end
return #pushed == 0 and '[]' or cjson.encode(pushed)
"""
"""Puts a text into each queue that Kombu's bindings name, in each database, with the prefix that its keys may have."""


def survives_undecodable_message(stack: Stack, services: Sequence[str], probes: Sequence[Probe]) -> str:
    """A message that is no JSON, in each queue of Celery, ends no worker, and the jobs after it are done."""
    before = {role: stack.read_state(role).started_at for role in stack.settings.worker_names}
    pushed = sorted({queue for service in services for queue in _push_garbage(stack, service)})
    if not pushed:
        raise CheckFailed(
            f"no queue of Celery was found in {' or '.join(services)}, so nothing was tried; if it has a password, let "
            "the address in smoke.environment or in a role's environment have it"
        )
    named = f"the queue{'s' * (len(pushed) > 1)} {', '.join(pushed)}"
    if ended := _wait_for_end(stack, before, pushed):
        raise CheckFailed(
            f"a message that is no JSON, in {named}, ended the worker: {ended}; Celery reads Redis in its main loop, "
            "so it ends each worker that takes it: let a Kombu transport of your own drop such messages, or if "
            "whatever runs the worker starts it again, accept this rule with that reason"
        )
    check_work(stack, probes, f"after a message that is no JSON, in {named}")
    return f"dropped what is no JSON in {named}, and did the next job"


def _push_garbage(stack: Stack, service: str) -> list[str]:
    """Put a text that is no message into each queue of Celery that a service has; return their names."""
    try:
        return [str(queue) for queue in json.loads(redis_commands.run(stack, service, "eval", _PUSH, "0", _GARBAGE))]
    except (EngineFault, ValueError):  # what is no broker of ours may have no such command
        return []


def _wait_for_end(stack: Stack, before: Mapping[str, float], pushed: Iterable[str]) -> str:
    """Wait until the messages are taken, and a moment longer; return how a worker ended by then. Empty: none has."""
    until = time.monotonic() + _TAKEN_SECONDS
    while time.monotonic() < until:
        if ended := _find_ended(stack, before):
            return ended
        if not set(pushed) & queues.count_waiting(stack).keys():
            until = min(until, time.monotonic() + _MOMENT_SECONDS)
        stack.interruption.pause()
    return ""


def _find_ended(stack: Stack, before: Mapping[str, float]) -> str:
    for role, started_at in before.items():
        state = stack.read_state(role)
        if not state.running or state.started_at != started_at:
            log = stack.read_streams(role, exit_reason.LINES)
            why = exit_reason.find_reason(log, stack.settings.smoke.log_errors)
            return f"{role} exited with code {state.exit_code}: {why}"
    return ""


def list_waiting(probes: Iterable[Probe]) -> list[Probe]:
    """Return the probes that send something and then wait for what becomes of it: their answers tell of a job."""
    return [probe for probe in probes if _find_wait(probe)]


def survives_flush(stack: Stack, service: str, probes: Sequence[Probe]) -> str:
    """After a broker was emptied while its connections stay, the roles go on: they do new jobs without a restart."""
    with check_same_processes(stack, service):
        flush(stack, service)
        check_work(stack, probes, f"after {service} was emptied")
    return "new jobs are done without a restart"


def flush_loses_no_job(stack: Stack, service: str, probes: Sequence[Probe]) -> str:
    """Jobs that were accepted before a broker was emptied, while no worker ran, are done afterwards."""
    began = [(probe, dict[str, Any](unique=secrets.token_hex(8))) for probe in probes]
    for role in stack.settings.worker_names:
        stack.engine.send_signal(stack.build_name(role), "SIGKILL")
        stack.wait(role, lambda state: not state.running, stack.settings.smoke.timeout_seconds)
    try:
        for probe, kept in began:
            probe_rules.take_steps(stack, probe, probe.steps[: _find_wait(probe)], kept)
        flush(stack, service)
    finally:
        for role in stack.settings.worker_names:
            stack.engine.start(stack.build_name(role))
    again = time.monotonic()
    for probe, kept in began:
        try:
            probe_rules.take_steps(stack, probe, probe.steps[_find_wait(probe) :], kept)
        except CheckFailed as error:
            raise CheckFailed(
                f"what {probe.rule} was promised before {service} was emptied was not done: {error}; keep each job as "
                "a row with its state, and let something send again what is not done, within smoke.timeout_seconds; if "
                "a lost job does no harm, accept this rule with that reason"
            ) from error
    named = ", ".join(probe.rule for probe in probes)
    return f"{named}: accepted before, done {time.monotonic() - again:.1f} s after the workers started again"


def flush(stack: Stack, service: str) -> None:
    """Empty a service that speaks Redis' protocol; raise `CheckFailed` if it refuses."""
    said = redis_commands.run(stack, service, "flushall")
    if said != "OK":
        raise CheckFailed(
            f"{service} could not be emptied: {said or 'it says nothing'}; if it has a password, let the address in "
            "smoke.environment or in a role's environment have it"
        )


def _find_wait(probe: Probe) -> int:
    """Return the place of the first step that waits for something after others have sent it; 0: there is none."""
    return next((place for place, step in enumerate(probe.steps) if place and step.until), 0)
