"""The rules on images, in the order in which they are tried: on their files, then on what they run without a role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from weighbridge.model.scan import ScannedImage
from weighbridge.settings.project import Settings
from weighbridge.smoke.rule import Rule
from weighbridge.smoke.rules import image, libraries, start
from weighbridge.smoke.rules.config_secrets import no_secrets_in_config
from weighbridge.smoke.stack.blueprint import Blueprint
from weighbridge.smoke.stack.cast import Cast
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.runs import Run

_IMAGE_RULES = (
    image.runs_as_non_root,
    image.command_is_exec_form,
    image.has_health_check,
    image.declares_its_port,
    no_secrets_in_config,
    image.no_secrets_in_layers,
    image.no_setuid_files,
    image.code_is_not_writable,
    image.no_compiler,
    image.no_package_cache,
    image.no_vcs_folder,
    image.no_test_suite,
    image.no_env_file,
    image.no_tool_files,
    image.code_is_for_this_platform,
)
HAS_PYTHON, HAS_HEALTH_CHECK, NON_ROOT = "has-python", "has-health-check", "runs-as-non-root"


def title_image(cast: Cast, key: str, rule: str) -> str:
    """Return the title of a rule on an image; if there are several, it names the image, too."""
    return f"{_name_subject(cast, key)} {rule}"


def list_python_images(settings: Settings, cast: Cast) -> tuple[str, ...]:
    """Return the keys of the images that need a Python: all but those from which only roles of kind `other` run."""
    keys = [cast.find_key(role) for role in settings.roles.values() if role.kind != "other"]
    return tuple(dict.fromkeys((cast.main, *keys)))


def build_rules(settings: Settings, cast: Cast) -> Iterator[Rule]:
    """Yield the rules on each image. Only `hardened` demands most of them: an application can work without."""
    for key, contents in cast.images.items():
        yield from _build_file_rules(_select(settings, cast, key), cast, key, contents)
    for key in list_python_images(settings, cast):
        yield from _build_running_rules(settings, cast, key)


def _name_subject(cast: Cast, key: str) -> str:
    return "image" if len(cast.images) == 1 else f"{key} image"


def _select(settings: Settings, cast: Cast, key: str) -> Settings:
    """Return the settings with only the roles that run from an image."""
    roles = {name: role for name, role in settings.roles.items() if cast.find_key(role) == key}
    return settings.model_copy(update={"roles": roles})


def _build_file_rules(settings: Settings, cast: Cast, key: str, contents: ScannedImage) -> Iterator[Rule]:
    for judge in _IMAGE_RULES:
        yield Rule(
            role=_name_subject(cast, key),
            name=judge.__name__.replace("_", "-"),
            holds=_bind_judge(judge, contents, settings),
            needs=(title_image(cast, key, NON_ROOT),) if judge is image.code_is_not_writable else (),
            demanded_by="hardened",
        )


def _bind_judge(
    judge: Callable[[ScannedImage, Settings], str], contents: ScannedImage, settings: Settings
) -> Callable[[Stack], str]:
    return lambda _: judge(contents, settings)


def _build_running_rules(settings: Settings, cast: Cast, key: str) -> Iterator[Rule]:
    subject, python = _name_subject(cast, key), title_image(cast, key, HAS_PYTHON)
    blueprint = Blueprint(settings=settings, cast=cast, services={}, run=Run("", keep=False))
    yield Rule(
        role=subject, name=HAS_PYTHON, holds=partial(start.has_python, key=key), log_of=blueprint.name_client(key)
    )
    holds = partial(libraries.libraries_resolve, key=key)
    yield Rule(role=subject, name="libraries-resolve", holds=holds, needs=(python,), demanded_by="hardened")


def list_checked_roles(settings: Settings, cast: Cast, key: str) -> tuple[str, ...]:
    """Return the roles that run from an image and have to have a health check."""
    return tuple(name for name, role in settings.roles.items() if cast.find_key(role) == key and role.kind != "other")


def build_health_rule(settings: Settings, cast: Cast, key: str, holds: Callable[[Stack], str]) -> Rule:
    """Return the rule that the health checks of an image's roles can fail; nothing else depends on it."""
    subject, python = _name_subject(cast, key), title_image(cast, key, HAS_PYTHON)
    all_have_their_own = all(settings.roles[name].health for name in list_checked_roles(settings, cast, key))
    needs = (python,) if all_have_their_own else (python, title_image(cast, key, HAS_HEALTH_CHECK))
    return Rule(role=subject, name="health-check-can-fail", holds=holds, needs=needs, demanded_by="hardened")
