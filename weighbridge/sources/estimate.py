"""How long a layer would be as `gzip -6` packs it, estimated at the speed of the stream.

Zlib at level 6 packs some 40 MB/s; an engine sends ten times as much. So only samples are packed, each begun with the
bytes before it as in one run, and the whole is taken to pack as they do. Where they lie depends on their place alone:
the same layer gives the same figure always. A helping thread packs them, because zlib lets others run meanwhile.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore

LEVEL = 6
WINDOW_BYTES = 2**15
SAMPLE_BYTES = 2**13
_DISTANCES = ((2**23, 2**16), (2**26, 2**18), (2**63, 2**19))
"""Up to which place in the layer one sample is taken in how many bytes: a small layer needs many to be well known."""
_GZIP_FRAME_BYTES = 18
_SYNC_MARK_BYTES = 4
_RAW = -15
_GOLDEN = 2654435769
_WAITING = 4
"""How many chunks may wait for the thread."""

_THREADS = ThreadPoolExecutor(1, "estimate")
_ROOM = BoundedSemaphore(_WAITING)


class _Stratum:
    """A part of a layer that is sampled equally densely."""

    def __init__(self, distance: int) -> None:
        self.distance, self._length, self._sampled, self._packed = distance, 0, 0, list[Future[int]]()

    def update(self, chunk: bytes) -> None:
        begins = list(_places(self._length, len(chunk), self.distance))
        _ROOM.acquire()
        packed = _THREADS.submit(_packed, chunk, begins)
        packed.add_done_callback(lambda _: _ROOM.release())
        self._packed.append(packed)
        self._sampled += sum(min(SAMPLE_BYTES, len(chunk) - begin) for begin in begins)
        self._length += len(chunk)

    def total(self) -> float:
        return sum(each.result() for each in self._packed) * self._length / max(1, self._sampled)


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


def _packed(chunk: bytes, begins: Iterable[int]) -> int:
    """Return how long samples of a chunk are when packed, all together."""
    size, view = 0, memoryview(chunk)
    for begin in begins:
        before = view[max(0, begin - WINDOW_BYTES) : begin]
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _RAW, zdict=before)
        size += len(packer.compress(view[begin : begin + SAMPLE_BYTES]))
        size += len(packer.flush(zlib.Z_SYNC_FLUSH)) - _SYNC_MARK_BYTES
    return size
