"""Starts the program, as `weighbridge` or `python -m weighbridge`.

Python shows a traceback when Ctrl-C comes before a program can handle it. So until the program is loaded, Ctrl-C just
ends it; where it is ignored, as in the background, it stays so. Only the built-in part of `signal` is there at once.
"""

import _signal as signal  # type: ignore[import-not-found]
import sys


def handle(how: object) -> None:
    """Let Ctrl-C do this from now on, unless it is ignored."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, how)


def raise_later(dropped: "sys.UnraisableHookArgs") -> None:
    """Raise Ctrl-C once more if Python dropped it, as in a callback or a destructor; each import has one."""
    if dropped.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(dropped)
        return
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)  # after the callback's end


handle(signal.SIG_DFL)
sys.unraisablehook = raise_later


def main() -> None:
    """Run the program with the words of the command line."""
    from weighbridge import program  # noqa: PLC0415 - see above

    try:
        handle(signal.default_int_handler)
        program.main()
    except KeyboardInterrupt:
        raise SystemExit(1) from None  # as Invoke ends for it
    finally:
        handle(signal.SIG_DFL)


if __name__ == "__main__":
    main()
