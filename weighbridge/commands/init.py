"""Writes the first settings of a project, with the reason for each guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from invoke.context import Context

from weighbridge import files
from weighbridge.commands import budgets, questions, surveying
from weighbridge.commands.project import choose_start, find_file, merge, read_variables
from weighbridge.commands.stack_files import Described, is_settled
from weighbridge.commands.surveying import Survey
from weighbridge.commands.version import read_version
from weighbridge.errors import SettingsError
from weighbridge.quoting import escape, quote, spell_commands
from weighbridge.render.terminal import console
from weighbridge.settings import source
from weighbridge.settings.compose.translation.programs import Call, classify, find_calls
from weighbridge.settings.initial.applications import Found, name_module
from weighbridge.settings.initial.document import Draft, write
from weighbridge.settings.initial.images import Image, choose_images
from weighbridge.settings.initial.stack import Evidence, describe_paths, describe_stack, pick_image
from weighbridge.settings.project import check

_NEXT = ("engine", "build", "report", "smoke")
"""The tasks that go from settings to the first proof."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What options answer; empty: it is guessed or asked."""

    dockerfiles: Sequence[str] = ()
    compose: str = ""
    app: str = ""
    celery: str = ""


def run(c: Context, root: str, answers: Answers) -> None:
    """Write settings for the folder that `--root` names, or the working directory.

    Raises:
        SettingsError: There are settings already, there is nothing to build, a compose file is wrong, or a question
            cannot be asked. Nothing is written then.
    """
    folder = choose_start(c.config, root)
    if found := find_file(c.config, root):
        raise SettingsError(
            f"{quote(found.path)} has settings already, and `init` overwrites nothing",
            advice="Change them there; `invoke init --check` says what has changed since they were written.",
        )
    survey = surveying.survey(folder)
    described, chosen = _choose_compose(survey, answers)
    draft = Draft()
    _describe_project(draft, folder, described)
    images = [] if described else _describe_own_stack(draft, survey, answers)
    if described:
        _describe_compose(draft, survey, described, chosen)
    values = merge(described.values if described else {}, draft.values)
    settings = check(merge(values, read_variables(c.config, values, None)[0].values))
    weights = budgets.weigh_known(settings, folder)
    if weights:
        budgets.set_budgets(draft, weights)
    draft.set(("init",), {}, "What `weighbridge init` saw here: `weighbridge init --check` tells what changes.")
    draft.set(("init", "version"), read_version())
    draft.set(("init", "saw"), survey.describe(described))
    _save(folder, write(draft))
    _tell(described, images, has_budgets=bool(weights))


def _save(folder: Path, text: str) -> None:
    try:
        files.create(folder, [source.OWN[0]], text.encode())
    except FileExistsError as error:
        raise SettingsError(f"{source.OWN[0]} is there already", advice="Move it away first.") from error
    except OSError as error:
        raise SettingsError(
            f"{escape(str(folder / source.OWN[0]))} cannot be written: {error.strerror}",
            advice="Make the folder writable.",
        ) from error


def _tell(described: Described | None, images: Sequence[Image], *, has_budgets: bool) -> None:
    stack = f"the stack of {', '.join(described.files)}" if described else ", ".join(each.dockerfile for each in images)
    console.print_line(f"Wrote weighbridge.yaml, for {stack}. Each guess stands there with its reason.")
    if not has_budgets:
        console.print_line(
            spell_commands("No image was weighed; once there are images, `invoke init --budgets` adds budgets.")
        )
    console.print_line("Add reports/ to .gitignore, and weighbridge.yaml and reports/ to .dockerignore.")
    program, _, collection = spell_commands("`invoke ").rpartition(" ")
    tasks = " ".join(f"{collection}{task}" for task in _NEXT)
    console.print_line(f"Next: {program} {tasks} --profile works`")


def _choose_compose(survey: Survey, answers: Answers) -> tuple[Described | None, tuple[str, ...]]:
    """Return what compose files say as settings, and their paths."""
    usual, others = surveying.find_compose_files(survey)
    if answers.compose:
        chosen: tuple[str, ...] = (answers.compose,)
    elif usual or not others:
        chosen = usual
    else:
        chosen = (questions.choose("compose file", others, "--compose"),)
    described = surveying.describe_compose(survey.folder, chosen)
    if answers.compose and not described:
        raise SettingsError(
            f"{quote(answers.compose)} has no service that is built here and whose kind is known",
            advice="Name another compose file, or leave --compose out.",
        )
    return described, chosen


def _describe_project(draft: Draft, folder: Path, described: Described | None) -> None:
    name = described.values["repository"] if described else surveying.name_repository(folder)
    why = "the project of the compose files" if described else "the folder"
    draft.set(("repository",), name, f"The images are called {name}:VARIANT, after {why}.")


def _describe_own_stack(draft: Draft, survey: Survey, answers: Answers) -> Sequence[Image]:
    images = _choose_images(survey, answers)
    api, worker = pick_image(images, "api"), pick_image(images, "worker")
    evidence = Evidence(
        images=images,
        modules=survey.modules,
        packages=survey.packages,
        places=survey.places,
        api=_choose_application(survey.apis, api, kind="api", given=answers.app, library="FastAPI", option="--app"),
        celery=_choose_application(
            survey.celeries, worker, kind="worker", given=answers.celery, library="Celery", option="--celery"
        ),
    )
    describe_stack(draft, evidence)
    if not any(draft.values["roles"].values()):
        raise SettingsError(
            "Neither an application of FastAPI or Celery nor a command that starts one was found here",
            advice="Write weighbridge.yaml with `roles`, as docs/adopting.md shows.",
        )
    return images


def _choose_images(survey: Survey, answers: Answers) -> Sequence[Image]:
    known = {image.dockerfile: image for image in survey.images}
    if not known:
        raise SettingsError(
            f"There is no Dockerfile in {escape(str(survey.folder))}", advice="Write one, or change to its repository."
        )
    if answers.dockerfiles:
        names = [questions.choose("Dockerfile", [*known], "--dockerfile", given=each) for each in answers.dockerfiles]
        return [known[name] for name in names]
    return choose_images(survey.images) or [known[questions.choose("Dockerfile", [*known], "--dockerfile")]]


def _choose_application(
    found: Sequence[Found], image: Image, *, kind: str, given: str, library: str, option: str
) -> Found | None:
    """Return the application of a role: the one that an option or the image's command names, else one that is asked."""
    inside = [each for each in found if image.context == "." or each.place.startswith(f"{image.context}/")]
    if not inside:
        return None
    named = None if given else find_named(inside, image, image.start.all_calls, kind)
    if named:
        return named
    names = {each.name: each for each in inside}
    return names[questions.choose(f"{library} application", [*names], option, given=given)]


def find_named(found: Sequence[Found], image: Image, calls: Sequence[Call], kind: str) -> Found | None:
    """Return the application that a call of a server or of Celery names; None: none of these."""
    words = {word for call in calls if classify([call]) == (kind,) for word in call.arguments}
    words |= {word.removeprefix("--app=") for word in words}
    for each in found:
        module, name = name_module(each.place, image.context, image.recipe), each.application.name
        spelled = {f"{module}:{name}", f"{module}.{name}", f"{module}:{name}()"}
        if words & (spelled | ({module} if kind == "worker" else set())):
            return each
    return None


def _describe_compose(draft: Draft, survey: Survey, described: Described, names: tuple[str, ...]) -> None:
    """Write what the source tells, and compose files do not: which paths an API answers."""
    draft.set(("smoke", "compose"), names[0] if len(names) == 1 else [*names])
    for name, role in described.values["roles"].items():
        if role is not None and role["kind"] == "api":
            _describe_compose_api(draft, survey, described, name)
    notes = [note for note in described.notes if not is_settled(draft.values, note)]
    told = "Roles, services and variants come from here; settings override them, as docs/stack.md says."
    draft.reasons["smoke", "compose"] = "\n".join([told, *notes])


def _describe_compose_api(draft: Draft, survey: Survey, described: Described, name: str) -> None:
    role, variants = described.values["roles"][name], described.values.get("variants", {})
    variant = role.get("variant") or next(iter(variants), "")
    image = survey.find_image(variants[variant]) if variant in variants and "image" not in role else None
    if image is None:
        return
    words = [*role.get("entrypoint", ()), *role.get("command", ())]
    calls = find_calls(words) if role.get("command") else image.start.all_calls
    api = find_named(survey.apis, image, calls, "api") or (survey.apis[0] if len(survey.apis) == 1 else None)
    if api is None:
        return
    extra = Draft()
    health = None if role["live"] == "/openapi.json" else role["live"]
    describe_paths(extra, name, api, health)
    found = extra.values["roles"][name]
    if any(role.get(key, "/openapi.json") != value for key, value in found.items()):
        for key, value in found.items():
            draft.set(("roles", name, key), value, extra.reasons.get(("roles", name, key), ""))
