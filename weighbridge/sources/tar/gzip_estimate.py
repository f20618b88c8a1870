"""Estimates a layer's length after `gzip -6`, at the speed of the stream.

Zlib at level 6 packs some 40 MB/s; an engine sends twenty times that. So only samples are packed, each with the bytes
before it as its dictionary, as in a single run, and the estimate assumes that the rest packs equally well. A fast
packer (ISA-L) packs all samples, zlib every sixteenth, and the ratio of the two there corrects the sum. Where samples
lie depends only on their place in the layer, so the same layer always gives the same figure. Another process packs the
samples (`gzip_worker`) while this one reads on.
"""

from __future__ import annotations

import atexit
import fcntl
import struct
import subprocess
import sys
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from typing import BinaryIO, cast

from weighbridge.errors import UnreadableImage
from weighbridge.sources.tar import gzip_worker
from weighbridge.sources.tar.gzip_worker import LEVEL, RAW, SAMPLE_BYTES, WINDOW_BYTES

_DISTANCES = ((2**25, 2**15), (2**63, 3 * 2**15))
"""Up to which place in the layer -> how many bytes there are for each sample. A small layer needs denser samples."""
_GZIP_FRAME_BYTES = 18
_GOLDEN = 2654435769
_PIPE_BYTES = 2**20
"""The largest size that Linux gives to an unprivileged user."""

_Pipes = tuple[BinaryIO, BinaryIO]


class _Packer:
    """The process that packs. It ends when this process ends, even if that is killed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", gzip_worker.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
        )
        self._questions, self._answers = cast("_Pipes", (self._process.stdin, self._process.stdout))
        with suppress(OSError, AttributeError):  # the default size works too, and only Linux can change it
            fcntl.fcntl(self._questions, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        atexit.register(self._end)

    def send(self, series: int, turn: int, begins: array[int], data: memoryview) -> None:
        with _translate_errors():
            self._questions.write(gzip_worker.HEAD.pack(series, turn, len(begins), len(data)) + begins.tobytes())
            self._questions.write(data)

    def request_sums(self, series: int) -> tuple[int, int, int]:
        with _translate_errors():
            self._questions.write(gzip_worker.HEAD.pack(series, 0, 0, 0))
            self._questions.flush()
            return cast("tuple[int, int, int]", gzip_worker.ANSWER.unpack(self._answers.read(gzip_worker.ANSWER.size)))

    def _end(self) -> None:
        with suppress(OSError):
            self._questions.close()
        self._process.wait()
        self._answers.close()


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except (OSError, struct.error) as error:
        raise UnreadableImage(
            "The process that estimates pull bytes ended early", advice="Try again; the memory may have run out."
        ) from error


_packer = cache(_Packer)
_series = count()


class _Stratum:
    """A part of a layer in which the samples are equally dense."""

    def __init__(self, distance: int) -> None:
        self.distance, self._series = distance, next(_series)
        self._length = self._sampled = self._count = 0

    def update(self, chunk: bytes) -> None:
        begins = array(gzip_worker.PLACE, _choose_places(self._length, len(chunk), self.distance))
        if begins:
            # Sends only the samples and their windows: if a chunk has one sample, that is a third of it.
            first, end = begins[0] - WINDOW_BYTES, begins[-1] + SAMPLE_BYTES
            moved = array(gzip_worker.PLACE, [begin - first for begin in begins])
            _packer().send(self._series, self._count, moved, memoryview(chunk)[first:end])
        self._sampled += sum(min(SAMPLE_BYTES, len(chunk) - begin) for begin in begins)
        self._count += len(begins)
        self._length += len(chunk)

    def estimate_bytes(self) -> float:
        """Return the packed length in bytes. Call it last: no chunk may follow."""
        if not self._count:
            return 0
        quick, twice_quick, exact = _packer().request_sums(self._series)
        return quick * (exact / twice_quick) * (self._length / self._sampled)


class Deflation:
    """Estimates the packed length of a stream: pass all chunks to `update`, then call `estimate_bytes` once."""

    def __init__(self) -> None:
        self._first, self._length, self._total = b"", 0, 0.0
        self._place = 0
        self._stratum = _Stratum(_DISTANCES[0][1])

    def update(self, chunk: bytes) -> None:
        """Sample the next chunk. All chunks but the last must have the same length."""
        if not self._length:
            self._first = chunk
        if self._length >= _DISTANCES[self._place][0]:
            self._total += self._stratum.estimate_bytes()
            self._place += 1
            self._stratum = _Stratum(_DISTANCES[self._place][1])
        self._stratum.update(chunk)
        self._length += len(chunk)

    def estimate_bytes(self) -> int:
        """Return the packed length in bytes."""
        if self._length == len(self._first):
            packed = zlib.compressobj(LEVEL, zlib.DEFLATED, RAW)
            return len(packed.compress(self._first)) + len(packed.flush()) + _GZIP_FRAME_BYTES
        return round(self._total + self._stratum.estimate_bytes()) + _GZIP_FRAME_BYTES


def _choose_places(place: int, length: int, distance: int) -> Iterator[int]:
    """Yield where samples begin in a chunk that itself begins at `place`; each has a whole window before it."""
    for begin in range(WINDOW_BYTES, length, distance):
        # Varies the place within each stretch, because files and tables are often aligned. Knuth's multiplicative
        # hash spreads the places evenly (The Art of Computer Programming, volume 3, 6.4).
        slots = min(distance, length - begin) // SAMPLE_BYTES
        slot = ((place + begin) // WINDOW_BYTES * _GOLDEN % 2**32) * slots >> 32
        if slots:
            yield begin + slot * SAMPLE_BYTES
