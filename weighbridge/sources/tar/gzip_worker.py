"""The process that packs samples for `gzip_estimate`, beside the one that reads the stream.

A thread would not do: the packers let others run, but each sample is so short that waiting for the interpreter's lock
costs more than that gives. It runs by its path and imports nothing of ours, so that it starts in some milliseconds.

Messages come on standard input, one for each chunk: a head, where in the data each sample begins, the data. One without
data asks for the sums of the series that it names, and the answer goes to standard output. A new series ends the last.
"""

from __future__ import annotations

import signal
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable
from typing import BinaryIO

from isal import isal_zlib

HEAD = struct.Struct("=QQII")
"""Number of the series, how many of its samples came before, how many there are, and bytes of data."""
PLACE = "I"
"""The array type of a place."""
ANSWER = struct.Struct("=QQQ")
"""What the fast packer made of all samples; of those that both have packed; what zlib made of these."""

LEVEL = 6
WINDOW_BYTES = 2**15
SAMPLE_BYTES = 3 * 2**12
RAW = -15
_FAST_LEVEL = 1
_EXACT_EVERY = 16
"""One sample in how many zlib packs too."""
_SYNC_MARK_BYTES = 4


def pack(data: memoryview, begins: Iterable[int], turn: int) -> tuple[int, int, int]:
    """Pack samples, each begun with the bytes before it; `turn` chooses those that zlib packs too."""
    quick = twice_quick = exact = 0
    for number, begin in enumerate(begins, turn):
        before, sample = data[max(0, begin - WINDOW_BYTES) : begin], data[begin : begin + SAMPLE_BYTES]
        fast = isal_zlib.compressobj(_FAST_LEVEL, isal_zlib.DEFLATED, RAW, zdict=bytes(before))
        length = len(fast.compress(sample)) + len(fast.flush(isal_zlib.Z_SYNC_FLUSH))
        quick += length
        if number % _EXACT_EVERY == 0:
            packer = zlib.compressobj(LEVEL, zlib.DEFLATED, RAW, zdict=before)
            exact += len(packer.compress(sample)) + len(packer.flush(zlib.Z_SYNC_FLUSH)) - _SYNC_MARK_BYTES
            twice_quick += length
    return quick, twice_quick, exact


def serve(source: BinaryIO, answers: BinaryIO) -> None:
    """Answer until nobody asks any more."""
    current, sums = -1, (0, 0, 0)
    while len(head := source.read(HEAD.size)) == HEAD.size:
        series, turn, count, size = HEAD.unpack(head)
        if series != current:
            current, sums = series, (0, 0, 0)
        if size:
            places, data = source.read(count * array(PLACE).itemsize), source.read(size)
            if len(data) < size:
                return  # who asks was killed in the middle
            quick, twice_quick, exact = pack(memoryview(data), array(PLACE, places), turn)
            sums = sums[0] + quick, sums[1] + twice_quick, sums[2] + exact
        else:
            answers.write(ANSWER.pack(*sums))
            answers.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is told to all: who asks decides, and we end with it
    serve(sys.stdin.buffer, sys.stdout.buffer)
