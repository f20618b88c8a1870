"""Starts the program, as `weighbridge` or `python -m weighbridge`.

Python shows a traceback when Ctrl-C comes before a program can handle it. So until the program is loaded, Ctrl-C just
ends it; where it is ignored, as in the background, it stays ignored.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any


def main() -> None:
    """Run the program with the words of the command line."""
    _handle_interrupt(signal.SIG_DFL)
    from weighbridge import program  # noqa: PLC0415 - see above

    try:
        _handle_interrupt(signal.default_int_handler)
        program.main()
    finally:
        _handle_interrupt(signal.SIG_DFL)


def _handle_interrupt(how: signal.Handlers | Callable[..., Any]) -> None:
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, how)


if __name__ == "__main__":
    main()
