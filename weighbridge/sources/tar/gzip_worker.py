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
ANSWER = struct.Struct("=ddd")
"""Sums of packed shares: of all samples by the fast packer; of what both packed, by the fast one; and by zlib. What the
fast packer leaves is bent to what zlib does (`_bend`)."""

LEVEL = 6
WINDOW_BYTES = 2**15
SAMPLE_BYTES = 3 * 2**12
START_BYTES = 2**11
RAW = -15
_FAST_LEVEL = 2
_EXACT_EVERY = 8
"""Zlib too packs one sample of this many, or its start."""
_SYNC_MARK_BYTES = 4
_EVEN = (0.05, 0.6), (0.92, 2.0)
"""Packed shares of samples whose start packs as the whole does. The others are long runs and tables of numbers."""
_BEND, _START_BEND = 0.15, 0.16
"""How much shorter zlib packs than the fast packer what nearly vanishes. Both write a table of codes, which hides some
of that in a short start. The values fit 32 layers (decision 35)."""


def pack(data: memoryview, begins: Iterable[int], turn: int) -> tuple[float, float, float]:
    """Pack samples, each with the bytes before it as its dictionary; return three sums as in `ANSWER`.

    `turn` is the number of the first sample in its series; it decides which samples zlib packs too.
    """
    quick = twice_quick = exact = 0.0
    for number, begin in enumerate(begins, turn):
        window, sample = bytes(data[max(0, begin - WINDOW_BYTES) : begin]), data[begin : begin + SAMPLE_BYTES]
        share = _pack_fast(sample, window) / SAMPLE_BYTES
        quick += _bend(share, _BEND)
        if number % _EXACT_EVERY == 0:
            if any(least < share < most for least, most in _EVEN):
                sample = sample[:START_BYTES]
                twice_quick += _bend(_pack_fast(sample, window) / START_BYTES, _START_BEND)
            else:
                twice_quick += _bend(share, _BEND)
            exact += _pack_exactly(sample, window) / len(sample)
    return quick, twice_quick, exact


def _pack_fast(sample: memoryview, window: bytes) -> int:
    packer = isal_zlib.compressobj(_FAST_LEVEL, isal_zlib.DEFLATED, RAW, zdict=window)
    return len(packer.compress(sample)) + len(packer.flush(isal_zlib.Z_SYNC_FLUSH))


def _pack_exactly(sample: memoryview, window: bytes) -> int:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, RAW, zdict=window)
    return len(packer.compress(sample)) + len(packer.flush(zlib.Z_SYNC_FLUSH)) - _SYNC_MARK_BYTES


def _bend(share: float, most: float) -> float:
    """Return the share that the fast packer leaves, in proportion to what zlib leaves.

    The better bytes pack, the more zlib gains on the fast packer, up to `most`; what does not pack is as long by both.
    """
    return share * (1 - most + most * share)


def serve(source: BinaryIO, answers: BinaryIO) -> None:
    """Answer messages until the main process closes the pipe."""
    current, sums = -1, (0.0, 0.0, 0.0)
    while len(head := source.read(HEAD.size)) == HEAD.size:
        series, turn, count, size = HEAD.unpack(head)
        if series != current:
            current, sums = series, (0.0, 0.0, 0.0)
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
