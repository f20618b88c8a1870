"""How a role calls Celery, by its command line: in exec form, in a shell's line, and behind what wraps it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.smoke.stack.celery import find_call

APPLICATIONS = st.sampled_from(["jobs", "shop.celery_app", "shop:app", "worker", "beat"])
QUEUES = st.lists(st.from_regex(r"[a-z][a-z0-9_.-]{0,8}", fullmatch=True), unique=True, max_size=3)
BROKERS = st.sampled_from(["", "redis://:pass@redis:6379/0", "amqp://a:b@mq/x?heartbeat=30"])
OTHERS = st.sampled_from(
    [(), ("--loglevel", "INFO"), ("-c", "2"), ("-l", "info", "--without-gossip"), ("-n", "beat@%h")]
)
WRAPPERS = st.sampled_from([(), ("tini", "--"), ("poetry", "run"), ("uv", "run", "--no-sync"), ("ddtrace-run",)])
PROGRAMS = st.sampled_from(
    [("celery",), ("/opt/venv/bin/celery",), ("python", "-m", "celery"), ("/opt/venv/bin/python3", "-m", "celery")]
)
SHELLS = st.sampled_from(
    [
        None,
        "{}",
        "exec {}",
        "cd /srv && exec {}",
        "python manage.py migrate\nexec {}",
        "{} > /dev/stdout; echo -Q last",
        "{}\necho -Q last",
    ]
)


def spell_application(name: str) -> st.SearchStrategy[tuple[str, ...]]:
    """Return the ways to name the application."""
    return st.sampled_from([("-A", name), (f"-A{name}",), (f"--app={name}",), ("--app", name)])


def spell_broker(url: str) -> st.SearchStrategy[tuple[str, ...]]:
    """Return the ways to name the broker, of which one is to leave it to the application."""
    return st.sampled_from([("-b", url), (f"-b{url}",), (f"--broker={url}",), ("--broker", url)] if url else [()])


def spell_queues(names: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """Return the ways to name queues, of which one is to leave them to the application."""
    text = ",".join(names)
    return st.sampled_from([("-Q", text), (f"-Q{text}",), (f"--queues={text}",), ("--queues", text)] if text else [()])


@given(st.data())
def test_whatever_the_spelling(data: st.DataObject) -> None:
    """The parts that a command line was built from are found in it again, and nothing of the shell around it."""
    name, url = data.draw(APPLICATIONS), data.draw(BROKERS)
    queues, subcommand = data.draw(QUEUES), data.draw(st.sampled_from(["worker", "beat"]))
    application, broker = data.draw(spell_application(name)), data.draw(spell_broker(url))
    own = (*data.draw(spell_queues(queues)), *data.draw(OTHERS))
    arguments = (*application, *broker, subcommand, *own)
    program, shell = data.draw(PROGRAMS), data.draw(SHELLS)
    words = (*data.draw(WRAPPERS), *program, *arguments)
    line = ("sh", "-c", shell.format(shlex.join(words))) if shell else words

    call = find_call(line)

    assert call is not None
    assert call.program == (*program, "--app", name, *(("--broker", url) if url else ()))
    assert (call.subcommand, call.queues) == (subcommand, tuple(queues))
    assert call.arguments[: len(arguments)] == arguments
    assert len(call.arguments) == len(arguments) or ">" in str(shell)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("uvicorn", "app:app"),
        ("sh", "-c", "exec /start.sh worker"),
        ("supervisord", "-c", "/etc/celery.conf"),
        ("sh", "-c", "echo 'no end"),
        ("arq", "jobs.celery"),
    ],
)
def test_no_call(words: tuple[str, ...]) -> None:
    """A server, a script, a shell's line that cannot be read, and words that only contain the name are no call."""
    assert find_call(words) is None


def test_options_after_the_subcommand() -> None:
    """Celery up to 4 took the application after the subcommand, and commands are still written like that."""
    call = find_call(("celery", "worker", "-A", "jobs", "-Q", "a", "--queues", "b"))
    assert call is not None
    assert (call.program, call.subcommand, call.queues) == (("celery", "--app", "jobs"), "worker", ("a", "b"))


def test_other_subcommands_and_missing_values() -> None:
    """Another subcommand is none of ours, and an option at the end without its value names nothing."""
    call = find_call(("celery", "-A", "jobs", "flower", "-Q"))
    assert call is not None
    assert (call.program, call.subcommand, call.queues) == (("celery", "--app", "jobs"), "", ())
