"""Rules on stubs, which answer in place of third parties: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from weighbridge.errors import EngineFault
from weighbridge.settings.stubs import StubAnswer
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import certificates, exit_reason, inside
from weighbridge.smoke.stack.blueprint import AUTHORITY, STUBS
from weighbridge.smoke.stack.containers import Stack

_HTTP_PORT, _HTTPS_PORT = 80, 443
_MOST_SHOWN = 3


def stubs_start(stack: Stack) -> str:
    """The container of the stubs starts from the image, and listens; without it no role finds its third parties."""
    begin, limit = time.monotonic(), stack.settings.smoke.timeout_seconds
    hosts = stack.settings.smoke.stubs
    made = certificates.make([*hosts])
    wanted = {
        "hosts": {host: [_build_answer(each) for each in answers] for host, answers in hosts.items()},
        "http_port": _HTTP_PORT,
        "https_port": _HTTPS_PORT,
        "authority_file": AUTHORITY,
        "authority": made.authority,
        "certificate": made.certificate,
        "key": made.key,
    }
    script = ("-I", "-S", "-c", inside.read_script("stub.py"), *inside.build_arguments(wanted))
    try:
        stack.start(STUBS, entrypoint=(stack.get_interpreters(STUBS)[0], *script))
    except EngineFault as error:
        raise CheckFailed(f"the container of the stubs does not start: {error.message}") from error
    while True:
        for each in _read_log(stack):
            if "ready" in each:
                https = "" if _HTTPS_PORT in each["ready"] else "; no HTTPS, for which the image's Python has no ssl"
                return f"after {time.monotonic() - begin:.1f} s{https}"
        if not stack.read_state(STUBS).running or time.monotonic() > begin + limit:
            log = exit_reason.find_cause(stack.read_streams(STUBS), stack.settings.smoke.log_errors)
            raise CheckFailed(f"the stubs do not listen; their log says: {log}")
        stack.pause()


def stubs_are_called(stack: Stack) -> str:
    """Each stub got a request, so what the probes proved includes the calls of third parties."""
    seen = [*_read_log(stack)]
    reasons = [reason for host in stack.settings.smoke.stubs if (reason := _find_reason(host, seen))]
    if reasons:
        raise CheckFailed("; ".join(reasons))
    counts = Counter(_describe_request(each) for each in seen if "method" in each)
    shown = [f"{request}{f' ({count} times)' if count > 1 else ''}" for request, count in counts.most_common()]
    more = len(shown) - _MOST_SHOWN
    return ", ".join(shown[:_MOST_SHOWN]) + (f", and {more} more" if more > 0 else "")


def _build_answer(answer: StubAnswer) -> dict[str, Any]:
    headers, body = dict(answer.headers), answer.text or ""
    if answer.json_ is not None:
        body = json.dumps(answer.json_)
        if "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = "application/json"
    return {"method": answer.method, "path": answer.path, "status": answer.status, "headers": headers, "body": body}


def _find_reason(host: str, seen: list[Mapping[str, Any]]) -> str:
    """Return why a host got no request; empty if it got one."""
    of_host = [each for each in seen if each.get("host") == host]
    if any("method" in each for each in of_host):
        return ""
    failed = [each["handshake"] for each in of_host if "handshake" in each]
    if failed:
        return (
            f"{host}: {len(failed)} TLS handshakes failed ({failed[-1]}): whoever connected trusts neither "
            "SSL_CERT_FILE nor REQUESTS_CA_BUNDLE; let it read certificates from there"
        )
    return f"{host}: nobody connected; add a probe of what calls it, or remove it from smoke.stubs"


def _describe_request(seen: Mapping[str, Any]) -> str:
    answer = str(seen["status"]) if seen["prepared"] else "no stub answers this"
    return f"{seen['method']} {seen['scheme']}://{seen['host']}{seen['path']}: {answer}"


def _read_log(stack: Stack) -> Iterator[Mapping[str, Any]]:
    """Yield what the stubs saw, in order."""
    for line in stack.read_log(STUBS, None).splitlines():
        with suppress(ValueError):  # a line that a warning of the interpreter may be
            found = json.loads(line)
            if isinstance(found, dict):
                yield found
