"""Writes roles and services into a draft, for a repository whose compose files do not describe them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weighbridge.settings.compose.translation.addresses import DEFAULT_PORT
from weighbridge.settings.initial.applications import Found, choose_path, name_module
from weighbridge.settings.initial.backing import Backing, guess_backing
from weighbridge.settings.initial.code import Module
from weighbridge.settings.initial.document import Draft
from weighbridge.settings.initial.images import Image

_SCHEDULE = "/tmp/celerybeat-schedule"  # noqa: S108 - in a container
_MIGRATIONS = "alembic.ini"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the settings are made of."""

    images: Sequence[Image]
    modules: Mapping[str, Module]
    packages: Collection[str]
    """Names of required packages, in lower case; extras of Celery are among them."""
    places: Collection[str]
    """All files."""
    api: Found | None = None
    """The FastAPI application; None: there is none."""
    celery: Found | None = None


def describe_stack(draft: Draft, evidence: Evidence) -> None:
    """Write variants, roles and services into a draft, with the reasons."""
    _describe_variants(draft, evidence.images)
    draft.set(("roles",), {}, "No compose file describes the roles, so they stand here.")
    _describe_api(draft, evidence)
    _describe_worker(draft, evidence)
    _describe_backing(draft, evidence)


def pick_image(images: Sequence[Image], kind: str) -> Image:
    """Return the image that a role of a kind runs from: the one that starts such a role, else the first."""
    return next((image for image in images if image.kind == kind), images[0])


def _describe_variants(draft: Draft, images: Sequence[Image]) -> None:
    for image in images:
        build: dict[str, Any] = {}
        if image.dockerfile != "Dockerfile":
            build["dockerfile"] = image.dockerfile
        if image.context != ".":
            build["context"] = image.context
        if image.target:
            build["target"] = image.target
        told = f"{image.dockerfile}: " + (f"it starts the {image.kind}." if image.kind else "its only image.")
        if len(images) == 1:
            told = f"{image.dockerfile} builds it."
        if image.target:
            told += f"\nIts last stage is not what ships, so `{image.target}` is taken."
        draft.set(("variants", image.variant), build, told)


def _describe_api(draft: Draft, evidence: Evidence) -> None:
    image = pick_image(evidence.images, "api")
    if evidence.api is None and image.kind != "api":
        draft.set(("roles", "api"), None, "No FastAPI application was found.")
        return
    port = image.port or DEFAULT_PORT
    role: dict[str, Any] = {"variant": image.variant} if len(evidence.images) > 1 else {}
    if image.starts_something and image.kind == "api":
        told = "The image's own command starts it."
    elif evidence.api:
        module = name_module(evidence.api.place, image.context, image.recipe)
        factory = ["--factory"] if evidence.api.application.is_factory else []
        name = f"{module}:{evidence.api.application.name}"
        role["command"] = ["uvicorn", *factory, name, "--host", "0.0.0.0", "--port", str(port)]  # noqa: S104 - in a container
        told = f"The image starts no API itself; {evidence.api.place} has {evidence.api.application.name}."
    else:
        told = "Its name says that it is one."
    draft.set(("roles", "api"), {**role, "port": port}, told)
    describe_paths(draft, "api", evidence.api, image.health_path)


def describe_paths(draft: Draft, role: str, api: Found | None, health: str | None) -> None:
    """Write the paths by which an API is asked whether it is live and ready, if anything tells them.

    Args:
        draft: Gets them.
        role: The API's role.
        api: Its application; None: not found.
        health: The path that its health check asks.
    """
    openapi = api.application.openapi if api else "/openapi.json"
    live = choose_path(api, "live") or health
    ready = choose_path(api, "ready") or live
    fallback = openapi or next(iter(api.application.routes if api else ()), "/")
    draft.set(("roles", role, "live"), live or fallback, _tell(api, live, fallback))
    draft.set(("roles", role, "ready"), ready or fallback)
    if openapi != "/openapi.json":
        draft.set(("roles", role, "openapi"), openapi, "The source sets `openapi_url`.")


def _tell(api: Found | None, live: str | None, fallback: str) -> str:
    if live and api and live in api.application.routes:
        return f"{api.place} answers it."
    if live:
        return "The health check of the image asks it."
    return f"No path is called as health checks are, so {fallback} stands for it: it shows that the API serves."


def _describe_worker(draft: Draft, evidence: Evidence) -> None:
    image = pick_image(evidence.images, "worker")
    starts = image.starts_something and image.kind == "worker"
    if evidence.celery is None and not starts:
        draft.set(("roles", "worker"), None, "No Celery application was found.")
        return
    role: dict[str, Any] = {"variant": image.variant} if len(evidence.images) > 1 else {}
    if starts:
        draft.set(("roles", "worker"), {"kind": "worker", **role}, "The image's own command starts it.")
    if evidence.celery is None:
        return
    application, module = evidence.celery.application, name_module(evidence.celery.place, image.context, image.recipe)
    told = f"{evidence.celery.place} has {application.name}."
    if starts:
        _describe_questions(draft, module, application.name)
    elif application.is_factory:
        told += "\nCelery's own command takes no function that makes an application, so Python calls it."
        made = f"from {module} import {application.name}"
        role["command"] = [
            "python",
            "-c",
            f"{made}; {application.name}().worker_main(['worker', '--loglevel', 'INFO'])",
        ]
        asked = f"{application.name}().control.inspect().registered()"
        role["registered"] = ["python", "-c", f"import json; {made}; print(json.dumps({asked}))"]
        draft.set(("roles", "worker"), role, told)
    else:
        name = f"{module}:{application.name}"
        role["command"] = ["celery", "--app", name, "worker", "--loglevel", "INFO"]
        if image.recipe.health:
            told += "\nThe health check of the image asks the API, so the worker has one of its own."
            role["health"] = ["celery", "--app", name, "inspect", "ping"]
        draft.set(("roles", "worker"), role, told)
        _describe_beat(draft, evidence, name, {"variant": image.variant} if len(evidence.images) > 1 else {})


def _describe_questions(draft: Draft, module: str, name: str) -> None:
    """Say how the worker is asked for its jobs, as its command need not show it."""
    asked = ["celery", "--app", f"{module}:{name}", "inspect", "registered", "--json"]
    draft.set(("roles", "worker", "registered"), asked, "Asks the worker through the broker which jobs it knows.")


def _describe_beat(draft: Draft, evidence: Evidence, name: str, role: Mapping[str, Any]) -> None:
    place = next((place for place, module in evidence.modules.items() if module.has_schedule), None)
    if place:
        command = ["celery", "--app", name, "beat", "--loglevel", "INFO", "--schedule", _SCHEDULE]
        more = {"health": ["true"]} if pick_image(evidence.images, "beat").recipe.health else {}
        draft.set(("roles", "beat"), {**role, "command": command, **more}, f"{place} sets `beat_schedule`.")


def _describe_backing(draft: Draft, evidence: Evidence) -> None:
    backing = guess_backing(
        [each for module in evidence.modules.values() for each in module.variables],
        [each for module in evidence.modules.values() for each in module.addresses],
        evidence.packages,
        has_celery=evidence.celery is not None,
    )
    draft.set(("smoke", "data"), None, "Nothing tells of a folder that all roles write to.")
    draft.set(("smoke", "services"), {}, "Guessed from the source and the requirements; see docs/stack.md for more.")
    for name, service in backing.services.items():
        draft.set(("smoke", "services", name), service, f"{backing.reasons[name]}.")
    draft.set(("smoke", "environment"), {})
    for name, value in backing.environment.items():
        draft.set(("smoke", "environment", name), value, f"{backing.reasons[name]}.")
    _describe_migrations(draft, evidence, backing)


def _describe_migrations(draft: Draft, evidence: Evidence, backing: Backing) -> None:
    image = pick_image(evidence.images, "api")
    place = _MIGRATIONS if image.context == "." else f"{image.context}/{_MIGRATIONS}"
    if backing.has_database and "alembic" in evidence.packages and place in evidence.places:
        before = {"command": ["alembic", "upgrade", "head"]}
        draft.set(("smoke", "before", "migrate"), before, f"{place} has migrations, and the database is empty.")
