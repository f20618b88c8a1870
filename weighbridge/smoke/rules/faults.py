"""Rules on faults: each breaks something, then returns what it saw, or raises `CheckFailed`.

They are tried in turn on a stack of their own, and each leaves API, worker and Redis running for the next one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from weighbridge.model.engine import TMP
from weighbridge.model.smoke import RoleName
from weighbridge.settings.probes import Probe, Request
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import probes as probe_rules
from weighbridge.smoke.rules import requests, worker
from weighbridge.smoke.rules import start as start_rules
from weighbridge.smoke.rules.requests import fill_placeholders
from weighbridge.smoke.stack import advice, inside
from weighbridge.smoke.stack.containers import API, REDIS, WORKER, Stack
from weighbridge.smoke.stack.http import Answer, Client

OUTAGE_SECONDS = 10.0
_LOAD_SECONDS = 3.0
_LOAD_CLIENTS = 4
_KILL_AFTER_SECONDS = 0.7
_OK, _CLIENT_ERROR, _UNAVAILABLE = 200, 400, 503
_SMALL_DISK = "size=4m,mode=0770,uid={user},gid={user}"
"""Names the owner, because some engines give a tmpfs the permissions of the folder that the image has at that path."""
_READ_BACK_AT_ONCE = 50
"""Requests in one command: Linux limits each argument of a command to 128 KiB."""
_SECOND_WORKER = "second-worker"


def killed_worker_loses_no_job(stack: Stack, slow_job: Sequence[str], job_result: Sequence[str]) -> str:
    """If the worker is killed in the middle of a job, another worker does the job."""
    job, began = worker.begin_job(stack, slow_job), time.monotonic()
    stack.engine.send_signal(stack.build_name(WORKER), "SIGKILL")
    stack.wait(WORKER, lambda state: not state.running, stack.settings.smoke.timeout_seconds)
    try:
        start_rules.starts(stack, WORKER, _SECOND_WORKER)
        result = inside.run(stack, (*job_result, job), stack.settings.smoke.timeout_seconds)
    except CheckFailed as error:
        raise CheckFailed(
            f"no other worker did the job that the killed worker had begun: {error}; acknowledge jobs late "
            "(task_acks_late), and give smoke.faults.environment a short visibility timeout"
        ) from error
    finally:
        stack.remove(_SECOND_WORKER)
    return f"the other worker gave {result}, {time.monotonic() - began:.1f} s after the first began"


def survives_restart_of_redis(stack: Stack, probes: Sequence[Probe]) -> str:
    """After Redis has restarted without its data, both roles recover by themselves."""
    with _check_same_processes(stack):
        stack.engine.send_signal(stack.build_name(REDIS), "SIGKILL")
        stack.wait(REDIS, lambda state: not state.running, stack.settings.smoke.timeout_seconds)
        return _recover(stack, probes)


def survives_outage_of_redis(stack: Stack, probes: Sequence[Probe]) -> str:
    """While Redis is down, the API is live and says it is not ready; afterwards both roles recover by themselves."""
    api, client = stack.settings.roles.api, Client(stack)
    with _check_same_processes(stack):
        stack.engine.send_signal(stack.build_name(REDIS), "SIGKILL")
        until, said = time.monotonic() + OUTAGE_SECONDS, list[int]()
        while time.monotonic() < until:
            client.get(api.live).expect(_OK)
            said.append(client.get(api.ready).status)
            stack.interruption.pause()
        if _UNAVAILABLE not in said or said[-1] != _UNAVAILABLE:
            raise CheckFailed(
                f"GET {api.ready} answered {said[-1]} while Redis was down, not {_UNAVAILABLE}: "
                "an API that cannot serve requests would still get them"
            )
        return f"{api.ready} said {_UNAVAILABLE} and {api.live} {_OK} meanwhile; {_recover(stack, probes)}"


def killed_api_loses_nothing(stack: Stack, write: Request, read: str) -> str:
    """If the API is killed under load, everything that it had accepted is there when it runs again."""
    client, killed, limit = Client(stack), list[float](), stack.settings.smoke.timeout_seconds
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
            stack.engine.send_signal(stack.build_name(API), "SIGKILL")
            stack.wait(API, lambda state: not state.running, limit)
            killed.append(time.monotonic())
            stack.engine.start(stack.build_name(API))

    found = inside.ask(stack, "load.py", wanted, seconds=_LOAD_SECONDS + limit + 30, on_line=kill)
    if not killed:
        raise CheckFailed(_describe_refusals(stack, f"{write.method} {wanted['path']}", found))
    if None in found["accepted"]:
        raise CheckFailed(f"{write.method} {write.path} was accepted, but the answer has no {field!r}")
    revive(stack, API)
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
    remedy = advice.find_remedy(status, path, location, "", stack.settings.roles.api.headers)
    return f"{seen}; {request} answered {advice.describe_status(status, location)}{'; ' * bool(remedy)}{remedy}"


def says_when_data_is_read_only(stack: Stack, write: Request) -> str:
    """An API whose data folder is read-only is live, and answers writes with a clear 503."""
    with _run_another_api(stack, "api-read-only", read_only_volumes=True) as client:
        return _check_refusal(stack, client, write)


def says_when_data_is_full(stack: Stack, write: Request) -> str:
    """An API with a full data folder is live, answers writes with a clear 503, and writes again once there is room."""
    folder = stack.settings.smoke.data or ""
    disk = {**TMP, folder: _SMALL_DISK.format(user=stack.settings.smoke.user)}
    with _run_another_api(stack, "api-full", volumes={}, tmpfs=disk, file_bytes=0) as client:
        probe_rules.send(client, write, {"unique": "before"})
        filled_up = inside.run_script(stack, client.host, "fill.py", folder)
        if "error" in filled_up:
            raise CheckFailed(f"{folder} cannot be filled: {filled_up['error']}")
        refusal = _check_refusal(stack, client, write)
        inside.run_script(stack, client.host, "fill.py", "--free", folder)
        probe_rules.send(client, write, {"unique": "after"})
    return f"{refusal}; 2xx again once there is room"


def _check_refusal(stack: Stack, client: Client, write: Request) -> str:
    client.get(stack.settings.roles.api.live).expect(_OK)
    answer = client.send(requests.build(stack, write, {"unique": "refused"}))
    if answer.status != _UNAVAILABLE:
        raise CheckFailed(
            f"{answer.request} answered {answer.status}, not {_UNAVAILABLE}, though it cannot write: "
            f"{answer.quote()}; {answer.find_remedy() or 'tell the caller to try again later'}"
        )
    if not answer.body.strip() or "Traceback" in answer.body:
        raise CheckFailed(f"{answer.request} answered {_UNAVAILABLE} without a reason: {answer.quote()}")
    return f"{_UNAVAILABLE}: {answer.quote()}"


@contextmanager
def _run_another_api(stack: Stack, container: str, **changes: Any) -> Iterator[Client]:
    """Start one more API, with changes to its container, and remove it at the end."""
    try:
        stack.start(API, container, **changes)
        limit = stack.settings.smoke.timeout_seconds
        _wait_until(
            stack, limit, partial(_find_why_not_live, stack, container), "an API that cannot write its data is not live"
        )
        yield Client(stack, container)
    finally:
        stack.remove(container)


@contextmanager
def _check_same_processes(stack: Stack) -> Iterator[None]:
    """Raise `CheckFailed` if a role ended or was started again inside the block."""
    roles: tuple[RoleName, ...] = (API, WORKER)
    before = {role: stack.read_state(role).started_at for role in roles}
    try:
        yield
    except CheckFailed:
        _compare_processes(stack, before)  # if a role ended, that is the cause
        raise
    _compare_processes(stack, before)


def _compare_processes(stack: Stack, before: Mapping[RoleName, float]) -> None:
    for role, started in before.items():
        state = stack.read_state(role)
        if not state.running or state.started_at != started:
            raise CheckFailed(
                f"{role} is {state.status}, with code {state.exit_code}: it did not survive without Redis"
            )


def _recover(stack: Stack, probes: Sequence[Probe]) -> str:
    """Start Redis again and wait until the API is ready; check all probes; return how long that took."""
    stack.engine.start(stack.build_name(REDIS))
    began, limit = time.monotonic(), stack.settings.smoke.timeout_seconds
    ready = stack.settings.roles.api.ready
    _wait_until(stack, limit, partial(_find_why_not_ready, stack), f"GET {ready} does not answer 200 again")
    for probe in probes:
        try:
            probe_rules.holds(stack, probe)
        except CheckFailed as error:
            raise CheckFailed(f"after Redis came back, {probe.rule} does not hold: {error}") from error
    if all(probe.role == API for probe in probes):  # so none of them has shown that the worker works
        worker.list_registered_jobs(stack)
    return f"all works {time.monotonic() - began:.1f} s after it came back"


def try_and_restore(stack: Stack, fault: Callable[[Stack], str]) -> str:
    """Try a fault; afterwards, whatever its outcome, make Redis and both roles run and serve again for the next one."""
    try:
        return fault(stack)
    finally:
        start_rules.ensure_redis_runs(stack)
        for role in (API, WORKER):
            with suppress(CheckFailed):  # if a role does not come back, the next rule says so
                revive(stack, role)


def revive(stack: Stack, role: RoleName) -> None:
    """Start a role if it does not run, and wait until it serves."""
    if not stack.read_state(role).running:
        stack.engine.start(stack.build_name(role))
    if role == API:
        _wait_until(
            stack,
            stack.settings.smoke.timeout_seconds,
            partial(_find_why_not_ready, stack),
            "the API is not ready again",
        )
    else:
        worker.list_registered_jobs(stack)


def _find_why_not_ready(stack: Stack) -> str:
    return _find_wrong_answer(Client(stack), stack.settings.roles.api.ready)


def _find_why_not_live(stack: Stack, container: str) -> str:
    return _find_wrong_answer(Client(stack, container), stack.settings.roles.api.live)


def _find_wrong_answer(client: Client, path: str) -> str:
    """Return why the answer to a GET is not 200; empty if it is."""
    try:
        client.get(path).expect(_OK)
    except CheckFailed as error:
        return str(error)
    return ""


def _wait_until(stack: Stack, seconds: float, find_fault: Callable[[], str], otherwise: str) -> None:
    """Wait until no fault is found or the time is up; the exception then ends with the last fault."""
    deadline = time.monotonic() + seconds
    while last := find_fault():
        if time.monotonic() > deadline:
            raise CheckFailed(f"{otherwise} after {seconds:g} s: {last}")
        stack.interruption.pause()


def _read_back(client: Client, paths: Sequence[str]) -> Iterator[Answer]:
    for start in range(0, len(paths), _READ_BACK_AT_ONCE):
        yield from client.send_all("GET", paths[start : start + _READ_BACK_AT_ONCE])
