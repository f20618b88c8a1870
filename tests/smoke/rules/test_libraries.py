"""The rule on shared libraries, by what the script in the image says of them."""

from __future__ import annotations

import json

from tests.support.fakes import FakeEngine, refused, stack_on
from weighbridge.smoke.rules.libraries import libraries_resolve
from weighbridge.smoke.stack.containers import Stack


def looked_at(**found: object) -> Stack:
    """Return a stack in whose image the script finds this."""
    return stack_on(FakeEngine(outputs=[f"0 {json.dumps(found)}"]))


def missing(*names: str) -> list[dict[str, str]]:
    """Return extensions, each of which lacks a library."""
    return [{"library": f"lib{name}.so", "file": f"/app/{name}.so"} for name in names]


def test_all_are_there() -> None:
    """The verdict says how many were looked at."""
    assert libraries_resolve(looked_at(checked=7, missing=[])) == "7 extensions find what they need"


def test_missing_libraries() -> None:
    """The first three are named with who needs them, and the rest are counted."""
    reason = refused(lambda: libraries_resolve(looked_at(checked=7, missing=missing("a"))))
    assert reason.startswith("not in the image: liba.so for /app/a.so; install the package that has it")
    reason = refused(lambda: libraries_resolve(looked_at(checked=7, missing=missing(*"abcde"))))
    assert "libc.so for /app/c.so and 2 more;" in reason
    assert "libd.so" not in reason


def test_no_look() -> None:
    """Where the script cannot ask the loader, its reason is the rule's."""
    assert refused(lambda: libraries_resolve(looked_at(error="no loader answers"))) == "no loader answers"
