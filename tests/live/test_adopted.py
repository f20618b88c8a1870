"""Applications of others run from their own compose files, and a rule names what is broken in each broken form.

`adopted` has a tutorial, a template with PostgreSQL and RabbitMQ, and an API and a worker with images of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.live import adoption
from tests.live.adoption import Edit
from tests.live.conftest import Done, Project, tidied
from weighbridge.engine.client import DockerEngine

pytestmark = [pytest.mark.engine, pytest.mark.slow]

HELD = {
    "tutorial": {"web starts", "web live", "web serves-openapi", "worker starts", "flower starts", "stack shouts"},
    "template": {
        "stack db-starts",
        "stack rabbitmq-starts",
        "before prestart",
        "api starts",
        "api becomes-healthy",
        "api ready",
        "worker-default becomes-healthy",
        "worker-files becomes-healthy",
        "beat starts",
        "stack reads-documents",
        "stack converts-quotes",
        "stack stubs-are-called",
        "stack no-error-in-logs",
    },
    "split": {"api becomes-healthy", "api live", "api ready", "worker becomes-healthy", "stack writes-letters"},
}
"""Application -> rules that must be among those that hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A form of an application that is broken in one way, and what must be said of it."""

    application: str
    edits: tuple[Edit, ...]
    rule: str
    """Regular expression for the title of the rule that fails."""
    reason: str
    """Regular expression that its reason contains."""
    also: str = "(?!)"
    """Regular expression for titles of further rules that may fail for the same cause."""
    seconds: float = 120
    """The longest that this rule may take."""


def _build_broken_forms() -> dict[str, Broken]:
    """Return the broken forms by their names."""
    stubs = "  stubs:\n    rates.example.com:\n      - {get: /v1/latest, json: {base: EUR, rates: {USD: 1.25}}}\n"
    serve = '["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]'
    deaf = """["sh", "-c", "trap '' TERM; uvicorn main:app --host 0.0.0.0 --port 8000; true"]"""
    try_number = (
        "    import logging\n\n    try:\n        int(text)\n    except ValueError:\n"
        '        logging.getLogger("uvicorn.error").exception("that is no number")\n'
    )
    job = "    job = shout.delay(text)\n"
    return {
        "worker-dies-after-3-s": Broken(
            application="tutorial",
            edits=(
                Edit("compose.yaml", "celery -A app.tasks worker", "celery -A app.late worker"),
                Edit("app/late.py", "", "import time\n\ntime.sleep(3)\nimport not_installed\n"),
            ),
            rule="worker starts",
            reason="No module named 'not_installed'",
            seconds=30,
        ),
        "api-logs-a-traceback": Broken(
            application="tutorial",
            edits=(Edit("app/main.py", job, try_number + job),),
            rule="stack no-error-in-logs",
            reason="ValueError",
        ),
        "job-fails": Broken(
            application="tutorial",
            edits=(Edit("app/tasks.py", 'return text.upper() + "!"', 'raise LookupError("no voice")'),),
            rule="stack shouts",
            reason="FAILURE",
            seconds=30,
        ),
        "migration-fails": Broken(
            application="template",
            edits=(Edit("migrations/versions/0002_quotes.py", 'add_column("documents"', 'add_column("invoices"'),),
            rule="before prestart",
            reason='relation "invoices" does not exist',
        ),
        "worker-takes-another-queue": Broken(
            application="template",
            edits=(Edit("compose.yaml", "--queues files ", "--queues file "),),
            rule="stack reads-documents",
            reason=r"\bfiles\b",
            also="worker-files .*",
        ),
        "queue-that-nobody-takes": Broken(
            application="template",
            edits=(
                Edit(
                    "app/celery_app.py",
                    'task_routes={"app',
                    'task_routes={"app.tasks.convert": {"queue": "money"}, "app',
                ),
            ),
            rule="stack converts-quotes",
            reason=r"\bmoney\b",
            also="stack stubs-are-called",
        ),
        "empty-schedule": Broken(
            application="template",
            edits=(
                Edit(
                    "app/celery_app.py",
                    'beat_schedule={"count-waiting": {"task": "app.tasks.count_waiting", "schedule": 5.0}}',
                    "beat_schedule={}",
                ),
            ),
            rule="beat .*",
            reason="schedule",
        ),
        "third-party-without-stub": Broken(
            application="template",
            edits=(Edit(adoption.SETTINGS, stubs, ""),),
            rule="stack (converts-quotes|no-error-in-logs)",
            reason=r"rates\.example\.com|name resolution|ConnectError",
        ),
        "api-on-loopback": Broken(
            application="split",
            edits=(Edit("api/Dockerfile", '"0.0.0.0"', '"127.0.0.1"'),),
            rule="api live",
            reason="it binds to 127.0.0.1; use --host 0.0.0.0",
        ),
        "api-ignores-sigterm": Broken(
            application="split",
            edits=(Edit("api/Dockerfile", serve, deaf),),
            rule="api stops-on-sigterm",
            reason="SIGTERM",
            also="api finishes-request-in-flight",
        ),
        "supervised-worker-dies": Broken(
            application="split",
            edits=(Edit("worker/supervisord.conf", "-A letters worker", "-A leters worker"),),
            rule="worker (starts|becomes-healthy)",
            reason="No nodes replied|leters",
        ),
    }


BROKEN = _build_broken_forms()
LONG = {
    "queue-that-nobody-takes",
    "third-party-without-stub",
    "api-on-loopback",
    "api-ignores-sigterm",
    "supervised-worker-dies",
}
"""Those in which something is waited for in vain, as in others that are tried each time."""
_ASK_CELERY = "celery, --app, app.celery_app"
SLOW_JOB = Edit(
    adoption.SETTINGS,
    "smoke:\n",
    f"  worker-default:\n    slow_job: [{_ASK_CELERY}, call, app.tasks.sum_up, --args, '[3]']\n"
    f"    job_result: [{_ASK_CELERY}, result]\nsmoke:\n",
)
"""What the settings of the template have to say besides, for a worker to be killed in a job."""
ACKS_EARLY = Edit("app/celery_app.py", "    task_acks_late=True,\n    task_reject_on_worker_lost=True,\n", "")
_FAULT_SECONDS = 600
"""The longest that all faults may take: each outage alone takes ten seconds, and what comes back has to start."""
_IN_LOGS = "stack no-error-in-logs"
"""The rule that shows an exception in a log, whatever else failed."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what the commands of this module share, so that they read each layer once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def place(engine: DockerEngine, cache: Path, tmp_path: Path) -> Iterator[Project]:
    """Return a project whose folder does not exist yet."""
    with tidied(engine, tmp_path / "project", cache) as project:
        yield project


def read_checks(done: Done) -> list[dict[str, Any]]:
    """Return the rules that were tried, of all images together, each with its title."""
    assert done.code in {0, 7}, done.stderr
    (proof,) = json.loads(done.stdout)["variants"]
    return [{**each, "title": f"{each['role']} {each['rule']}"} for each in proof["checks"]]


@pytest.mark.parametrize("application", adoption.NAMES)
def test_few_settings(application: str) -> None:
    """Besides its compose file, an application needs few settings."""
    text = (adoption.FOLDER / application / adoption.SETTINGS).read_text(encoding="utf-8")
    assert adoption.count_settings(yaml.safe_load(text)) <= adoption.MOST_SETTINGS


@pytest.mark.parametrize("application", adoption.NAMES)
def test_works(place: Project, application: str) -> None:
    """The application is built and started as its compose file says, does its work, and stops in order."""
    done = adoption.run(adoption.adopt(place, application), "--format", "json")
    checks = read_checks(done)
    assert {each["title"]: each["detail"] for each in checks if each["outcome"] == "failed"} == {}
    assert done.code == 0
    assert HELD[application] - {each["title"] for each in checks if each["outcome"] == "passed"} == set()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name in LONG else name for name in BROKEN]
)
def test_broken(place: Project, name: str) -> None:
    """The rule that the form breaks fails, says why, and takes no longer than it has to; no other rule blames it."""
    broken = BROKEN[name]
    project = adoption.adopt(place, broken.application, broken.edits)
    done = adoption.run(project, "--format", "json")
    failed = [each for each in read_checks(done) if each["outcome"] == "failed"]
    assert done.code == 7
    told = [each for each in failed if re.fullmatch(broken.rule, each["title"])]
    assert any(re.search(broken.reason, each["detail"]) for each in told), {e["title"]: e["detail"] for e in failed}
    assert max(each["seconds"] for each in told) <= broken.seconds
    allowed = f"{broken.rule}|{broken.also}|{_IN_LOGS}"
    assert {e["title"]: e["detail"] for e in failed if not re.fullmatch(allowed, e["title"])} == {}


def try_faults(place: Project, *edits: Edit) -> dict[str, dict[str, Any]]:
    """Try faults on the template; return what became of each of their rules."""
    project = replace(adoption.adopt(place, "template", (SLOW_JOB, *edits)), seconds=_FAULT_SECONDS)
    done = adoption.run(project, "--faults", "--format", "json")
    return {each["rule"]: each for each in read_checks(done) if each["role"] == "fault"}


@pytest.mark.long
def test_faults(place: Project) -> None:
    """The template survives a restart of its database and ten seconds without its broker, and loses no job."""
    found = try_faults(place)
    held = {rule for rule, each in found.items() if each["outcome"] == "passed"}
    wanted = {"killed-worker-loses-no-job", "survives-restart-of-db-with-its-data", "survives-outage-of-rabbitmq"}
    assert wanted - held == set(), found


@pytest.mark.long
def test_faults_without_late_acknowledgement(place: Project) -> None:
    """A job that was acknowledged before it was done is lost with its worker, and the setting is named."""
    lost = try_faults(place, ACKS_EARLY)["killed-worker-loses-no-job"]
    assert lost["outcome"] == "failed"
    assert "acknowledge jobs late (task_acks_late)" in lost["detail"]
