"""Secrets that containers are given are never shown: by name, in URLs, in headers, in whatever form."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import FakeEngine, Told, refused, settings, stack_of, with_image
from weighbridge.engine.protocol import Engine
from weighbridge.smoke import rule
from weighbridge.smoke.rule import Rule
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import api, shutdown
from weighbridge.smoke.stack import health, inside, redaction
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.http import Answer
from weighbridge.smoke.stack.observations import Arrived, Reply

SECRET = "correct+horse/battery"  # noqa: S105 - made up
GIVEN = {
    "DB_PASSWORD": SECRET,
    "DATABASE_URL": "postgresql://app:sta%40ple@db/app",
    "SENTINELS": "redis://:p@ss9@one",
    "PIN_TOKEN": "ab1",
    "SIGNING_SECRET": 'say "ähem" \\o/',
    "BROKER": "amqp://guest:guest@rabbit",
    "RESULTS": "redis://:redis@redis:6379/0",
    "ARCHIVE": "postgresql://app:archive@archive/app",
    "LOG_LEVEL": "debugging",
}


def stack(log: str = "") -> Stack:
    """Return a stack whose roles are given secrets, and whose containers say so."""
    headers = {"Authorization": "Bearer headersecret", "X-Api-Key": "keysecret", "Accept": "text/html"}
    chosen = settings({"headers": headers}, environment={**GIVEN})
    return stack_of(FakeEngine(log=log), chosen, {"FAULT_SECRET": "faultsecret"})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"cannot log in with {SECRET}!", "cannot log in with ***!"),
        ("https://x/?next=correct%2Bhorse%2Fbattery&y", "https://x/?next=***&y"),
        ("fe_sendauth: sta%40ple, sta@ple", "fe_sendauth: ***, ***"),
        ("no way to redis://:p@ss9@one, nor with p@ss9", "no way to redis://:***@one, nor with ***"),
        ("no way to amqp://guest:somebodyelses@mq/", "no way to amqp://guest:***@mq/"),
        ("Authorization: Bearer headersecret", "Authorization: ***"),
        ('{"sent": "headersecret", "key": "keysecret"}', '{"sent": "***", "key": "***"}'),
        (json.dumps({"sent": 'say "ähem" \\o/'}), '{"sent": "***"}'),
        (json.dumps({"sent": 'say "ähem" \\o/'}, ensure_ascii=False), '{"sent": "***"}'),
        ("postgresql://app:archive@archive/app", "postgresql://app:***@archive/app"),
        ("while Redis is away: faultsecret", "while Redis is away: ***"),
        ("export OTHER_PASSWORD=somebodyelses", "export OTHER_PASSWORD=***"),
    ],
)
def test_secret_is_hidden(text: str, shown: str) -> None:
    """Given secrets are replaced wherever they occur, and so are other secrets in URLs and assignments."""
    assert stack().mask(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "debugging text/html",
        "guest of rabbit, redis to archive: redis://redis:6379",
        "ab1 is cab1",
        "p@ss99 and xp@ss9",
        "a\nb\r\n\nc",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """Other values, public parts of a URL, short secrets, and words that contain one stay as they are."""
    assert stack().mask(text) == text


@given(st.text(), st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=8), st.text())
def test_nothing_is_let_go(before: str, secret: str, after: str) -> None:
    """A secret of eight characters is found whatever surrounds it."""
    secret = f"9{secret}z".replace("\x00", "")
    chosen = settings(environment={"PASSWORD": secret})
    masked = redaction.mask(f"{before}{secret}{after}", redaction.collect_secrets(chosen, {}))
    assert secret not in masked or secret in before + after


def test_whatever_a_rule_says_is_masked() -> None:
    """Secrets are masked in what a rule saw, in why it failed, and in the kept log."""

    def fails(_: Stack) -> str:
        raise CheckFailed(f"said {SECRET}")

    rules = [
        Rule(role="api", name="holds", holds=lambda _: f"saw {SECRET}"),
        Rule(role="api", name="fails", holds=fails),
    ]
    found = rule.try_all(rules, stack(), "good", Told(), {})
    assert [check.detail for check in found] == ["saw ***", "said ***"]
    assert stack(f"a\n{SECRET}\n").read_log("api", None) == "a\n***"


@pytest.mark.parametrize("filler", [294, 296, 299])
def test_secret_is_hidden_before_a_cause_is_cut(filler: int) -> None:
    """If a command or a health check says so much that its cause is cut, no half of a secret is shown."""
    said = [f"1 {'x' * (filler - 1)} {SECRET}"] * 3
    engine = FakeEngine(outputs=said)
    told = replace(with_image(stack(), health_check=("CMD", "x")), engine=cast("Engine", engine))
    checked = health.check(told, "api", "api")
    assert checked is not None
    causes = [
        checked.output,
        refused(lambda: inside.run(told, ["x"], 5, role="api")),
        refused(lambda: inside.run_script(told, "client", "probe.py")),
    ]
    assert not engine.outputs
    assert all("xxx" in cause and SECRET[:3] not in cause for cause in causes)


def test_secret_is_hidden_before_a_quote_is_cut() -> None:
    """If a line or an answer is cut in the middle of a secret, no half of the secret is shown."""
    half = "x" * 190 + " " + SECRET
    logged = stack(f"ERROR {half[6:]}")
    logged.start("api")
    with pytest.raises(CheckFailed) as caught:
        shutdown.no_error_in_logs(logged, ["api"])
    assert "correct" not in str(caught.value).partition(";")[0]
    assert "correct" not in Answer("GET /x", 500, half, masked=stack().mask).quote()
    never = Arrived(live_at=None, ready_at=None, live=Reply(), ready=Reply(status=500, body=half))
    with pytest.raises(CheckFailed) as caught:
        api.ready(stack(), never, "api")
    assert "correct" not in str(caught.value)


@pytest.mark.parametrize("line", ["a." * 100_000, "a+" * 100_000])
def test_long_line_takes_no_time(line: str) -> None:
    """A line in which a URL may begin at every letter takes linear time."""
    began = time.monotonic()
    assert stack().mask(line) == line
    assert time.monotonic() - began < 10


@pytest.mark.slow
def test_long_log_takes_no_time() -> None:
    """Masking twenty megabytes of lines takes seconds."""
    text = "".join(f"INFO: {number} GET /x?id={number} 200 from 10.0.0.1, {SECRET}\n" for number in range(250_000))
    began = time.monotonic()
    assert SECRET not in stack().mask(text)
    assert time.monotonic() - began < 30
