"""Rules on faults: each breaks something, then returns what it saw, or raises `CheckFailed`.

They are tried in turn on a stack of their own. Services go away in `outages`, a broker loses its messages
or gets a wrong one in `broker_faults`, and clients do not go on in `slow_clients`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weighbridge.model.container import TMP
from weighbridge.model.services import REDIS_LIKE, name_kind
from weighbridge.settings.probes import Request
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import probes as probe_rules
from weighbridge.smoke.rules import requests, worker
from weighbridge.smoke.rules import start as start_rules
from weighbridge.smoke.rules.another_api import run_another_api
from weighbridge.smoke.rules.requests import fill_placeholders
from weighbridge.smoke.rules.revival import revive
from weighbridge.smoke.stack import advice, inside
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.http import Answer, Client

_LOAD_SECONDS = 3.0
_LOAD_CLIENTS = 4
_KILL_AFTER_SECONDS = 0.7
_OK, _CLIENT_ERROR, _UNAVAILABLE = 200, 400, 503
_CANNOT_WRITE = "an API that cannot write its data is not live"
_SMALL_DISK = "size=4m,mode=0770,uid={user},gid={user}"
"""Names the owner, because some engines give a tmpfs the permissions of the folder that the image has at that path."""
_READ_BACK_AT_ONCE = 50
"""Requests in one command: Linux limits each argument of a command to 128 KiB."""


def killed_worker_loses_no_job(stack: Stack, role: str, slow_job: Sequence[str], job_result: Sequence[str]) -> str:
    """If the worker is killed in the middle of a job, another worker does the job."""
    second = f"second-{role}"
    job, began = worker.begin_job(stack, role, slow_job), time.monotonic()
    stack.engine.send_signal(stack.build_name(role), "SIGKILL")
    stack.wait(role, lambda state: not state.running, stack.settings.smoke.timeout_seconds)
    try:
        start_rules.starts(stack, role, second)
        result = inside.run(stack, (*job_result, job), stack.settings.smoke.timeout_seconds, role=role)
    except CheckFailed as error:
        raise CheckFailed(
            f"no other worker did the job that the killed worker had begun: {error}; acknowledge jobs late "
            f"(task_acks_late){_advise_on_delivery(stack)}"
        ) from error
    finally:
        stack.remove(second)
    return f"the other worker gave {result}, {time.monotonic() - began:.1f} s after the first began"


def _advise_on_delivery(stack: Stack) -> str:
    """Return what decides when a job that was not acknowledged is delivered again, by the services of the stack."""
    kinds = {name_kind(service.image) for service in stack.settings.services.values()}
    timeout = "give smoke.faults.environment a short visibility timeout"
    if "rabbitmq" not in kinds:
        return f", and {timeout}" if kinds & REDIS_LIKE else ""
    told = ": RabbitMQ delivers again what was not acknowledged once the connection is lost, or after consumer_timeout"
    return f"{told}; if Redis is the broker, {timeout}" if kinds & REDIS_LIKE else told


def killed_api_loses_nothing(stack: Stack, write: Request, read: str) -> str:
    """If the API is killed under load, everything that it had accepted is there when it runs again."""
    api, client = stack.api, Client(stack, stack.api)
    killed, limit = list[float](), stack.settings.smoke.timeout_seconds
    (field,) = write.keep.values()
    placeholder = secrets.token_hex(16)  # a word that no encoding changes
    wanted = {
        **client.get_address(),
        **client.build_parts(requests.build(stack, write, {"unique": placeholder})),
        "placeholder": placeholder,
        "field": field,
        "seconds": _LOAD_SECONDS,
        "clients": _LOAD_CLIENTS,
        "answer_seconds": limit,
    }

    def kill(line: str) -> None:
        if line == "begun":
            time.sleep(_KILL_AFTER_SECONDS)
            stack.engine.send_signal(stack.build_name(api), "SIGKILL")
            stack.wait(api, lambda state: not state.running, limit)
            killed.append(time.monotonic())
            stack.engine.start(stack.build_name(api))

    found = inside.ask(stack, "load.py", wanted, seconds=_LOAD_SECONDS + limit + 30, on_line=kill)
    if not killed:
        raise CheckFailed(_describe_refusals(stack, f"{write.method} {wanted['path']}", found))
    if None in found["accepted"]:
        raise CheckFailed(f"{write.method} {write.path} was accepted, but the answer has no {field!r}")
    revive(stack, api)
    (name,) = write.keep
    paths = [str(fill_placeholders(read, {name: each})) for each in found["accepted"]]
    lost = [answer for answer in _read_back(client, paths) if answer.status != _OK]
    if lost:
        if remedy := lost[0].find_remedy():
            seen = advice.describe_status(lost[0].status, stack.mask(lost[0].location))
            raise CheckFailed(f"{lost[0].request} answered {seen}; {remedy}")
        raise CheckFailed(
            f"{len(lost)} of {len(paths)} accepted requests are lost: {lost[0].request} answered {lost[0].status}; "
            "answer only after storing what was sent"
        )
    gap = found["longest_gap_seconds"]
    return f"{len(paths)} accepted under load, none lost; during the restart, none was accepted for {gap:.1f} s"


def _describe_refusals(stack: Stack, request: str, found: Mapping[str, Any]) -> str:
    """Return why no request was accepted, by the last answer."""
    seen = f"nothing was accepted: {found['refused']} refused, {found['errors']} without answer"
    last = found.get("last_refusal")
    if not last:
        return seen
    status, location = last["status"], stack.mask(last["location"])
    path = request.partition(" ")[2]
    remedy = advice.find_remedy(status, path, location, "", stack.settings.get_api(stack.api).headers, role=stack.api)
    return f"{seen}; {request} answered {advice.describe_status(status, location)}{'; ' * bool(remedy)}{remedy}"


def says_when_data_is_read_only(stack: Stack, write: Request) -> str:
    """An API whose data folder is read-only is live, and answers writes with a clear 503."""
    with run_another_api(stack, "api-read-only", _CANNOT_WRITE, read_only_volumes=True) as client:
        return _check_refusal(stack, client, write)


def says_when_data_is_full(stack: Stack, write: Request) -> str:
    """An API with a full data folder is live, answers writes with a clear 503, and writes again once there is room."""
    folder = stack.settings.smoke.data or ""
    disk = {**TMP, folder: _SMALL_DISK.format(user=stack.settings.smoke.user)}
    with run_another_api(stack, "api-full", _CANNOT_WRITE, volumes={}, tmpfs=disk, file_bytes=0) as client:
        probe_rules.send(client, write, {"unique": "before"})
        filled_up = inside.run_script(stack, client.host, "fill.py", folder)
        if "error" in filled_up:
            raise CheckFailed(f"{folder} cannot be filled: {filled_up['error']}")
        refusal = _check_refusal(stack, client, write)
        inside.run_script(stack, client.host, "fill.py", "--free", folder)
        probe_rules.send(client, write, {"unique": "after"})
    return f"{refusal}; 2xx again once there is room"


def _check_refusal(stack: Stack, client: Client, write: Request) -> str:
    client.get(client.api.live).expect(_OK)
    answer = client.send(requests.build(stack, write, {"unique": "refused"}))
    if answer.status != _UNAVAILABLE:
        raise CheckFailed(
            f"{answer.request} answered {answer.status}, not {_UNAVAILABLE}, though it cannot write: "
            f"{answer.quote()}; {answer.find_remedy() or 'tell the caller to try again later'}"
        )
    if not answer.body.strip() or "Traceback" in answer.body:
        raise CheckFailed(f"{answer.request} answered {_UNAVAILABLE} without a reason: {answer.quote()}")
    return f"{_UNAVAILABLE}: {answer.quote()}"


def _read_back(client: Client, paths: Sequence[str]) -> Iterator[Answer]:
    for start in range(0, len(paths), _READ_BACK_AT_ONCE):
        yield from client.send_all("GET", paths[start : start + _READ_BACK_AT_ONCE])
