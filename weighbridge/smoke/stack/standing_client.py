"""Sends requests from a program that stays in the client's container: a new one for each takes a tenth of a second."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from weighbridge.engine.protocol import Conversation
from weighbridge.errors import EngineFault
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import inside
from weighbridge.smoke.stack.blueprint import CLIENT
from weighbridge.smoke.stack.containers import Stack

_SCRIPT = "request.py"
_FIRST_SECONDS = 30.0
_NO_REQUESTS = {"host": "", "port": 0, "timeout_seconds": 0, "requests": []}
"""Asked first, to see whether the program is there."""


def ask(stack: Stack, wanted: Mapping[str, Any], seconds: float) -> Any:
    """Let `request.py` send requests, and return what it prints.

    While it is busy with those of another thread, and where the engine does not let it stay, it runs once for these.

    Args:
        stack: The stack of the client.
        wanted: What the script takes.
        seconds: How long it may take.

    Raises:
        CheckFailed: The script failed, or the client's container has ended.
    """
    standing = stack.observed.standing
    if not standing.turn.acquire(blocking=False):
        return inside.ask(stack, _SCRIPT, wanted, seconds=seconds)
    try:
        conversation = _ensure_runs(stack)
        if conversation:
            return json.loads(conversation.ask(json.dumps(wanted), seconds))
    except (EngineFault, ValueError) as error:
        standing.end()
        if not stack.read_state(CLIENT).running:
            return inside.ask(stack, _SCRIPT, wanted, seconds=seconds)  # which says why it has ended
        why = error.message if isinstance(error, EngineFault) else str(error)
        raise CheckFailed(f"{_SCRIPT} failed inside: {stack.mask(why)}") from error
    finally:
        standing.turn.release()
    return inside.ask(stack, _SCRIPT, wanted, seconds=seconds)


def _ensure_runs(stack: Stack) -> Conversation | None:
    """Return the program, which is started unless it runs; None if it cannot stay."""
    standing = stack.observed.standing
    if standing.conversation is None and not standing.is_impossible:
        try:
            command = inside.build_command(stack, CLIENT, _SCRIPT)
            standing.conversation = stack.engine.converse(stack.build_name(CLIENT), command)
            standing.conversation.ask(json.dumps(_NO_REQUESTS), _FIRST_SECONDS)
        except EngineFault:
            standing.end()
            standing.is_impossible = True
    return standing.conversation
