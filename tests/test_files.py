"""Files that appear whole or not at all, and reading that never waits."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge import files

names = st.lists(st.sampled_from("abcd"), min_size=1, unique=True)


ROOM = 64
"""How many bytes a file may have while the disk is small."""


@contextmanager
def small_disk() -> Iterator[None]:
    """Let no file of this process grow beyond the room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def held(folder: Path) -> list[str]:
    """Return the names of what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    """Return a file's permissions."""
    return path.stat().st_mode & 0o777


@given(st.binary(), st.binary(), st.booleans())
def test_file_is_replaced(
    tmp_path_factory: pytest.TempPathFactory,
    before: bytes,
    after: bytes,
    private: bool,  # noqa: FBT001 - drawn
) -> None:
    """The last bytes stand there alone, whether anything did before or not."""
    path = tmp_path_factory.mktemp("files") / "a"
    for data in (before, after):
        files.replace(path, data, private=private)
        assert path.read_bytes() == data
    assert held(path.parent) == ["a"]


@pytest.mark.parametrize(
    ("before", "private", "after"),
    [(None, False, 0o644), (None, True, 0o600), (0o640, False, 0o640), (0o400, False, 0o400), (0o644, True, 0o600)],
)
def test_mode_of_what_is_replaced(tmp_path: Path, before: int | None, after: int, *, private: bool) -> None:
    """A private file only its owner may read; another has the mode of the old one, or all may read it."""
    path = tmp_path / "a"
    if before is not None:
        path.touch()
        path.chmod(before)
    files.replace(path, b"new", private=private)
    assert (path.read_bytes(), mode(path)) == (b"new", after)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a file away")
def test_owner_of_what_is_replaced(tmp_path: Path) -> None:
    """A file of somebody else's stays theirs."""
    path = tmp_path / "a"
    path.touch()
    os.chown(path, 1234, 2345)
    files.replace(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


@given(names, st.sets(st.sampled_from("abcd")), st.booleans())
def test_nothing_is_overwritten(
    tmp_path_factory: pytest.TempPathFactory,
    wanted: list[str],
    taken: set[str],
    folder: bool,  # noqa: FBT001 - drawn
) -> None:
    """The first name that is free is taken, and what has another stays; where none is free nothing happens."""
    place = tmp_path_factory.mktemp("files")
    for name in taken:
        (place / name).write_bytes(b"old")
    free = next((name for name in wanted if name not in taken), None)
    try:
        found = (
            files.create_folder(place, wanted, {"x": b"new"}) / "x" if folder else files.create(place, wanted, b"new")
        )
    except FileExistsError:
        assert free is None
    else:
        assert found == (place / str(free) / "x" if folder else place / str(free))
        assert found.read_bytes() == b"new"
    assert set(held(place)) == taken | ({free} if free else set())
    assert all((place / name).read_bytes() == b"old" for name in taken)


def test_what_is_created_is_for_all(tmp_path: Path) -> None:
    """All may read a new file, and look into a new folder."""
    assert mode(files.create(tmp_path, ["a"], b"")) == 0o644
    assert mode(files.create_folder(tmp_path, ["b"], {})) == 0o755


def test_names_are_numbered() -> None:
    """The first name has no number."""
    assert [*islice(files.generate_names("a", ".json"), 3)] == ["a.json", "a-1.json", "a-2.json"]
    assert next(files.generate_names("a")) == "a"


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: files.replace(folder / "a", bytes(ROOM + 1)),
        lambda folder: files.create(folder, ["b"], bytes(ROOM + 1)),
        lambda folder: files.create_folder(folder, ["b"], {"x": b"fits", "y": bytes(ROOM + 1)}),
    ],
    ids=["replace", "create", "create_folder"],
)
def test_failure_in_the_middle_changes_nothing(tmp_path: Path, write: Callable[[Path], object]) -> None:
    """Where the bytes do not fit, what was there is still there, and nothing else is."""
    (tmp_path / "a").write_bytes(b"old")
    with small_disk(), pytest.raises(OSError, match="File too large"):
        write(tmp_path)
    assert held(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_place_that_cannot_be_taken(tmp_path: Path) -> None:
    """A folder is not replaced by a file, and the draft goes."""
    (tmp_path / "a/b").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        files.replace(tmp_path / "a", b"new")
    assert held(tmp_path) == ["a"]
    assert held(tmp_path / "a") == ["b"]


@given(st.binary(max_size=8), st.integers(0, 8))
def test_file_of_any_length_up_to_the_limit(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, longest: int
) -> None:
    """A file of exactly the limit is read whole, one that is a byte longer is refused."""
    path = tmp_path_factory.mktemp("files") / "a"
    path.write_bytes(data)
    if len(data) <= longest:
        assert files.read(path, longest) == data
        return
    with pytest.raises(OSError, match=f"it is longer than {longest} bytes"):
        files.read(path, longest)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("fifo", "it is not a regular file"),
        ("/dev/zero", "it is not a regular file"),
        ("folder", "Is a directory"),
        ("none", "No such file or directory"),
        ("x" * 256, "File name too long"),
        ("a\0b", "embedded null byte"),
        ("\ud800", "surrogates not allowed"),
    ],
)
def test_what_is_no_file_is_not_read(tmp_path: Path, name: str, why: str) -> None:
    """Reading never waits for the writer of a FIFO and never reads a device; each is an error of the system's kind."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=why) as caught:
        files.read(tmp_path / name, 10)
    assert caught.value.strerror
    assert not files.is_file(tmp_path / name)


def test_link_to_a_file_is_read(tmp_path: Path) -> None:
    """A link leads to its file."""
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to("a")
    assert files.read(tmp_path / "link", 1) == b"x"
    assert files.is_file(tmp_path / "link")


def test_walk_against_the_shells_own(tmp_path: Path) -> None:
    """The files are those that `find` lists under the same conditions, the nearest first."""
    for place in ("b.txt", "a/x.py", "a/deep/y.py", "a/deep/er/z.py", "skip/n.py", ".git/config", "venv/lib/p.py"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    (tmp_path / "link").symlink_to("a")
    words = ["find", ".", "-maxdepth", "3", "(", "-name", "skip", "-o", "-name", ".git", "-o", "-name", "venv", ")"]
    words += ["-prune", "-o", "-not", "-type", "d", "-printf", "%P\n"]
    listed = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    found = [*files.walk(tmp_path, passed_over={"skip"}, deepest=2, most_folders=100)]
    assert sorted(found) == sorted(listed)
    assert [place.count("/") for place in found] == sorted(place.count("/") for place in found)
    assert [*files.walk(tmp_path, passed_over=(), deepest=9, most_folders=1)] == ["b.txt", "link"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user whom the system does not know")
def test_user_without_a_home() -> None:
    """A number that no user has, as a container may run as, has no cache and no login, and nothing fails."""
    script = (
        "import os\n"
        "from weighbridge import files\n"
        "from weighbridge.cache import Cache\n"
        "from weighbridge.engine import endpoint\n"
        "from weighbridge.sources.registry import credentials\n"
        "os.setuid(3_000_000_019)\n"
        "assert not (files.find_home() / 'x').exists()\n"
        "Cache().keep_document('a', {})\n"
        "assert Cache().read_document('a') is None\n"
        "assert endpoint.find_named() is None and endpoint.list_own()\n"
        "assert credentials.find('registry.example.com') is None\n"
    )
    left_out = ("HOME", "XDG_CACHE_HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    root = Path(__file__).parents[1]
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
