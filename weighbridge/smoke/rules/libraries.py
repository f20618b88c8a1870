"""The rule on shared libraries: asks the image's own dynamic loader about each extension module of Python."""

from __future__ import annotations

from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import inside
from weighbridge.smoke.stack.containers import Stack

_SHOWN = 3
_SECONDS = 60.0


def libraries_resolve(stack: Stack, key: str) -> str:
    """Every extension module finds the shared libraries that it needs."""
    limit = max(_SECONDS, stack.settings.smoke.timeout_seconds)
    found = inside.run_script(stack, stack.blueprint.name_client(key), "libraries.py", seconds=limit)
    if "error" in found:
        raise CheckFailed(str(found["error"]))
    if not found["loader"] and found["checked"] > 1:
        raise CheckFailed(
            f"the interpreter is linked statically, so it cannot load the {found['checked'] - 1} extensions; "
            "use one that is linked dynamically"
        )
    missing = found["missing"]
    if missing:
        examples = ", ".join(f"{each['library']} for {each['file']}" for each in missing[:_SHOWN])
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise CheckFailed(
            f"not in the image: {examples}{more}; install the package that has it in the final stage, "
            "not only where the extension is compiled"
        )
    return f"{found['checked']} extensions find what they need"
