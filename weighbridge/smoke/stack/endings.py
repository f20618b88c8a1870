"""Says why a role has ended, by its state, its command and its log, and what to do about it."""

from __future__ import annotations

import re

from weighbridge.model.container import ContainerState
from weighbridge.smoke.stack import exit_reason
from weighbridge.smoke.stack.containers import Stack

_NO_SUCH_PROGRAM = frozenset({126, 127})
_NO_THREAD = re.compile(r"can't start new thread|Resource temporarily unavailable|\bEAGAIN\b")
"""How programs report that they may start no more threads or processes."""
_NO_LIBRARY = re.compile(
    r"(lib[\w.+-]+)(?:: cannot open shared object file| library not found)|Error loading shared library (lib[^\s:]+):"
)
"""How glibc, `psycopg` and musl name a shared library that a program asks for while it runs."""
_DETACHES = re.compile(r"--detach|--daemon(?:ize)?|-D")
"""Options of Celery, gunicorn and other servers that start the server in the background and end at once."""


def describe(stack: Stack, role: str, state: ContainerState, container: str = "") -> str:
    """Return in one line why a role has ended, and what to do.

    Args:
        stack: The stack that it belongs to.
        role: The role.
        state: How its container ended.
        container: The container's name; empty: that of the role.
    """
    container = container or role
    if state.out_of_memory:
        return f"exited because it {stack.describe_out_of_memory(role)}"
    words = " ".join(stack.build_command_line(role)).split()
    option = next(filter(_DETACHES.fullmatch, words), "")
    if state.exit_code == 0 and option:
        return (
            f"{option} sent it to the background: the container's main process exited at once, with code 0, and the "
            f"container ended with it; leave {option} out of {name_command(role)}, so that it runs in the foreground"
        )
    when = "" if role in stack.observed.served else " before it was healthy"
    log = stack.read_streams(container, exit_reason.LINES)
    why = exit_reason.find_reason(log, stack.settings.smoke.log_errors)
    cure = _find_cure(stack, role, state, f"{log.errors}\n{log.output}")
    return f"exited with code {state.exit_code}{when}: {why}; {cure}"


def _find_cure(stack: Stack, role: str, state: ContainerState, log: str) -> str:
    """Return what to do about a role that has ended, by its log and its exit code."""
    if _NO_THREAD.search(log):
        return f"raise roles.{role}.processes, which is {stack.get_role(role).processes}, or let it start with fewer"
    if library := _NO_LIBRARY.search(log):
        return f"install the package that has {library[1] or library[2]} in the final stage"
    # If the program does not exist, the engine's init, which starts it, logs that and exits with 126 or 127.
    if state.exit_code in _NO_SUCH_PROGRAM:
        return f"correct {name_command(role)} and PATH"
    background = "if it went to the background, let it run in the foreground; " if state.exit_code == 0 else ""
    return f"{background}see its log"


def name_command(role: str) -> str:
    """Return where the command of a role stands, for advice."""
    return f"roles.{role}.command or the image's CMD"
