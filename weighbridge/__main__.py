"""Starts the program, as `weighbridge` or `python -m weighbridge`.

Python shows a traceback when Ctrl-C comes before a program can handle it. So until the program is loaded, Ctrl-C just
ends it; where it is ignored, as in the background, it stays so. Only the built-in part of `signal` is there at once.
"""

import _signal as signal  # type: ignore[import-not-found]


def handle(how: object) -> None:
    """Let Ctrl-C do this from now on, unless it is ignored."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, how)


handle(signal.SIG_DFL)


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
