"""The rule on secrets in the config of an image: it returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from weighbridge import secret_detection
from weighbridge.model.scan import ScannedImage
from weighbridge.settings.project import Settings
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import hits

AT_BUILD = "give it to the one step that needs it, with RUN --mount=type=secret"
_AT_START = "leave it out of the Dockerfile and give it when the container starts"


def no_secrets_in_config(contents: ScannedImage, _settings: Settings) -> str:
    """No secret is in environment, labels or history: whoever can pull the image can read them."""
    found = dict.fromkeys([*_find_in_environment(contents), *_find_in_labels(contents), *_find_in_history(contents)])
    for what, remedy in found:
        raise CheckFailed(f"{what}{hits.describe_more(len(found) - 1)}; {remedy}")
    steps = len(contents.history)
    return f"none in {len(contents.environment)} variables, {len(contents.labels)} labels, {steps} steps of history"


def _find_in_environment(contents: ScannedImage) -> Iterator[tuple[str, str]]:
    for name, value in split_pairs(contents.environment):
        if what := _describe_secret(name, value):
            yield f"the environment variable {hits.show(name)} holds {what}", _AT_START


def _find_in_labels(contents: ScannedImage) -> Iterator[tuple[str, str]]:
    for name, value in contents.labels.items():
        if what := secret_detection.find_secret(value):
            yield f"the label {hits.show(name)} holds {what}", "take it out of the Dockerfile's LABEL"


def _find_in_history(contents: ScannedImage) -> Iterator[tuple[str, str]]:
    """Yield the secrets that are in the history alone, and not in environment or labels as well."""
    known = {name for name, value in split_pairs(contents.environment) if _describe_secret(name, value)}
    known |= {name for name, value in contents.labels.items() if secret_detection.find_secret(value)}
    for step in contents.history:
        names = [name for name in secret_detection.find_assigned_names(step) if name not in known]
        if names:
            yield (
                f"the history shows {hits.show(names[0])}, which by its name is a secret: `{hits.show(step)}`",
                AT_BUILD,
            )
        elif (what := secret_detection.find_secret(step)) and not any(f"{name}=" in step for name in known):
            yield f"the history holds {what}: `{hits.show(step)}`", AT_BUILD


def split_pairs(environment: Iterable[str]) -> list[tuple[str, str]]:
    """Return name and value of each variable of an image."""
    return [(name, value) for name, _, value in (each.partition("=") for each in environment)]


def _describe_secret(name: str, value: str) -> str:
    return secret_detection.find_secret(value) or (
        "what is a secret by its name" if secret_detection.is_secret(name, value) else ""
    )
