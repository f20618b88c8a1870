"""Archive files whose layers are read at their places: what comes out is what one pass over the file gives."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.images import LAYOUTS, Entry, ImageSpec, tar_of
from weighbridge.errors import LimitExceeded, NoSuchImage, UnreadableImage
from weighbridge.model.limits import Limits
from weighbridge.sources import archive, slots
from weighbridge.sources.processes.pool import Pool

FIRST = ImageSpec(tags=("x:1",), layers=((Entry("a", b"1" * 9000), Entry("b", b"2")), (Entry(".wh.a"),)))
SECOND = ImageSpec(tags=("x:2",), layers=((Entry("c", bytes(range(256)) * 700),), *FIRST.layers))
SAVED = {name: tar_of(make([FIRST, SECOND])) for name, make in LAYOUTS.items()}


def tell(path: Path, pool: Pool | None, told: Callable[[int], None] = lambda _: None) -> list[object]:
    """Return both images of an archive, or the errors in their place."""
    try:
        saved = archive.read(path, told, images=2, pool=pool)
    except UnreadableImage as error:
        return [str(error)]
    found = list[object]()
    for tag in ("x:1", "x:2"):
        try:
            found.append(saved.assemble_image(tag))
        except (NoSuchImage, UnreadableImage) as error:  # damage may also hit a name
            found.append(str(error))
    return found


@pytest.mark.parametrize("layout", SAVED)
@pytest.mark.parametrize("processes", [1, 2])
def test_same_as_in_one_pass(tmp_path: Path, layout: str, processes: int) -> None:
    """Images and progress are the same, in every layout."""
    path, passed, placed = tmp_path / "saved.tar", list[int](), list[int]()
    path.write_bytes(SAVED[layout])
    with Pool(processes, least_bytes=0) as pool:
        assert tell(path, pool, placed.append) == tell(path, None, passed.append)
    assert placed == sorted(placed)
    assert placed[-1] > passed[-1] / 2  # what lies between the layers is passed over


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(SAVED)), st.floats(0, 1), st.booleans())
def test_damage(tmp_path: Path, layout: str, where: float, cut: bool) -> None:  # noqa: FBT001 - drawn
    """Wherever an archive is cut or changed, it is as damaged as in one pass."""
    data, path = bytearray(SAVED[layout]), tmp_path / "saved.tar"
    at = int(where * (len(data) - 1))
    if cut:
        del data[at:]
    else:
        data[at] ^= 1
    path.write_bytes(data)
    with Pool(1) as pool:
        assert tell(path, pool) == tell(path, None)


def test_limits(tmp_path: Path) -> None:
    """They hold for all layers of the file together."""
    path = tmp_path / "saved.tar"
    path.write_bytes(SAVED["docker_20"])
    for processes in (1, 2):
        with Pool(processes, least_bytes=0) as pool, pytest.raises(LimitExceeded, match="more than 3 files"):
            archive.read(path, limits=Limits(entries=3), pool=pool)


def test_what_can_be_read_only_once(tmp_path: Path) -> None:
    """A pipe is read in one pass; a file behind a link is found by its own path."""
    path, link, pipe = tmp_path / "saved.tar", tmp_path / "link", tmp_path / "pipe"
    path.write_bytes(SAVED["docker_20"])
    link.symlink_to(path)
    os.mkfifo(pipe)
    with link.open("rb") as file:
        found = slots.find_file(link, file)
    assert found is not None
    assert found.path == str(path)
    with open(os.open(pipe, os.O_RDWR), "rb") as file:  # noqa: PTH123 - it is a descriptor
        assert slots.find_file(pipe, file) is None


@pytest.mark.parametrize("processes", [1, 2])
def test_file_without_a_path(tmp_path: Path, processes: int) -> None:
    """A file that was deleted while it was open is read through its descriptor, as `archive:/dev/fd/3` names it."""
    path = tmp_path / "saved.tar"
    path.write_bytes(SAVED["docker_25"])
    whole = tell(path, None)
    with path.open("rb") as file, Pool(processes, least_bytes=0) as pool:
        path.unlink()
        assert tell(Path(f"/proc/self/fd/{file.fileno()}"), pool) == whole


def test_file_that_is_replaced(tmp_path: Path) -> None:
    """What another file has at that place is not read."""
    path, other = tmp_path / "saved.tar", tmp_path / "other.tar"
    path.write_bytes(SAVED["docker_20"])
    other.write_bytes(SAVED["docker_20"])
    with path.open("rb") as file:
        found = slots.find_file(path, file)
    assert found is not None
    other.rename(path)
    with pytest.raises(OSError, match="replaced"):
        found.open()


def test_what_is_passed_over_is_not_read(tmp_path: Path) -> None:
    """A member that is no part of an image is not read, however long it is, and its end is still checked."""
    path, junk = tmp_path / "saved.tar", io.BytesIO()
    with tarfile.open(fileobj=junk, mode="w", format=tarfile.GNU_FORMAT) as made:
        info = tarfile.TarInfo("junk")
        info.size = 2**36
        made.addfile(info)
    path.write_bytes(junk.getvalue()[:512] + b"neither a layer nor a document")
    with path.open("r+b") as file:
        file.seek(2**36 + 512)
        file.write(SAVED["docker_20"])
    with Pool(1) as pool:
        assert tell(path, pool) == tell_plain(tmp_path)
        os.truncate(path, 2**36)
        assert "unexpected end of data" in str(tell(path, pool)[0])


def tell_plain(folder: Path) -> list[object]:
    """Return the images of the archive without anything else."""
    path = folder / "plain.tar"
    path.write_bytes(SAVED["docker_20"])
    return tell(path, None)
