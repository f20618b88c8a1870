"""What no JSON Schema can say of a record, for Schemathesis: a time is in the past, and two variants have two names."""

from __future__ import annotations

import re
from typing import Any

import schemathesis

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:]{8}Z)")


def before_call(context: Any, case: Any, kwargs: Any) -> None:  # noqa: ARG001 - the hook's interface
    """Give a record a time that has passed, and variants that differ; leave what is wrong as it is."""
    body = case.body
    if not isinstance(body, dict):
        return
    time, images = body.get("recorded_at"), body.get("images")
    changed = dict(body)
    if isinstance(time, str) and (found := _TIME.fullmatch(time)):
        changed["recorded_at"] = f"2026-01-01{found[1]}"
    if isinstance(images, list):
        changed["images"] = [_rename(index, image) for index, image in enumerate(images)]
    case.body = changed


def _rename(index: int, image: Any) -> Any:
    name = image.get("variant") if isinstance(image, dict) else None
    return image | {"variant": f"{index} {name}"[:200]} if isinstance(name, str) and len(name) <= 200 else image


schemathesis.hook(before_call)
