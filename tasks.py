"""Invoke's tasks: each reads its options and calls the library. `invoke --list` shows them all.

Each task imports what it needs itself, so that the list appears at once.
"""

from __future__ import annotations

import sys
from pathlib import Path

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from weighbridge.commands.cli import parse_number, read_settings, show_user_errors
from weighbridge.commands.configuration import check_configuration
from weighbridge.render import formats

PROJECT = Path(__file__).parent
VARIANT_HELP = "a variant of invoke.yaml; may be repeated; default: all variants"
IMAGE_HELP = "a variant, docker:REF, archive:FILE[#NAME], oci:PATH[#NAME] or registry:HOST/NAME:TAG"
SERVERS, PEERS = ("redis-server", "postgresql", "docker-registry"), ("skopeo", "umoci", "buildah", "podman")
TEST_PACKAGES = *SERVERS, *PEERS, "openssl", "zstd", "chromium"
ON_ALL_CORES = "-n auto --dist worksteal"
KEEP_BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}  # otherwise each process compiles all tests again


@task
def engine(c: Context) -> None:
    """Find or set up the engine, a BuildKit client and the base images."""
    from weighbridge.commands import engine as command

    with show_user_errors():
        command.run(read_settings(c), PROJECT)


@task(
    iterable=["variant", "platform"],
    help={
        "variant": VARIANT_HELP,
        "no-cache": "run every step again, without the build cache",
        "push": "push to HOST/NAME:TAG what has passed the smoke test, which runs first where it is missing; several "
        "variants go to TAG-VARIANT each",
        "platform": "a platform such as linux/arm64; may be repeated; default: the engine's own",
    },
)
def build(c: Context, variant: list[str], platform: list[str], no_cache: bool = False, push: str | None = None) -> None:
    """Build the variants of the image, all from one Dockerfile."""
    from weighbridge.commands import build as command

    with show_user_errors():
        command.run(read_settings(c), PROJECT, variant, platforms=platform, push=push, no_cache=no_cache)


@task(
    iterable=["variant", "image", "format"],
    help={
        "variant": VARIANT_HELP,
        "image": f"{IMAGE_HELP}; NAME=IMAGE gives it that name; may be repeated; replaces --variant",
        "rebuild": "also measure what each change of invoke.yaml costs: seconds to rebuild, bytes to pull again",
        "baseline": "what to compare with: a record, a commit, a branch, `last`, or SOURCE:REF with {variant} in it",
        "format": f"{formats.describe_choice(formats.REPORTS)}; FORMAT:FILE writes to a file; may be repeated; "
        "default: terminal",
    },
)
def report(
    c: Context,
    variant: list[str],
    image: list[str],
    format: list[str],
    rebuild: bool = False,
    baseline: str = "",
) -> None:
    """Weigh images layer by layer, say what their bytes are, record it."""
    from weighbridge.commands import report as command

    with show_user_errors():
        command.run(
            read_settings(c), PROJECT, variant, image, formats_wanted=format, baseline=baseline, rebuild=rebuild
        )


@task(iterable=["variant"], help={"variant": VARIANT_HELP, "format": formats.describe_choice(formats.TRENDS)})
def trend(c: Context, variant: list[str], format: str = "terminal") -> None:
    """Show what the variants weighed, record by record."""
    from weighbridge.commands import trend as command

    with show_user_errors():
        command.run(read_settings(c), PROJECT, variant, format)


@task(
    positional=["before", "after"],
    help={
        "before": IMAGE_HELP,
        "after": "the later image, named in the same way",
        "format": formats.describe_choice(formats.DIFFERENCES),
    },
)
def diff(c: Context, before: str, after: str, format: str = "terminal") -> None:
    """Show what grew from one image to another, package by package."""
    from weighbridge.commands import diff as command

    with show_user_errors():
        command.run(read_settings(c), PROJECT, before, after, format)


@task(
    iterable=["variant"],
    help={
        "variant": VARIANT_HELP,
        "faults": "also break things on purpose: kill the worker, Redis and the API, fill the data folder",
        "keep": "leave the containers running for inspection; `invoke clean` removes them",
        "format": formats.describe_choice(formats.PROOFS),
    },
)
def smoke(c: Context, variant: list[str], faults: bool = False, keep: bool = False, format: str = "terminal") -> None:
    """Prove that API and worker run and work, hardened, from each variant."""
    from weighbridge.commands import smoke as command

    with show_user_errors():
        command.run(read_settings(c), PROJECT, variant, format, faults=faults, keep=keep)


@task(help={"bases": "also the stand-ins for base images, which take a minute to build again"})
def clean(c: Context, bases: bool = False) -> None:
    """Remove our images and what smoke tests left in the engine."""
    from weighbridge.commands import clean as command

    with show_user_errors():
        command.run(read_settings(c), PROJECT, with_bases=bases)


@task(help={"quick": "only the tests that need no engine and no server; on two cores they take about 20 seconds"})
def test(c: Context, quick: bool = False) -> None:
    """Run every test; most need an engine (`invoke engine`)."""
    from weighbridge.engine import apt
    from weighbridge.render.terminal import console

    small = "not engine and not services and not slow"
    runs = [f"{ON_ALL_CORES} -m '{small}' --hypothesis-profile quick"]
    if not quick:  # there is one engine: its tests take turns, and measure time
        runs = [f"{ON_ALL_CORES} -m 'not engine'", "-m engine"]
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
        "format": formats.describe_choice(["terminal", "json"]),
    }
)
def bench(c: Context, runs: str = "5", quick: bool = False, images: bool = False, format: str = "terminal") -> None:
    """Compare our report with dive and syft, or our images with others."""
    from benchmarks import image_report, suite
    from benchmarks import images as comparison
    from benchmarks import report as found
    from weighbridge.render.terminal import console

    with show_user_errors():
        settings, rounds = read_settings(c), parse_number("--runs", runs)
        if images:
            show = formats.choose(image_report.FORMATS, format)
            with console.show_activity() as shown:
                compared = comparison.compare(settings, PROJECT, shown, rounds=1 if quick else rounds)
            show(compared)
            return
        render = formats.choose(found.FORMATS, format)
        with console.show_activity() as shown:
            results = suite.measure(settings, PROJECT, shown, rounds=rounds, quick=quick)
        render(results)


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
            "--python-version 3.11 pyproject.toml --group dev --output-file requirements.txt",
            "--python-version 3.11 --group bench --output-file benchmarks/requirements.txt",
            "--python-version 3.13 backend/pyproject.toml --output-file backend/requirements.txt",
            "--python-version 3.13 --group backend/pyproject.toml:build --output-file backend/requirements-build.txt",
        ):
            c.run(f"{compile_} --no-emit-index-url --no-emit-find-links --upgrade {options}")


with show_user_errors():
    check_configuration(PROJECT, sys.modules[__name__])
