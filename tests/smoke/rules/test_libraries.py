"""The rule on shared libraries, for what the script in the container prints."""

from __future__ import annotations

import json

from tests.support.fakes import FakeEngine, refused, stack_on
from weighbridge.smoke.rules.libraries import libraries_resolve
from weighbridge.smoke.stack.containers import Stack


def looked_at(**found: object) -> Stack:
    """Return a stack in whose client the script prints this."""
    return stack_on(FakeEngine(outputs=[f"0 {json.dumps(found)}"]))


def missing(*names: str) -> list[dict[str, str]]:
    """Return extensions, each of which lacks a library."""
    return [{"library": f"lib{name}.so", "file": f"/app/{name}.so"} for name in names]


def test_all_are_there() -> None:
    """The rule says how many extensions were checked."""
    assert (
        libraries_resolve(looked_at(loader="/lib/ld", checked=7, missing=[]), "good")
        == "7 extensions find what they need"
    )


def test_nothing_that_a_loader_could_check() -> None:
    """Without a loader the rule holds only if the interpreter is all there is: it could load no extension."""
    assert libraries_resolve(looked_at(loader="", checked=1, missing=[]), "good") == "1 extensions find what they need"
    reason = refused(lambda: libraries_resolve(looked_at(loader="", checked=2, missing=[]), "good"))
    assert reason.startswith("the interpreter is linked statically, so it cannot load the 1 extensions; ")


def test_missing_libraries() -> None:
    """The first three libraries are named with the extensions that need them, and the rest are counted."""
    reason = refused(lambda: libraries_resolve(looked_at(loader="/lib/ld", checked=7, missing=missing("a")), "good"))
    assert reason.startswith("not in the image: liba.so for /app/a.so; install the package that has it")
    reason = refused(
        lambda: libraries_resolve(looked_at(loader="/lib/ld", checked=7, missing=missing(*"abcde")), "good")
    )
    assert "libc.so for /app/c.so and 2 more;" in reason
    assert "libd.so" not in reason


def test_no_look() -> None:
    """If the script cannot ask the loader, the rule fails with the script's reason."""
    assert refused(lambda: libraries_resolve(looked_at(error="no loader answers"), "good")) == "no loader answers"
