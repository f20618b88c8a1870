"""Pairs an image's layers with the Dockerfile instructions that made them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from weighbridge.image.content import HistoryEntry
from weighbridge.quoting import flatten

MISSING = "(missing)"

_SHELL = "/bin/sh -c "
_NO_OPERATION = re.compile(r"^/bin/sh -c #\(nop\) ")
# `|2 A=b C=d /bin/sh -c …`: the values of build arguments, unquoted, so that only the shell's name ends them.
_ARGUMENTS = re.compile(r"^(RUN )?\|\d+ .*?(?=/bin/sh -c )")


def list_instructions(history: Sequence[HistoryEntry], count: int) -> tuple[str, ...]:
    """Return the instruction of each of `count` layers, oldest first; `(missing)` if the history is too short."""
    told = [clean(step.created_by or step.comment) or MISSING for step in history if not step.empty_layer]
    return tuple(told[:count] + [MISSING] * (count - len(told)))


def clean(text: str) -> str:
    """Return an instruction on one line, as in the Dockerfile, without what the builder added."""
    line = flatten(text, mark=" ").removesuffix(" # buildkit")
    if _NO_OPERATION.match(line):
        return _NO_OPERATION.sub("", line)
    line = _ARGUMENTS.sub(r"\1", line)
    if line.startswith(_SHELL):
        line = f"RUN {line}"
    return re.sub(rf"^RUN {_SHELL}", "RUN ", line)
