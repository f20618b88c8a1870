"""Runs inside a container, as `python -c`: stays, and runs the program in each line of its standard input.

A line is JSON: `source` and `arguments` of a program, which runs as with `python -c`, in a process of its own. What it
writes comes back as lines of JSON: `stream`, which is 1 or 2, and `text`; at last its exit code, `code`.
"""

from __future__ import annotations

import codecs
import http.client  # noqa: F401 - for the programs, to which loading it would take longer than all else
import json
import os
import select
import subprocess  # noqa: F401 - as above
import sys

_READ_BYTES = 64 * 1024
_SIGNALLED = 128
"""Added to the number of the signal that ends a program, as engines do it."""


def start() -> tuple[int, dict[int, int]]:
    """Start a process; return its id, and the descriptors on which its output can be read -> their streams.

    In that process the id is 0, and its standard output and standard error lead here.
    """
    pipes = {1: os.pipe(), 2: os.pipe()}
    process = os.fork()
    if process:
        for _, write in pipes.values():
            os.close(write)
        return process, {read: stream for stream, (read, _) in pipes.items()}
    for stream, (read, write) in pipes.items():
        os.dup2(write, stream)
        os.close(write)
        os.close(read)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return 0, {}


def serve() -> bool:
    """Start a process and print what comes of it; return False in that process, which has to become the program."""
    process, streams = start()
    if process:
        report(process, streams)
    return bool(process)


def report(process: int, streams: dict[int, int]) -> None:
    """Print what a process writes, as soon as it does, and at last how it ended."""
    decoders = {read: codecs.getincrementaldecoder("utf-8")("replace") for read in streams}
    while decoders:
        for read in select.select([*decoders], [], [])[0]:
            data = os.read(read, _READ_BYTES)
            tell({"stream": streams[read], "text": decoders[read].decode(data, not data)})
            if not data:
                os.close(read)
                del decoders[read]
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    tell({"code": code if code >= 0 else _SIGNALLED - code})


def tell(found: dict[str, object]) -> None:
    """Print a line."""
    print(json.dumps(found), flush=True)  # noqa: T201 - the output is the point


def main() -> None:
    """Run a program for each line; each process leaves the loop to become its program."""
    program = next((json.loads(line) for line in sys.stdin if not serve()), None)
    if program is None:
        return
    sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115 - what is left in the old one's buffer is not for it
    sys.argv = ["-c", *program["arguments"]]
    exec(compile(program["source"], "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - it is our own


if __name__ == "__main__":
    main()
