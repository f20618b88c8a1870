"""Says what a repository has that settings depend on, in words to keep, and what of that has changed since."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from weighbridge.quoting import cut
from weighbridge.secret_detection import mask
from weighbridge.settings.initial.applications import Found
from weighbridge.settings.initial.document import write_scalar
from weighbridge.settings.initial.images import Image

Seen = Mapping[str, Mapping[str, str]]
"""Thing -> what was seen of it, by name."""
_LONGEST = 300
_SHORTEST_SECRET = 4
_LIBRARIES = {"fastapi": "FastAPI", "celery": "Celery"}


def describe_images(images: Iterable[Image]) -> dict[str, dict[str, str]]:
    """Return what is seen of Dockerfiles."""
    found = {}
    for image in images:
        recipe = image.recipe
        aspects = {
            "stages": ", ".join(filter(None, image.stages)),
            "ports": ", ".join(map(str, recipe.ports)),
            "health check": _join(recipe.health),
            "command": _join((*recipe.entrypoint, *recipe.command)),
        }
        found[image.dockerfile] = _drop_empty(aspects)
    return found


def describe_applications(found: Iterable[Found]) -> dict[str, dict[str, str]]:
    """Return what is seen of applications."""
    return {f"application {each.name}": {"library": _LIBRARIES[each.application.library]} for each in found}


def describe_stack(values: Mapping[str, Any], secrets: Collection[str] = ()) -> dict[str, dict[str, str]]:
    """Return what is seen of compose files.

    Args:
        values: The files as settings.
        secrets: Values of variables that may stand in commands, and that nobody wants in a file.
    """
    found = dict[str, dict[str, str]]()
    smoke = values.get("smoke", {})
    for name, role in values.get("roles", {}).items():
        if role is not None:
            aspects = {
                "is": f"a role of the kind {role['kind']}",
                "port": str(role.get("port", "")),
                "health check": _join(role.get("health", ()), secrets),
                "command": _join((*role.get("entrypoint", ()), *role.get("command", ())), secrets),
            }
            found[f"compose service {name}"] = _drop_empty(aspects)
    for name in smoke.get("services", {}):
        found[f"compose service {name}"] = {"is": "a service"}
    for name, each in smoke.get("before", {}).items():
        aspects = {"is": "what runs first", "command": _join(each.get("command", ()), secrets)}
        found[f"compose service {name}"] = _drop_empty(aspects)
    return found


def compare(then: Seen, now: Seen) -> Iterator[str]:
    """Yield a sentence for each change, with the line under `init.saw` that says it is known."""
    for thing in [*then, *(thing for thing in now if thing not in then)]:
        key = f"init.saw.{write_scalar(thing)}"
        if thing not in now:
            yield f"{thing} is gone: change what the settings say of it, and remove {key}."
        elif thing not in then:
            yield f"{thing} is new: see whether the settings have to name it, and add {key}: {_write(now[thing])}."
        else:
            yield from _compare_aspects(thing, key, then[thing], now[thing])


def _compare_aspects(thing: str, key: str, then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in [*then, *(name for name in now if name not in then)]:
        line = f"{key}.{write_scalar(name)}"
        if name not in now:
            yield f"{thing}: {name} is gone, and was {then[name]}: correct the settings, and remove {line}."
        elif then.get(name) != now[name]:
            was = f", and was {then[name]}" if name in then else ""
            told = f"{thing}: {name} is now {now[name]}{was}"
            yield f"{told}: correct the settings, and set {line}: {write_scalar(now[name])}."


def _write(aspects: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{write_scalar(key)}: {write_scalar(value)}" for key, value in aspects.items()) + "}"


def _join(words: Sequence[str], secrets: Collection[str] = ()) -> str:
    text = shlex.join(words)
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***") if len(secret) >= _SHORTEST_SECRET else text
    return cut(mask(text), _LONGEST)


def _drop_empty(aspects: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in aspects.items() if text}
