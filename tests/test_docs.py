"""The documents say what the program does: tasks, exit codes, commands, limits of their own."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from invoke.collection import Collection

import tasks
from weighbridge import bases
from weighbridge.errors import EXIT_CODES

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted(path for path in PROJECT.rglob("*.md") if not {".venv", ".git"} & set(path.parts))
COMPOSE = yaml.safe_load((PROJECT / "compose.yaml").read_text(encoding="utf-8"))
TASKS = Collection.from_module(tasks).tasks
SETTINGS = yaml.safe_load((PROJECT / "invoke.yaml").read_text(encoding="utf-8"))


def test_exit_codes_are_those_of_the_errors() -> None:
    """README's table of exit codes is the one that the program ends with."""
    told = {int(code): meaning for code, meaning in re.findall(r"^\| (\d) \| (.*?) \|$", README, re.MULTILINE)}

    assert told == EXIT_CODES


def test_every_task_is_in_the_readme() -> None:
    """README's table of commands names every task, and names nothing else."""
    commands = README[README.index("## The commands") : README.index("An error is one line")]
    cells = re.findall(r"^\| (`.*?) \|", commands, re.MULTILINE)
    named = [word for cell in cells for word in re.findall(r"`(?:invoke )?(\w+)", cell)]

    assert sorted(named) == sorted(TASKS)


def test_readme_names_no_option_that_is_none() -> None:
    """Each `--option` beside a task in README is an option of that task."""
    rows = re.findall(r"^\| `invoke (\w+)(.*?)` \|", README, re.MULTILINE)
    named = {(task, option) for task, words in rows for option in re.findall(r"--([a-z-]+)", words)}
    known = {(task, argument.name.replace("_", "-")) for task, _ in rows for argument in TASKS[task].get_arguments()}

    assert named
    assert named <= known


def test_readme_stays_short() -> None:
    """README has at most 150 lines."""
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_links_lead_somewhere(path: Path) -> None:
    """A relative link in a document names a file of the project."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8"))

    assert [link for link in links if not (path.parent / link).exists()] == []


def test_compose_runs_the_worker_as_the_smoke_test_does() -> None:
    """The worker's command and the roles' time to end are the same in `compose.yaml` and in `invoke.yaml`."""
    services, roles = COMPOSE["services"], SETTINGS["roles"]

    assert services["worker"]["command"] == roles["worker"]["command"]
    assert services["worker"]["stop_grace_period"] == f"{roles['worker']['grace_seconds']}s"
    assert services["backend"]["stop_grace_period"] == f"{roles['api']['grace_seconds']}s"
    assert "command" not in services["backend"]
    assert "command" not in roles["api"]


@pytest.mark.parametrize("name", ["backend", "worker", "redis"])
def test_compose_hardens_every_service(name: str) -> None:
    """No service of `compose.yaml` has a capability, a writable root or a way to new privileges."""
    service = COMPOSE["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"]
    assert service["mem_limit"]


def test_official_bases_are_the_same_everywhere() -> None:
    """Dockerfile, `compose.yaml` and `invoke.yaml` name the same official images."""
    official = SETTINGS["bases"]
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")

    assert f"ARG PYTHON_IMAGE={official['python']}\n" in dockerfile
    assert COMPOSE["services"]["backend"]["build"]["args"]["PYTHON_IMAGE"] == f"${{PYTHON_IMAGE:-{official['python']}}}"
    assert COMPOSE["services"]["redis"]["image"] == f"${{REDIS_IMAGE:-{official['redis']}}}"


def test_version_stands_in_one_place() -> None:
    """pyproject.toml alone has the version; the backend's own and the Dockerfile leave it to `invoke build`."""
    library, backend = (
        tomllib.loads((PROJECT / folder / "pyproject.toml").read_text(encoding="utf-8")) for folder in (".", "backend")
    )
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")

    assert library["project"]["version"]
    assert backend["project"]["dynamic"] == ["version"]
    assert set(re.findall(r"^ARG VERSION(.*)$", dockerfile, re.MULTILINE)) == {""}


def test_compose_takes_the_certificates_that_it_is_told() -> None:
    """`compose.yaml` knows the variable that `invoke engine` writes, and its own default is the one left out there."""
    default = f"${{{bases._BUNDLE_VARIABLE}:-{bases._COMPOSE_BUNDLE}}}"

    assert COMPOSE["secrets"]["ca"]["file"] == default
