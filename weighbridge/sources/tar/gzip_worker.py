"""The process that packs samples for `gzip_estimate`, while the main process reads the stream.

A thread would not help: the packers release the interpreter's lock, but each sample is so short that waiting for the
lock again costs more than that gains. The process runs this file by its path and imports nothing of ours, so that it
starts in some milliseconds.

Standard input carries one message for each chunk: a head, the places where samples begin, the data. A message without
data asks for the sums of its series; the answer goes to standard output. A new series ends the one before.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable
from typing import BinaryIO

from isal import isal_zlib

HEAD = struct.Struct("=QQII")
"""Number of the series, its number of samples so far, the number of samples in the message, bytes of data."""
PLACE = "I"
"""The array type of a place."""
ANSWER = struct.Struct("=QQQ")
"""Packed bytes: of all samples by the fast packer; of the samples that both packed, by the fast one; and by zlib."""

LEVEL = 6
WINDOW_BYTES = 2**15
SAMPLE_BYTES = 3 * 2**12
RAW = -15
_FAST_LEVEL = 1
_EXACT_EVERY = 16
"""Zlib too packs one sample of this many."""
_SYNC_MARK_BYTES = 4


def pack(data: memoryview, begins: Iterable[int], turn: int) -> tuple[int, int, int]:
    """Pack samples, each with the bytes before it as its dictionary; return three sums as in `ANSWER`.

    `turn` is the number of the first sample in its series; it decides which samples zlib packs too.
    """
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
    """Answer messages until the main process closes the pipe."""
    current, sums = -1, (0, 0, 0)
    while len(head := source.read(HEAD.size)) == HEAD.size:
        series, turn, count, size = HEAD.unpack(head)
        if series != current:
            current, sums = series, (0, 0, 0)
        if size:
            places, data = source.read(count * array(PLACE).itemsize), source.read(size)
            if len(data) < size:
                return  # the main process was killed in the middle of a message
            quick, twice_quick, exact = pack(memoryview(data), array(PLACE, places), turn)
            sums = sums[0] + quick, sums[1] + twice_quick, sums[2] + exact
        else:
            answers.write(ANSWER.pack(*sums))
            answers.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both processes: the main one decides when to end
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:  # it was killed: what is left in our buffer must not be an error at our own end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
