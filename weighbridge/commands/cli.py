"""The border to Invoke: its configuration checked as our settings, our errors as one line and an exit code."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from invoke.config import AmbiguousMergeError, Config
from invoke.context import Context
from invoke.exceptions import AmbiguousEnvVar, Exit, UncastableEnvVar

from weighbridge.errors import SettingsError, WeighbridgeError
from weighbridge.settings.yaml_syntax import check_syntax

if TYPE_CHECKING:  # the menu opens without pydantic
    from weighbridge.settings.project import Settings

_MOMENT_SECONDS = 0.05
_COLLECT_AFTER = 100_000
"""A command makes many values that stay; looking for garbage at each 700, as Python does, takes a tenth of its time."""

_MORE = "INVOKE_RUNTIME_CONFIG"
"""The variable of Invoke's that names a file of settings besides invoke.yaml."""


@contextmanager
def user_errors() -> Iterator[None]:
    """Show our own errors as one line with their exit code, not as a traceback; end on SIGTERM as on Ctrl-C."""
    rates = gc.get_threshold()
    gc.set_threshold(_COLLECT_AFTER, *rates[1:])
    hook = sys.unraisablehook
    sys.unraisablehook = partial(_raise_again, hook)
    caught = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in caught:  # one that is ignored, as under nohup, stays so
        signal.signal(number, _stop)
    try:
        with _writable_output():
            yield
    except WeighbridgeError as error:
        from weighbridge.render.terminal.console import print_error  # noqa: PLC0415 - the menu opens without Rich

        print_error(str(error), error.detail)
        raise Exit(code=error.exit_code) from error
    finally:
        sys.unraisablehook = hook
        gc.set_threshold(*rates)
        for number in caught:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def _writable_output() -> Iterator[None]:
    """Tell a disk that is full where standard output goes, and end in silence where nobody reads on, as under `head`.

    What is still held back is written here: later Python itself would complain of it.
    """
    try:
        yield
        print(end="", flush=True)  # noqa: T201 - nothing, and to where there may be no standard output at all
    except BrokenPipeError as error:
        _drop_output()
        raise Exit(code=1) from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        if error.filename is None:
            _drop_output()
        message = f"{error.filename or 'The output'} cannot be written: {error.strerror}"
        raise SettingsError(message, advice="Make room, then try again.") from error


def _drop_output() -> None:
    """Let what is still held back go nowhere: Python would fail on it once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Stopped(SystemExit):
    """The end that a signal asks for."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def _stop(number: int, _frame: FrameType | None) -> None:
    """End after everything that is open was closed: the client that builds, a file half written."""
    raise _Stopped(number)


def _raise_again(otherwise: Callable[[sys.UnraisableHookArgs], object], dropped: sys.UnraisableHookArgs) -> None:
    """Send a signal once more where Python dropped what its handler raised: within a destructor or a callback."""
    if isinstance(dropped.exc_value, KeyboardInterrupt):
        number = int(signal.SIGINT)
    elif isinstance(dropped.exc_value, _Stopped):
        number = dropped.exc_value.number
    else:
        otherwise(dropped)
        return
    threading.Timer(_MOMENT_SECONDS, os.kill, (os.getpid(), number)).start()  # at once would be within, too


def settings_of(c: Context) -> Settings:
    """Return the checked settings of invoke.yaml and the environment."""
    from weighbridge.settings.project import from_config  # noqa: PLC0415 - the menu opens without pydantic

    return from_config(dict(c.config.items()), Config.global_defaults())


def whole_number(option: str, text: str) -> int:
    """Return the number that an option says; asked for as a number, Invoke would end in a traceback for another word.

    Raises:
        SettingsError: It is no whole number.
    """
    if not (text.isascii() and text.isdecimal()):
        raise SettingsError(f"{option} {text} is no whole number", advice="Give 1 or more.")
    return int(text)


def check_configuration(project: Path) -> None:
    """Raise what Invoke would end in a traceback for: it merges the same sources when tasks.py has been loaded.

    Raises:
        SettingsError: invoke.yaml, or a file that is named besides it, is no YAML, or it or a variable does not fit.
    """
    check_syntax(project / "invoke.yaml")
    more = os.environ.get(_MORE)
    if more:  # Invoke itself says nothing of a file that is not there, and its budgets would not be held
        if not Path(more).is_file():
            raise SettingsError(
                f"{_MORE} names {more}, and there is no such file", advice="Mend its path, or unset it."
            )
        if Path(more).suffix != ".py":  # Invoke takes a module, too
            check_syntax(Path(more))
    config = Config(lazy=True, project_location=project)
    try:
        config.load_project()
    except AmbiguousMergeError as error:
        names = ", ".join(Config.global_defaults())
        raise SettingsError(f"invoke.yaml: a section of Invoke's own ({names}) is of the wrong kind") from error
    except UnicodeDecodeError as error:  # Invoke reads it as the locale says
        message = f"invoke.yaml is UTF-8, and the locale's encoding is {error.encoding}"
        raise SettingsError(message, advice="Set PYTHONUTF8=1.") from error
    try:
        config.load_shell_env()
    except (ValueError, AmbiguousEnvVar, UncastableEnvVar) as error:
        names = ", ".join(name for name in os.environ if name.startswith("INVOKE_"))
        raise SettingsError(f"A variable does not fit its setting: {error}", advice=f"Mend {names}.") from error
