"""Invoke's tasks: read options, call the library, exit. `invoke --list` is the menu.

Each task imports what it needs, so that the menu opens at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from weighbridge.errors import SmokeFailed, WeighbridgeError
from weighbridge.syntax import check_syntax

if TYPE_CHECKING:
    from weighbridge.model import Proof
    from weighbridge.settings import Settings

PROJECT = Path(__file__).parent
VARIANT_HELP = "a variant of invoke.yaml; may be repeated; without it, all"
FORMAT_HELP = "terminal or json; json prints JSON alone"


@contextmanager
def user_errors() -> Iterator[None]:
    """Show our own errors as one line with their exit code, not as a traceback."""
    try:
        yield
    except WeighbridgeError as error:
        from weighbridge.render.console import print_error

        print_error(str(error), error.detail)
        raise Exit(code=error.exit_code) from error


def settings_of(c: Context) -> Settings:
    """Return the checked settings of invoke.yaml and the environment."""
    from weighbridge.settings import from_config

    return from_config(dict(c.config.items()), Config.global_defaults())


def check_proofs(proofs: Sequence[Proof]) -> None:
    """Raise the first failure, with the end of the failing container's log."""
    for proof in proofs:
        if not proof.ok:
            failed = proof.checks[-1]
            raise SmokeFailed(f"{proof.variant}: {failed.role} {failed.rule}: {failed.detail}", detail=proof.log)


@task
def engine(c: Context) -> None:
    """Find or install the container engine, a BuildKit client and the base images."""
    from weighbridge import bases, clients, provision
    from weighbridge.render import console, progress

    with user_errors(), console.activity() as shown:
        settings = settings_of(c)
        with provision.ensure_engine(shown.note) as found:
            client = clients.find()
            wanted = settings.bases.by_role().items()
            images = [bases.ensure_base_image(found, client, role, name, shown.note) for role, name in wanted]
            bases.tell_compose(PROJECT, images)
            lines = [("Engine", found.described), ("Builder", client.described)]
    progress.print_facts([*lines, *((image.role.capitalize(), image.described) for image in images)])


@task(iterable=["variant"], help={"variant": VARIANT_HELP, "no-cache": "run every step again"})
def build(c: Context, variant: list[str], no_cache: bool = False) -> None:
    """Build the variants of the image, all from one Dockerfile."""
    from weighbridge import bases, builder, clients, engine, revision
    from weighbridge.render import console, progress

    with user_errors(), engine.connect() as found:
        settings, client = settings_of(c), clients.find()
        base = bases.base_image(found, "python", settings.bases.python)
        arguments = {"PYTHON_IMAGE": base.reference, "REVISION": revision.current(PROJECT).commit or "unknown"}
        wanted = builder.plan(settings, PROJECT, settings.chosen(variant), arguments, no_cache=no_cache)
        with console.activity() as shown:
            built = [builder.build(client, found.host, each, progress.steps(shown, each.variant)) for each in wanted]
        progress.print_built(built, base.described)


@task(iterable=["variant"], help={"variant": VARIANT_HELP, "format": FORMAT_HELP})
def report(c: Context, variant: list[str], format: str = "terminal") -> None:
    """Weigh the variants layer by layer, print the tables and keep the record in reports/."""
    from weighbridge import engine, measure, records, revision
    from weighbridge.render import console, formats

    with user_errors(), engine.connect() as found:
        render = formats.choose(formats.REPORTS, format)
        settings, commit = settings_of(c), revision.current(PROJECT)
        names = {name: settings.reference(name) for name in settings.chosen(variant)}
        with console.activity() as shown:
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            result = measure.measure(
                found, names, recorded_at=now, commit=commit.commit, dirty=commit.dirty, on_progress=shown.read_bytes
            )
        path = records.save(result, PROJECT / settings.reports.directory)
        render(result)
        console.say(f"Recorded in {path}")


@task(
    iterable=["variant"],
    help={
        "variant": VARIANT_HELP,
        "keep": "leave the containers for a look inside; `invoke clean` removes them",
        "format": FORMAT_HELP,
    },
)
def smoke(c: Context, variant: list[str], keep: bool = False, format: str = "terminal") -> None:
    """Prove that API and worker run from each variant, hardened and put to real work."""
    from weighbridge import bases, engine
    from weighbridge import smoke as smoking
    from weighbridge.render import console, formats, progress

    with user_errors(), engine.connect() as found:
        render = formats.choose(formats.PROOFS, format)
        settings = settings_of(c)
        names = settings.chosen(variant)
        redis = bases.base_image(found, "redis", settings.bases.redis).reference
        smoking.sweep(found)
        with console.activity() as shown:
            proofs = [
                smoking.prove(found, settings, name, redis, keep=keep, on_check=progress.checks(shown, name))
                for name in names
            ]
        render(proofs)
        for line in smoking.remains(found) if keep else ():
            console.say(line)
        check_proofs(proofs)


@task
def clean(c: Context) -> None:
    """Remove what we made in the engine: containers, networks, volumes, images and stand-ins."""
    from weighbridge import engine, smoke
    from weighbridge.render import console

    with user_errors(), engine.connect() as found:
        settings_of(c)
        things = smoke.clean(found)
        images = sum(found.remove_image(name) for name in found.labelled_images(engine.LABEL))
        console.print_line(f"Removed {things} containers, networks and volumes, and {images} images.")


@task(help={"quick": "only the tests that need no engine and no server; they end in ten seconds"})
def test(c: Context, quick: bool = False) -> None:
    """Run every test; most need an engine with its base images (`invoke engine`)."""
    chosen = "-m 'not engine and not services'" if quick else ""
    with c.cd(PROJECT):
        c.run(f"python -m pytest {chosen}")


@task
def check(c: Context) -> None:
    """Lint, types and import contracts: what CI runs besides the tests."""
    with c.cd(PROJECT):
        for command in ("ruff check .", "ruff format --check .", "mypy", "lint-imports"):
            c.run(command)


@task
def lock(c: Context) -> None:
    """Resolve the locks anew, with hashes."""
    compile_ = "uv pip compile --quiet --generate-hashes --universal --custom-compile-command 'invoke lock'"
    for options in (
        "--python-version 3.11 pyproject.toml --group dev --output-file requirements.txt",
        "--python-version 3.13 backend/pyproject.toml --output-file backend/requirements.txt",
        "--python-version 3.13 --group backend/pyproject.toml:build --output-file backend/requirements-build.txt",
    ):
        c.run(f"{compile_} --no-emit-index-url --no-emit-find-links --upgrade {options}")


with user_errors():
    check_syntax(PROJECT / "invoke.yaml")
