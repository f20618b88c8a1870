"""Estimates a layer's length after `gzip -6`, at the speed of the stream.

Zlib at level 6 packs some 40 MB/s; an engine sends twenty times that. So only samples are packed, each with the bytes
before it as its dictionary, as in a single run, and the estimate assumes that the rest packs equally well. A fast
packer (ISA-L) packs all samples. Of every eighth, both pack the first 2 KiB, and the ratio of the two there corrects
the sum: within a sample it is nearly the same. Where samples lie depends only on their place in the layer, so the same
layer always gives the same figure. Another process packs the samples (`gzip_worker`) while this one reads on; where
all cores have layers to read, each packs those of its own.
"""

from __future__ import annotations

import atexit
import fcntl
import struct
import subprocess
import sys
import zlib
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from typing import BinaryIO, Protocol, cast

from weighbridge.errors import UnreadableImage
from weighbridge.sources.tar import gzip_worker
from weighbridge.sources.tar.gzip_worker import LEVEL, RAW, SAMPLE_BYTES, WINDOW_BYTES

_DISTANCES = ((2**23, 2**15), (2**24, 2**16), (3 * 2**25, 2**17), (2**63, 2**18))
"""Up to which place in the layer -> how many bytes there are for each sample. A small layer needs denser samples."""
_GZIP_FRAME_BYTES = 18
_PIPE_BYTES = 2**20
"""The largest size that Linux gives to an unprivileged user."""

_Pipes = tuple[BinaryIO, BinaryIO]


Sums = tuple[float, float, float]
"""As in `gzip_worker.ANSWER`."""


class Packer(Protocol):
    """Packs the samples of several series, of one after the other."""

    def send(self, series: int, turn: int, begins: array[int], data: memoryview, /) -> None:
        """Take in samples: where they begin in `data`, and how many their series had before."""

    def request_sums(self, series: int, /) -> Sums:
        """Return the sums of a series that has ended."""


class PackHere:
    """Packs samples at once."""

    def __init__(self) -> None:
        self._series, self._sums = -1, (0.0, 0.0, 0.0)

    def send(self, series: int, turn: int, begins: array[int], data: memoryview, /) -> None:
        """Pack samples."""
        before = self._sums if series == self._series else (0.0, 0.0, 0.0)
        quick, twice_quick, exact = gzip_worker.pack(data, begins, turn)
        self._series, self._sums = series, (before[0] + quick, before[1] + twice_quick, before[2] + exact)

    def request_sums(self, _series: int, /) -> Sums:
        """Return the sums of the series that was sent last."""
        return self._sums


class _PackBeside:
    """The process that packs. It ends when this process ends, even if that is killed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", gzip_worker.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
        )
        self._questions, self._answers = cast("_Pipes", (self._process.stdin, self._process.stdout))
        with suppress(OSError, AttributeError):  # the default size works too, and only Linux can change it
            fcntl.fcntl(self._questions, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        atexit.register(self._end)

    def send(self, series: int, turn: int, begins: array[int], data: memoryview, /) -> None:
        with _translate_errors():
            self._questions.write(gzip_worker.HEAD.pack(series, turn, len(begins), len(data)) + begins.tobytes())
            self._questions.write(data)

    def request_sums(self, series: int, /) -> Sums:
        with _translate_errors():
            self._questions.write(gzip_worker.HEAD.pack(series, 0, 0, 0))
            self._questions.flush()
            return cast("Sums", gzip_worker.ANSWER.unpack(self._answers.read(gzip_worker.ANSWER.size)))

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


_series = count()


@cache
def get_process() -> Packer:
    """Return the process that packs; the first call starts it."""
    return _PackBeside()


class _Stratum:
    """A part of a layer in which the samples are equally dense."""

    def __init__(self, distance: int, get_packer: Callable[[], Packer]) -> None:
        self.distance, self._series, self._get_packer = distance, next(_series), get_packer
        self._length = self._count = self._chunk_bytes = 0

    def update(self, chunk: bytes) -> None:
        self._chunk_bytes = self._chunk_bytes or len(chunk) or 1
        has_samples = _is_chosen(self._length, self._chunk_bytes, self.distance)
        places = _choose_places(self._length, len(chunk), self.distance) if has_samples else ()
        begins = array(gzip_worker.PLACE, places)
        if begins:
            # Sends only the samples and their windows: if a chunk has one sample, that is a third of it.
            first, end = begins[0] - WINDOW_BYTES, begins[-1] + SAMPLE_BYTES
            moved = array(gzip_worker.PLACE, [begin - first for begin in begins])
            self._get_packer().send(self._series, self._count, moved, memoryview(chunk)[first:end])
        self._count += len(begins)
        self._length += len(chunk)

    def estimate_bytes(self) -> float:
        """Return the packed length in bytes. Call it last: no chunk may follow."""
        if not self._count:
            return 0
        quick, twice_quick, exact = self._get_packer().request_sums(self._series)
        return quick / self._count * (exact / twice_quick) * self._length


class Deflation:
    """Estimates the packed length of a stream: pass all chunks to `update`, then call `estimate_bytes` once."""

    def __init__(self, get_packer: Callable[[], Packer] = get_process) -> None:
        """Begin with the first stratum. `get_packer` is called only if there are samples."""
        self._first, self._length, self._total = b"", 0, 0.0
        self._place, self._get_packer = 0, get_packer
        self._stratum = _Stratum(_DISTANCES[0][1], get_packer)

    def update(self, chunk: bytes) -> None:
        """Sample the next chunk. All chunks but the last must have the same length."""
        if not self._length:
            self._first = chunk
        if self._length >= _DISTANCES[self._place][0]:
            self._total += self._stratum.estimate_bytes()
            self._place += 1
            self._stratum = _Stratum(_DISTANCES[self._place][1], self._get_packer)
        self._stratum.update(chunk)
        self._length += len(chunk)

    def estimate_bytes(self) -> int:
        """Return the packed length in bytes."""
        if self._length == len(self._first):
            packed = zlib.compressobj(LEVEL, zlib.DEFLATED, RAW)
            return len(packed.compress(self._first)) + len(packed.flush()) + _GZIP_FRAME_BYTES
        return round(self._total + self._stratum.estimate_bytes()) + _GZIP_FRAME_BYTES


def _is_chosen(place: int, length: int, distance: int) -> bool:
    """Tell whether samples lie in the chunk at `place`: if they lie further apart than a chunk is long, not in each."""
    together = distance // length
    if together <= 1:
        return True
    group, number = divmod(place // length, together)
    return number == _scatter(group) * together >> 32


def _choose_places(place: int, length: int, distance: int) -> Iterator[int]:
    """Yield where samples begin in a chunk that itself begins at `place`; each has a whole window before it."""
    for begin in range(WINDOW_BYTES, length, distance):
        # Varies the place within each stretch, because files and tables are often aligned.
        slots = min(distance, length - begin) // SAMPLE_BYTES
        if slots:
            yield begin + (_scatter((place + begin) // WINDOW_BYTES) * slots >> 32) * SAMPLE_BYTES


def _scatter(number: int) -> int:
    """Return 32 bits that look random: the last step of MurmurHash3.

    Multiples of the golden ratio are more even, but as regular as the choice of samples for zlib, and the two meet.
    """
    number = (number ^ number >> 16) * 0x85EBCA6B % 2**32
    number = (number ^ number >> 13) * 0xC2B2AE35 % 2**32
    return number ^ number >> 16
