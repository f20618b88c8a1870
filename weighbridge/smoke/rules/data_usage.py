"""The rule on how much the roles write to the data folder."""

from __future__ import annotations

from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import inside
from weighbridge.smoke.stack.blueprint import CLIENT
from weighbridge.smoke.stack.containers import Stack


def data_stays_small(stack: Stack) -> str:
    """The files in the data folder, at the end of all work, take no more than `smoke.data_limit`."""
    folder, limit = str(stack.settings.smoke.data), stack.settings.smoke.data_limit
    found = inside.run_script(stack, CLIENT, "usage.py", folder)
    if "error" in found:
        raise CheckFailed(f"{found['error']}; let the roles write fewer")
    held = f"{folder} holds {found['bytes']} bytes in {found['files']} files"
    if found["bytes"] > limit.bytes:
        raise CheckFailed(f"{held}, more than {limit.written}; let the roles write less, or raise smoke.data_limit")
    return f"{held}; allowed are {limit.written}"
