"""Invoke's tasks: read options, call the library, exit. `invoke --list` is the menu.

Each task imports what it needs, so that the menu opens at once.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from invoke.context import Context
from invoke.tasks import task

from weighbridge.commands.cli import check_configuration, settings_of, user_errors, whole_number

PROJECT = Path(__file__).parent
VARIANT_HELP = "a variant of invoke.yaml; may be repeated; without it, all"
IMAGE_HELP = "a variant, docker:REF, archive:FILE[#NAME], oci:PATH[#NAME] or registry:HOST/NAME:TAG"
TEST_PACKAGES = "redis-server", "postgresql", "docker-registry", "skopeo", "umoci", "openssl", "zstd", "chromium"
FORMAT_HELP = "terminal or json; json prints JSON alone"


@task
def engine(c: Context) -> None:
    """Find or set up the engine, a BuildKit client and the base images."""
    from weighbridge.build import bases
    from weighbridge.engine import provision
    from weighbridge.render.terminal import build_progress, console

    with user_errors(), console.activity() as shown:
        settings = settings_of(c)
        with provision.ensure_engine(shown.note) as found:
            client = provision.ensure_client(shown.note)
            wanted = settings.bases.by_role().items()
            images = [bases.ensure_base_image(found, client, role, name, shown.note) for role, name in wanted]
            bases.tell_compose(PROJECT, images)
            lines = [("Engine", found.described), ("Builder", client.described)]
    build_progress.print_facts([*lines, *((image.role.capitalize(), image.described) for image in images)])


@task(
    iterable=["variant", "platform"],
    help={
        "variant": VARIANT_HELP,
        "no-cache": "run every step again",
        "push": "HOST/NAME:TAG; what has not passed the smoke test takes it first; of several, each to TAG-VARIANT",
        "platform": "such as linux/arm64, where the builder can; may be repeated; without it, the engine's own",
    },
)
def build(c: Context, variant: list[str], platform: list[str], no_cache: bool = False, push: str | None = None) -> None:
    """Build the variants of the image, all from one Dockerfile."""
    from weighbridge.build import buildkit, plan
    from weighbridge.build import platforms as foreign
    from weighbridge.commands import publish
    from weighbridge.engine import docker_cli
    from weighbridge.engine.client import connect
    from weighbridge.render.terminal import build_progress, console, smoke_progress

    with user_errors():
        settings = settings_of(c)
        names = settings.chosen(variant)
        targets, platforms = publish.targets(push, names), foreign.parse(platform, push=push is not None)
        with connect() as found:
            with console.activity() as shown:
                client = docker_cli.find()
                foreign.check(client, found, platforms, push=push is not None)
                base, wanted = plan.plan(found, settings, PROJECT, names, platforms=platforms, no_cache=no_cache)
                steps = partial(build_progress.steps, shown)
                built = [buildkit.build(client, found, each, steps(each.variant)) for each in wanted]
            build_progress.print_built(built, base.described)
            with console.activity() as shown:
                watcher, folder = partial(smoke_progress.progress, shown), PROJECT / settings.reports.directory
                pushed = publish.publish(found, settings, built, targets, shown=shown, watcher=watcher, folder=folder)
        build_progress.print_facts([(each.variant, each.reference) for each in pushed])


@task(
    iterable=["variant", "image", "format"],
    help={
        "variant": VARIANT_HELP,
        "image": f"{IMAGE_HELP}; with NAME= before it, called so; instead of variants, may be repeated",
        "rebuild": "also try the changes of invoke.yaml: the seconds of a rebuild, the bytes to pull anew",
        "baseline": "what to compare with: a record, a commit, a branch, `last`, or SOURCE:REF with {variant} in it",
        "format": "terminal, json, markdown, html, svg, badge or cyclonedx, all but the first print nothing else; "
        "with :FILE behind it, into a file; may be repeated; without it, terminal",
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
    """Weigh images layer by layer, say whose the bytes are, record it."""
    from weighbridge.commands import choose, weigh
    from weighbridge.commands import report as reporting
    from weighbridge.render import formats
    from weighbridge.render.terminal import build_progress, console
    from weighbridge.report import budgets, records

    with user_errors():
        settings, outputs = settings_of(c), formats.Outputs(formats.REPORTS, format)
        wanted = choose.wanted(settings, variant, image)
        if rebuild:  # what it needs takes a tenth of a second to import
            from weighbridge.commands import rebuild as rebuilding

            rebuilding.check(settings, PROJECT, variant, image)
        folder = records.prepared(PROJECT / settings.reports.directory)
        with console.activity() as shown:
            before = reporting.earlier(baseline, settings, PROJECT, wanted, progress=shown.reading)
            weighed = weigh.weigh(wanted, PROJECT, on_progress=shown.reading())
            result = weighed.report
            if rebuild:
                steps = partial(build_progress.steps, shown)
                result = rebuilding.added(result, settings, PROJECT, steps, shown.reading)
        told = reporting.summarized(result, before, baseline, settings, folder=folder, trees=weighed.trees)
        path = records.save(told.report, folder)
        outputs.write(told)
        console.say(f"Recorded in {path}")
        budgets.enforce(told.report)


@task(iterable=["variant"], help={"variant": VARIANT_HELP, "format": FORMAT_HELP})
def trend(c: Context, variant: list[str], format: str = "terminal") -> None:
    """Draw what the variants weighed, record by record."""
    from weighbridge.render import formats
    from weighbridge.render.terminal import console
    from weighbridge.report import records
    from weighbridge.report import trend as trends

    with user_errors():
        settings, render = settings_of(c), formats.choose(formats.TRENDS, format)
        known = records.history(PROJECT / settings.reports.directory)
        for name in known.unreadable:
            console.say(f"{name} is no record, and left out")
        drawn = trends.of(known.reports, settings.chosen(variant))
        render(drawn if drawn.variants or variant else trends.of(known.reports))


@task(
    positional=["before", "after"],
    help={"before": IMAGE_HELP, "after": "the same, later", "format": FORMAT_HELP},
)
def diff(c: Context, before: str, after: str, format: str = "terminal") -> None:
    """Say what grew from one image to another, package by package."""
    from weighbridge.commands import choose, weigh
    from weighbridge.render import formats
    from weighbridge.render.terminal import console
    from weighbridge.report import difference

    with user_errors():
        settings, render = settings_of(c), formats.choose(formats.DIFFERENCES, format)
        wanted = {"before": choose.located(settings, before), "after": choose.located(settings, after)}
        with console.activity() as shown:
            images = weigh.weigh(wanted, PROJECT, on_progress=shown.reading()).report.images
        render(difference.compare_images(f"{before} -> {after}", *images))


@task(
    iterable=["variant"],
    help={
        "variant": VARIANT_HELP,
        "faults": "also break things on purpose: kill the worker, Redis and the API, fill the data folder",
        "keep": "leave the containers for a look inside; `invoke clean` removes them",
        "format": "terminal, json or junit; the last two print nothing else",
    },
)
def smoke(c: Context, variant: list[str], faults: bool = False, keep: bool = False, format: str = "terminal") -> None:
    """Prove that API and worker run and work, hardened, from each variant."""
    from weighbridge.commands import smoke as proof
    from weighbridge.engine.client import connect
    from weighbridge.render import formats
    from weighbridge.render.terminal import console, smoke_progress
    from weighbridge.smoke import runner
    from weighbridge.smoke.stack import runs

    with user_errors():
        settings, render = settings_of(c), formats.choose(formats.PROOFS, format)
        names, folder = settings.chosen(variant), PROJECT / settings.reports.directory
        with connect() as found:
            with console.activity() as shown:
                prove = partial(proof.prove, found, settings, names, shown=shown, folder=folder)
                proofs = prove(watcher=partial(smoke_progress.progress, shown, names), faults=faults, keep=keep)
            render(proofs)
            for line in runs.remains(found) if keep else ():
                console.say(line)
        runner.check(proofs)


@task(help={"bases": "also the stand-ins for base images, which take a minute to build again"})
def clean(c: Context, bases: bool = False) -> None:
    """Remove our images and what smoke tests left in the engine."""
    from weighbridge.build import bases as base_images
    from weighbridge.build import buildkit
    from weighbridge.engine.client import connect
    from weighbridge.render.terminal import console
    from weighbridge.smoke import artifacts
    from weighbridge.smoke.stack import runs

    with user_errors():
        settings = settings_of(c)
        artifacts.clean(PROJECT / settings.reports.directory)
        with connect() as found:
            things, images = runs.clean(found, console.print_line), buildkit.images(found, settings.repository)
            images += buildkit.images(found, settings.bench_repository)
            if bases:
                images += base_images.standins(found)
                base_images.tell_compose(PROJECT, ())
            removed = sum(found.remove_image(name) for name in images)
            left = [name for name in images if found.has_image(name)]
        console.print_line(f"Removed {things} containers, networks and volumes, and {removed} images.")
        for name in left:
            console.print_line(f"Left {name}: a container uses it.")


@task(help={"quick": "only the tests that need no engine and no server; they take less than a minute"})
def test(c: Context, quick: bool = False) -> None:
    """Run every test; most need an engine (`invoke engine`)."""
    from weighbridge.engine import apt
    from weighbridge.render.terminal import console

    chosen = "-m 'not engine and not services and not slow' --hypothesis-profile quick" if quick else ""
    with user_errors():
        apt.ensure(() if quick else TEST_PACKAGES, "servers and peers for the tests", console.say)
    with c.cd(PROJECT):
        c.run(f"python -m pytest {chosen}")


@task(
    help={
        "runs": "how often each program runs; the median counts",
        "quick": "one run of each, on fewer made images",
        "images": "instead of that, our images beside those of patterns that people use: bytes, seconds, memory",
        "format": FORMAT_HELP,
    }
)
def bench(c: Context, runs: str = "5", quick: bool = False, images: bool = False, format: str = "terminal") -> None:
    """Measure reports beside dive and syft, or images beside others."""
    from benchmarks import image_report, suite
    from benchmarks import images as comparison
    from benchmarks import report as found
    from weighbridge.render import formats
    from weighbridge.render.terminal import console

    with user_errors():
        settings, rounds = settings_of(c), whole_number("--runs", runs)
        if images:
            show = formats.choose(image_report.FORMATS, format)
            with console.activity() as shown:
                compared = comparison.compare(settings, PROJECT, shown, rounds=1 if quick else rounds)
            show(compared)
            return
        render = formats.choose(found.FORMATS, format)
        with console.activity() as shown:
            results = suite.measure(settings, PROJECT, shown, rounds=rounds, quick=quick)
        render(results)


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
    with c.cd(PROJECT):
        for options in (
            "--python-version 3.11 pyproject.toml --group dev --output-file requirements.txt",
            "--python-version 3.11 --group bench --output-file benchmarks/requirements.txt",
            "--python-version 3.13 backend/pyproject.toml --output-file backend/requirements.txt",
            "--python-version 3.13 --group backend/pyproject.toml:build --output-file backend/requirements-build.txt",
        ):
            c.run(f"{compile_} --no-emit-index-url --no-emit-find-links --upgrade {options}")


with user_errors():
    check_configuration(PROJECT)
