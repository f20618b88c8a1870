"""This repository's tasks: the collection that every project uses, and what its developers need besides.

Each task imports what it needs itself, so that the list appears at once.
"""

from __future__ import annotations

import sys
from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from weighbridge import tasks
from weighbridge.commands.cli import open_project, show_user_errors
from weighbridge.commands.configuration import check_configuration
from weighbridge.render import formats

PROJECT = Path(__file__).parent
SERVERS, PEERS = ("redis-server", "postgresql", "docker-registry"), ("skopeo", "umoci", "buildah", "podman")
TEST_PACKAGES = *SERVERS, *PEERS, "openssl", "zstd", "chromium"
ON_ALL_CORES = "-n auto --dist worksteal"
KEEP_BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}  # otherwise each process compiles all tests again


@task(
    help={
        "quick": "only the tests that need no engine and no server; on two cores they take about a minute",
        "long": "also those that take minutes each, such as faults of a whole template",
    }
)
def test(c: Context, quick: bool = False, long: bool = False) -> None:
    """Run the tests; most need an engine (`invoke engine`)."""
    from weighbridge.engine import apt
    from weighbridge.render.terminal import console

    small = "not engine and not services and not slow"
    runs = [f"{ON_ALL_CORES} -m '{small}' --hypothesis-profile quick"]
    if not quick:  # there is one engine: its tests take turns, and measure time
        runs = [f"{ON_ALL_CORES} -m 'not engine'", "-m engine" if long else "-m 'engine and not long'"]
    with show_user_errors():
        apt.ensure(() if quick else TEST_PACKAGES, "servers and peers for the tests", console.say)
    codes = [0]
    with c.cd(PROJECT):
        while runs and max(codes) <= 1:  # 2: interrupted, or pytest could not start
            codes.append(c.run(f"python -m pytest {runs.pop(0)}", warn=True, env=KEEP_BYTECODE).exited)
    if any(codes):
        raise Exit(code=max(codes))


@task(
    help={
        "runs": "how often to run each program; the median counts",
        "quick": "run each program once, on fewer generated images",
        "images": "compare our images with published patterns instead: bytes, seconds, memory",
        "service": "measure the running service instead: requests by 1, 16, 64 and 256 clients, and memory",
        "soak": "use the running service instead while its containers are killed, and look for what is lost",
        "minutes": "how long to do so",
        "format": formats.describe_choice(["terminal", "json", "markdown"]),
    }
)
def bench(
    c: Context,
    runs: str = "5",
    quick: bool = False,
    images: bool = False,
    service: bool = False,
    soak: bool = False,
    minutes: str = "10",
    format: str = "terminal",
) -> None:
    """Compare our report with dive and syft, or our images with others."""
    from benchmarks import modes

    holds = True
    with show_user_errors():
        settings = open_project(c, "bench").settings
        if soak:
            holds = modes.soak_service(settings, PROJECT, format, minutes)
        elif service:
            modes.load_service(settings, PROJECT, format, quick=quick)
        elif images:
            modes.compare_images(settings, PROJECT, format, runs, quick=quick)
        else:
            modes.compare_reports(settings, PROJECT, format, runs, quick=quick)
    if not holds:
        raise Exit(code=1)


@task(iterable=["module"], help={"module": "a module such as image/layer; may be repeated; default: all of them"})
def mutate(_: Context, module: list[str]) -> None:
    """Change the code spot by spot and see whether tests notice."""
    from mutations import suite
    from weighbridge.render.terminal import console

    with show_user_errors():
        with console.show_activity() as shown:
            results = suite.run(PROJECT, module, shown)
        suite.show(results)
    if not suite.is_enough(results):
        raise Exit(code=1)


@task
def check(c: Context) -> None:
    """Check lint, types and import contracts, as CI does."""
    with c.cd(PROJECT):
        for command in ("ruff check .", "ruff format --check .", "mypy", "lint-imports"):
            c.run(command)


@task
def lock(c: Context) -> None:
    """Resolve all locks again, with hashes."""
    compile_ = "uv pip compile --quiet --generate-hashes --universal --custom-compile-command 'invoke lock'"
    with c.cd(PROJECT):
        for options in (
            "--python-version 3.11 pyproject.toml --extra bom --group dev --output-file requirements.txt",
            "--python-version 3.11 --group bench --output-file benchmarks/requirements.txt",
            "--python-version 3.13 backend/pyproject.toml --output-file backend/requirements.txt",
            "--python-version 3.13 --group backend/pyproject.toml:build --output-file backend/requirements-build.txt",
            "--python-version 3.13 backend/pyproject.toml --extra tracing -o backend/requirements-tracing.txt",
        ):
            c.run(f"{compile_} --no-emit-index-url --no-emit-find-links --upgrade {options}")


ns = Collection(*tasks.ns.tasks.values(), test, check, mutate, lock, bench)

with show_user_errors():
    check_configuration(PROJECT, sys.modules[__name__])
