"""Connects us to Invoke: opens the project that a task is called for, shows our errors as one line and an exit code."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit

from weighbridge.errors import SettingsError, WeighbridgeError
from weighbridge.quoting import use_spelling

if TYPE_CHECKING:  # the menu opens without pydantic
    from weighbridge.commands.project import Project, Use

_MOMENT_SECONDS = 0.05
_COLLECT_AFTER = 100_000
"""A command makes many lasting values. Python's default, a collection after each 700, takes a tenth of its time; to set
that again at the end would start one at once, of everything."""
_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"
"""Pydantic would look for plugins in the metadata of all packages that are installed, and we want none."""


@contextmanager
def show_user_errors() -> Iterator[None]:
    """Show our own errors as one line instead of a traceback, and exit with their code; treat SIGTERM like Ctrl-C."""
    plugins = os.environ.get(_PLUGINS)
    os.environ.setdefault(_PLUGINS, "__all__")
    gc.set_threshold(_COLLECT_AFTER, *gc.get_threshold()[1:])
    hook = sys.unraisablehook
    sys.unraisablehook = partial(_raise_again, hook)
    caught = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in caught:  # a signal that is ignored, as under nohup, stays ignored
        signal.signal(number, _stop)
    try:
        with _show_output_errors():
            yield
    except WeighbridgeError as error:
        from weighbridge.render.terminal.console import print_error  # noqa: PLC0415 - the menu opens without Rich

        print_error(str(error), error.detail)
        raise Exit(code=error.exit_code) from error
    finally:
        if plugins is None:
            os.environ.pop(_PLUGINS, None)
        sys.unraisablehook = hook
        for number in caught:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def _show_output_errors() -> Iterator[None]:
    """Report a full disk as an error of ours; end silently if the reader of standard output has gone, as under `head`.

    This also writes what Python still has in its buffer, because Python would show a failure at exit as a traceback.
    """
    try:
        yield
        print(end="", flush=True)  # noqa: T201 - prints nothing, and works even without a standard output
    except BrokenPipeError as error:
        _drop_output()
        raise Exit(code=1) from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        if error.filename is None:
            _drop_output()
        message = f"{error.filename or 'The output'} cannot be written: {error.strerror}"
        raise SettingsError(message, advice="Free some space, then try again.") from error


def _drop_output() -> None:
    """Send what is still in the buffer nowhere: Python would fail to write it once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Stopped(SystemExit):
    """Raised to end the process after a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def _stop(number: int, _frame: FrameType | None) -> None:
    """End the process, but let all blocks clean up first: stop the build's client, delete a half-written file."""
    raise _Stopped(number)


def _raise_again(otherwise: Callable[[sys.UnraisableHookArgs], object], dropped: sys.UnraisableHookArgs) -> None:
    """Send a signal again if Python dropped what its handler raised, as it does in a destructor or a callback."""
    if isinstance(dropped.exc_value, KeyboardInterrupt):
        number = int(signal.SIGINT)
    elif isinstance(dropped.exc_value, _Stopped):
        number = dropped.exc_value.number
    else:
        otherwise(dropped)
        return
    threading.Timer(_MOMENT_SECONDS, os.kill, (os.getpid(), number)).start()  # later, after the destructor's end


def open_project(c: Context, task: str, root: str = "", *, needs_file: bool = False, use: Use = "none") -> Project:
    """Return the project that a task is called for, and tell the user what to change in it before the next version.

    Args:
        c: The task's context.
        task: Its name, without that of its collection.
        root: The value of `--root`; empty if it is not given.
        needs_file: Whether the task makes no sense without a settings file.
        use: What the task has of the stack that compose files describe.

    Raises:
        SettingsError: See `project.open_project`.
    """
    atexit.register(gc.freeze)  # a task loads much: to search that for garbage at the end takes a sixth of its time

    from weighbridge.commands import project  # noqa: PLC0415 - the menu opens without pydantic
    from weighbridge.render.terminal import activity  # noqa: PLC0415 - as above

    choose_spelling(c, task)
    found = project.open_project(c, root, needs_file=needs_file, use=use)
    for line in found.advice:
        activity.say(line)
    return found


def choose_spelling(c: Context, task: str) -> None:
    """Let texts name commands as the user has called the task."""
    from weighbridge.commands import project  # noqa: PLC0415 - the menu opens without pydantic

    use_spelling("weighbridge " if project.is_program(c.config) else _find_spelling(task, sys.argv))


def _find_spelling(task: str, words: Sequence[str]) -> str:
    """Return how a command line of Invoke begins, with the names of the collections that a client put ours into."""
    called = next((word for word in words[1:] if word.endswith(f".{task}")), task)
    return f"invoke {called.removesuffix(task)}"


def parse_number(option: str, text: str) -> int:
    """Parse an option's whole number. Invoke could parse it too, but would show a traceback for anything else.

    Raises:
        SettingsError: The text is not a whole number.
    """
    if not (text.isascii() and text.isdecimal()):
        raise SettingsError(f"{option} {text} is not a whole number", advice="Give 1 or more.")
    return int(text)
