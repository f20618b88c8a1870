"""How long a layer would be as `gzip -6` packs it, estimated at the speed of the stream.

Zlib at level 6 packs some 40 MB/s; an engine sends ten times as much. So only samples are packed, each begun with the
bytes before it as in one run, and the whole is taken to pack as they do. A fast packer (ISA-L) packs all of them, zlib
every eighth: how the two compare there corrects the sum. Where samples lie depends on their place alone: the same layer
gives the same figure always. A helping thread packs them, because both packers let others run meanwhile.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import BoundedSemaphore

from isal import isal_zlib

LEVEL = 6
WINDOW_BYTES = 2**15
SAMPLE_BYTES = 3 * 2**12
_DISTANCES = ((2**26, 2**15), (2**63, 2**17))
"""Up to which place in the layer one sample is taken in how many bytes: a small layer needs many to be well known."""
_GZIP_FRAME_BYTES = 18
_SYNC_MARK_BYTES = 4
_RAW = -15
_FAST_LEVEL = 2
_EXACT_EVERY = 8
"""One sample in how many zlib packs too."""
_GOLDEN = 2654435769
_WAITING = 4
"""How many chunks may wait for the thread."""

_THREADS = ThreadPoolExecutor(1, "estimate")
_ROOM = BoundedSemaphore(_WAITING)


@dataclass(frozen=True, slots=True)
class _Packed:
    """How long samples are when packed."""

    quick: int = 0
    """All of them, by the fast packer."""
    twice_quick: int = 0
    """Those that both have packed, by the fast packer."""
    twice_exact: int = 0
    """The same by zlib."""


class _Stratum:
    """A part of a layer that is sampled equally densely."""

    def __init__(self, distance: int) -> None:
        self.distance, self._length, self._sampled, self._packed = distance, 0, 0, list[Future[_Packed]]()

    def update(self, chunk: bytes) -> None:
        begins = list(_places(self._length, len(chunk), self.distance))
        _ROOM.acquire()
        packed = _THREADS.submit(_pack, chunk, begins, len(self._packed))
        packed.add_done_callback(lambda _: _ROOM.release())
        self._packed.append(packed)
        self._sampled += sum(min(SAMPLE_BYTES, len(chunk) - begin) for begin in begins)
        self._length += len(chunk)

    def total(self) -> float:
        found = [each.result() for each in self._packed]
        quick, twice_quick, exact = (sum(getattr(each, name) for each in found) for name in _Packed.__slots__)
        return quick * (exact / twice_quick) * (self._length / self._sampled) if twice_quick else 0


class Deflation:
    """The length of a stream as gzip would pack it; told all chunks, then asked once."""

    def __init__(self) -> None:
        self._first, self._length = b"", 0
        self._strata = [_Stratum(distance) for _, distance in _DISTANCES]

    def update(self, chunk: bytes) -> None:
        """Take in the next chunk; all but the last must have the same length."""
        if not self._length:
            self._first = chunk
        self._strata[sum(self._length >= end for end, _ in _DISTANCES)].update(chunk)
        self._length += len(chunk)

    def total(self) -> int:
        """Return the length in bytes."""
        if self._length == len(self._first):
            packed = zlib.compressobj(LEVEL, zlib.DEFLATED, _RAW)
            return len(packed.compress(self._first)) + len(packed.flush()) + _GZIP_FRAME_BYTES
        return round(sum(stratum.total() for stratum in self._strata)) + _GZIP_FRAME_BYTES


def _places(place: int, length: int, distance: int) -> Iterator[int]:
    """Yield where samples begin in a chunk that itself begins at `place`, each with a window before it."""
    slots = distance // SAMPLE_BYTES
    for number, begin in enumerate(range(WINDOW_BYTES, length, distance)):
        # The place within each stretch wanders, because files and tables are often aligned: Knuth's multiplicative
        # hash spreads it evenly (The Art of Computer Programming, volume 3, 6.4).
        slot = ((place // distance + number) * _GOLDEN % 2**32) * slots >> 32
        if begin + slot * SAMPLE_BYTES < length:
            yield begin + slot * SAMPLE_BYTES


def _pack(chunk: bytes, begins: Sequence[int], turn: int) -> _Packed:
    """Pack samples of a chunk, each begun with the bytes before it; `turn` chooses those that zlib packs too."""
    view, quick, twice_quick, exact = memoryview(chunk), 0, 0, 0
    for number, begin in enumerate(begins, turn * len(begins)):
        before, sample = view[max(0, begin - WINDOW_BYTES) : begin], view[begin : begin + SAMPLE_BYTES]
        fast = isal_zlib.compressobj(_FAST_LEVEL, isal_zlib.DEFLATED, _RAW, zdict=bytes(before))
        length = len(fast.compress(sample)) + len(fast.flush(isal_zlib.Z_SYNC_FLUSH))
        quick += length
        if number % _EXACT_EVERY == 0:
            packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _RAW, zdict=before)
            exact += len(packer.compress(sample)) + len(packer.flush(zlib.Z_SYNC_FLUSH)) - _SYNC_MARK_BYTES
            twice_quick += length
    return _Packed(quick, twice_quick, exact)
