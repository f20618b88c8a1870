"""The estimate of `gzip -6`, held against zlib itself on bytes as images have them."""

from __future__ import annotations

import random
import sysconfig
import tarfile
import zlib
from array import array
from collections.abc import Callable
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from statistics import fmean

import pytest

from weighbridge.errors import UnreadableImage
from weighbridge.sources.tar import gzip_estimate
from weighbridge.sources.tar.gzip_estimate import Deflation, Packer, PackHere, get_process
from weighbridge.sources.tar.reader import CHUNK_BYTES

MAX_ERROR, MAX_BIAS = 0.04, 0.015
"""Of single layers, whose samples may lie badly; and of the mean of several (decision 35)."""


def estimated(data: bytes, get_packer: Callable[[], Packer] = get_process) -> int:
    """Return the estimate for a layer of these bytes."""
    deflation = Deflation(get_packer)
    for at in range(0, len(data) + 1, CHUNK_BYTES):
        deflation.update(data[at : at + CHUNK_BYTES])
    return deflation.estimate_bytes()


def packed(data: bytes) -> int:
    """Return what gzip makes of the bytes."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return len(packer.compress(data)) + len(packer.flush())


def archive_of(folder: Path, most: int) -> bytes:
    """Return a tar archive of a folder's files, up to a size."""
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and buffer.tell() < most:
                archive.add(path, arcname=str(path.relative_to(folder)), recursive=False)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def packages() -> bytes:
    """Return an archive of this environment's packages: sources, bytecode and compiled libraries."""
    return archive_of(Path(sysconfig.get_path("platlib")), 48 * 2**20)


@pytest.mark.slow
def test_estimate_of_real_files(packages: bytes) -> None:
    """Python packages as a layer has them, together and in parts: the parts are wrong in both directions."""
    assert estimated(packages) == pytest.approx(packed(packages), rel=MAX_ERROR)
    parts = [packages[at : at + 2**23] for at in range(0, len(packages) - 2**23, 2**23)]
    assert fmean(estimated(part) / packed(part) for part in parts) == pytest.approx(1, abs=MAX_BIAS)


@pytest.mark.slow
def test_same_bytes_give_the_same_figure(packages: bytes) -> None:
    """Where samples lie depends on nothing but the bytes' place, however busy the machine is."""
    data = packages[: 12 * 2**20]
    assert len({estimated(data) for _ in range(3)}) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        bytes,
        lambda size: random.Random(0).randbytes(size),  # noqa: S311 - no secret
        lambda size: (b"import os\nprint(os.environ)\n" * (size // 20))[:size],
        lambda size: array("I", accumulate(random.Random(0).choices(range(400), k=size // 4))).tobytes(),  # noqa: S311
    ],
    ids=["zeros", "random", "text", "numbers"],
)
def test_estimate_of_extremes(make: Callable[[int], bytes]) -> None:
    """What packs a thousandfold, within some kilobytes; what does not pack; what the fast packer alone gets wrong."""
    data = make(20 * 2**20)
    assert estimated(data) == pytest.approx(packed(data), rel=MAX_BIAS, abs=60_000)


@pytest.mark.parametrize("size", [0, 1, 10_000, CHUNK_BYTES])
def test_short_layer_is_exact(size: int) -> None:
    """A layer of one chunk is packed whole."""
    data = random.Random(1).randbytes(size // 2) + bytes(size - size // 2)  # noqa: S311 - no secret
    assert estimated(data) == packed(data)


def test_abandoned_layer_does_not_count(packages: bytes) -> None:
    """A layer that turned out to be damaged in the middle adds nothing to the next."""
    data, abandoned = packages[: 4 * 2**20], Deflation()
    alone = estimated(data)
    for at in range(0, 2**21, CHUNK_BYTES):
        abandoned.update(packages[at : at + CHUNK_BYTES])
    assert estimated(data) == alone


def test_process_packs_as_this_one_does(packages: bytes) -> None:
    """Whoever packs the samples, and whatever was packed before, the figure is the same."""
    packer = PackHere()
    for data in (packages[: 3 * 2**20], packages[-5 * 2**20 :]):
        assert estimated(data, lambda: packer) == estimated(data)


def test_loss_of_the_packing_process_is_told() -> None:
    """The system ended it, for want of memory: an error of ours, and no archive is called damaged."""
    lost = gzip_estimate._PackBeside()
    lost._process.kill()
    lost._process.wait()
    with pytest.raises(UnreadableImage, match="ended early"):
        estimated(bytes(4 * 2**20), lambda: lost)
