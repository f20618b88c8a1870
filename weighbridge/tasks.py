"""The collection: each task reads its options and calls a command. `ns` is what a client adds to its own tasks.

Importing it reads no file and cannot fail, because what fails here would end the client's whole `invoke --list`. Each
task imports what it needs itself, so that the list appears at once.
"""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from weighbridge.commands.cli import choose_spelling, open_project, show_user_errors
from weighbridge.render import formats

VARIANT_HELP = "a variant of the settings; may be repeated; default: all variants"
IMAGE_HELP = "a variant, docker:REF, archive:FILE[#NAME], oci:PATH[#NAME] or registry:HOST/NAME:TAG"
VERBOSE_HELP = "also say of each image of the engine whether it is read in the engine's own folder, and if not, why"
ROOT_HELP = "the folder of the settings file; default: the nearest one, from here upwards"


@task(
    iterable=["dockerfile"],
    help={
        "check": "write nothing, but say what has changed since in the repository and in Weighbridge; exit code 2 if "
        "something has to change",
        "budgets": "only add budgets to settings that are there: what the images ship today and 5 %",
        "dockerfile": "the Dockerfile of an image to build; may be repeated; default: all that are not for development",
        "compose": "a compose file; default: those that Compose would find",
        "app": "the FastAPI application, as PATH:NAME; default: what the image starts, or the only one",
        "celery": "the Celery application, as PATH:NAME; default: what the image starts, or the only one",
        "root": "the folder to write to or to check; default: the working directory",
    },
)
def init(
    c: Context,
    dockerfile: list[str],
    check: bool = False,
    budgets: bool = False,
    compose: str = "",
    app: str = "",
    celery: str = "",
    root: str = "",
) -> None:
    """Read what the repository has and write settings that run."""
    with show_user_errors():
        choose_spelling(c, "init")
        if check:
            from weighbridge.commands import init_check

            init_check.run(c, root)
        elif budgets:
            from weighbridge.commands import budgets as budgeting

            budgeting.run(c, root)
        else:
            from weighbridge.commands import init as command

            answers = command.Answers(dockerfiles=dockerfile, compose=compose, app=app, celery=celery)
            command.run(c, root, answers)


@task(help={"root": ROOT_HELP, "format": formats.describe_choice(formats.SETUPS)})
def engine(c: Context, format: str = "terminal", root: str = "") -> None:
    """Find or set up the engine, BuildKit and the base images."""
    from weighbridge.commands import engine as command

    with show_user_errors():
        command.run(lambda use: open_project(c, "engine", root, use=use), format)


@task(
    iterable=["variant", "platform"],
    help={
        "variant": VARIANT_HELP,
        "no-cache": "run every step again, without the build cache",
        "push": "push to HOST/NAME:TAG what has passed the smoke test, which runs first where it is missing; several "
        "variants go to TAG-VARIANT each",
        "platform": "a platform such as linux/arm64; may be repeated; default: the engine's own",
        "format": formats.describe_choice(formats.BUILDS),
        "root": ROOT_HELP,
    },
)
def build(
    c: Context,
    variant: list[str],
    platform: list[str],
    no_cache: bool = False,
    push: str | None = None,
    format: str = "terminal",
    root: str = "",
) -> None:
    """Build the variants of the image, all from one Dockerfile."""
    from weighbridge.commands import build as command

    with show_user_errors():
        project = open_project(c, "build", root, needs_file=True, use="all")
        command.run(
            project.settings,
            project.root,
            variant,
            platforms=platform,
            push=push,
            no_cache=no_cache,
            format_name=format,
        )


@task(
    iterable=["variant", "image", "format"],
    help={
        "variant": VARIANT_HELP,
        "image": f"{IMAGE_HELP}; NAME=IMAGE gives it that name; may be repeated; replaces --variant",
        "rebuild": "also measure what each change of the settings costs: seconds to rebuild, bytes to pull again",
        "baseline": "what to compare with: a record, a commit, a branch, `last`, or SOURCE:REF with {variant} in it",
        "verbose": VERBOSE_HELP,
        "format": f"{formats.describe_choice(formats.REPORTS)}; FORMAT:FILE writes to a file; may be repeated; "
        "default: terminal",
        "root": ROOT_HELP,
    },
)
def report(
    c: Context,
    variant: list[str],
    image: list[str],
    format: list[str],
    rebuild: bool = False,
    baseline: str = "",
    verbose: bool = False,
    root: str = "",
) -> None:
    """Weigh images layer by layer and say what their bytes are."""
    with show_user_errors():
        from weighbridge.commands import report as command  # in here it is loaded faster: see `show_user_errors`

        project = open_project(c, "report", root, use="none" if image else "images")
        command.run(
            project.settings,
            project.root,
            variant,
            image,
            formats_wanted=format,
            baseline=baseline,
            rebuild=rebuild,
            verbose=verbose,
        )


@task(
    iterable=["variant"],
    help={"variant": VARIANT_HELP, "format": formats.describe_choice(formats.TRENDS), "root": ROOT_HELP},
)
def trend(c: Context, variant: list[str], format: str = "terminal", root: str = "") -> None:
    """Show what the variants weighed, record by record."""
    with show_user_errors():
        from weighbridge.commands import trend as command

        project = open_project(c, "trend", root, needs_file=True, use="images")
        command.run(project.settings, project.root, variant, format)


@task(
    positional=["before", "after"],
    help={
        "before": IMAGE_HELP,
        "after": "the later image, named in the same way",
        "verbose": VERBOSE_HELP,
        "format": formats.describe_choice(formats.DIFFERENCES),
        "root": ROOT_HELP,
    },
)
def diff(c: Context, before: str, after: str, format: str = "terminal", verbose: bool = False, root: str = "") -> None:
    """Show what grew from one image to another, package by package."""
    with show_user_errors():
        from weighbridge.commands import diff as command

        project = open_project(c, "diff", root)
        command.run(project.settings, project.root, before, after, format, verbose=verbose)


@task(help={"root": ROOT_HELP})
def settings(c: Context, root: str = "") -> None:
    """Check the settings, and say what they amount to."""
    with show_user_errors():
        from weighbridge.commands import settings as command

        project = open_project(c, "settings", root, needs_file=True, use="all")
        command.run(project.settings, project.notes)


@task(
    iterable=["variant"],
    help={
        "variant": VARIANT_HELP,
        "profile": "what is demanded: `works`, or `hardened`, which also confines the roles and judges their images; "
        "default: that of the settings",
        "faults": "also break things on purpose: roles, services, the broker, the data folder, and clients that stall",
        "keep": "leave the containers running for inspection; `invoke clean` removes them",
        "format": formats.describe_choice(formats.PROOFS),
        "root": ROOT_HELP,
    },
)
def smoke(
    c: Context,
    variant: list[str],
    profile: str = "",
    faults: bool = False,
    keep: bool = False,
    format: str = "terminal",
    root: str = "",
) -> None:
    """Prove that each variant runs in all of its roles."""
    from weighbridge.commands import smoke as command

    with show_user_errors():
        project = open_project(c, "smoke", root, needs_file=True, use="all")
        command.run(
            project.settings,
            project.root,
            variant,
            format,
            profile=profile,
            faults=faults,
            keep=keep,
            notes=project.notes,
        )


@task(help={"bases": "also the stand-ins for base images, which take a minute to build again", "root": ROOT_HELP})
def clean(c: Context, bases: bool = False, root: str = "") -> None:
    """Remove our images and what smoke tests left in the engine."""
    from weighbridge.commands import clean as command

    with show_user_errors():
        project = open_project(c, "clean", root, use="images")
        command.run(project.settings, project.root, with_bases=bases, with_images=project.has_file)


@task(name="docker-plugin", help={"remove": "remove it again"})
def docker_plugin(_: Context, remove: bool = False) -> None:
    """Let Docker's own client weigh images: `docker weigh IMAGE`."""
    from weighbridge.commands import docker_plugin as command

    with show_user_errors():
        command.run(remove=remove)


ns = Collection(init, settings, engine, build, report, diff, trend, smoke, clean)
"""What a client adds to its own tasks, under a name of its choice."""
program_ns = Collection(init, settings, engine, build, report, diff, trend, smoke, clean, docker_plugin)
"""The tasks of the program `weighbridge`."""
