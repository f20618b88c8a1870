"""A document goes where a user says: whole into a file, through links and descriptors, and never waits for ever."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from weighbridge import files
from weighbridge.errors import SettingsError
from weighbridge.render import destination

NOBODY = 65534
PROJECT = Path(__file__).parents[2]


def put(path: Path, data: bytes) -> None:
    """Check a place, then write to it, as a report does."""
    destination.check(path)
    destination.write(path, data)


def test_file_appears_whole_and_alone(tmp_path: Path) -> None:
    """A new file gets what the umask leaves; a check alone creates nothing."""
    path, before = tmp_path / "x", os.umask(0o027)
    try:
        destination.check(path)
        assert [*tmp_path.iterdir()] == []
        destination.write(path, b"whole")
    finally:
        os.umask(before)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"whole", 0o640)
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a file to somebody else")
def test_file_keeps_mode_and_owner(tmp_path: Path) -> None:
    """An existing file keeps its mode, owner and group, and is another file: nobody ever reads half of it."""
    path = tmp_path / "x"
    path.write_bytes(b"before, and longer")
    os.chown(path, NOBODY, NOBODY)
    path.chmod(0o604)
    with path.open("rb") as reader:
        put(path, b"after")
        assert reader.read() == b"before, and longer"
    found = path.stat()
    assert (path.read_bytes(), found.st_mode & 0o777, found.st_uid, found.st_gid) == (b"after", 0o604, NOBODY, NOBODY)


def test_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """A file that cannot be written whole is as it was, and no draft stays; a limit stands for a full disk."""
    path = tmp_path / "x"
    path.write_bytes(b"before")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))  # Python ignores SIGXFSZ, so that writing fails
    try:
        with pytest.raises(SettingsError, match=r"x cannot be written: File too large[.] Name another file[.]$"):
            put(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert path.read_bytes() == b"before"
    assert [*tmp_path.iterdir()] == [path]


def test_link_is_written_through(tmp_path: Path) -> None:
    """A link stays a link; its target is written, also a new one, and one that is reached over a folder's link."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "folder").symlink_to("inner")
    link = tmp_path / "link"
    link.symlink_to("folder/x")
    for data in (b"first", b"second"):
        put(link, data)
        assert link.is_symlink()
        assert (tmp_path / "inner/x").read_bytes() == data
    assert [path.name for path in (tmp_path / "inner").iterdir()] == ["x"]


def test_fifo_with_a_reader(tmp_path: Path) -> None:
    """A FIFO's reader gets the document, more than a pipe holds, and one end; the check is no writer."""
    path, got = tmp_path / "fifo", list[bytes]()
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    put(path, b"x" * 300_000)
    reader.join(20)
    assert got == [b"x" * 300_000]
    assert path.is_fifo()


def test_fifo_without_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever for a reader, and the check does not wait at all."""
    monkeypatch.setattr(destination, "READER_SECONDS", 0.1)
    path = tmp_path / "fifo"
    os.mkfifo(path)
    destination.check(path)
    with pytest.raises(SettingsError, match=r"fifo cannot be written: it is a FIFO that nobody reads[.] "):
        destination.write(path, b"x")


def test_devices() -> None:
    """A device is written through: /dev/null takes all, /dev/full says that it is full, and both stay."""
    put(Path("/dev/null"), b"x")
    with pytest.raises(SettingsError, match=r"^/dev/full cannot be written: No space left on device[.] "):
        put(Path("/dev/full"), b"x")
    assert Path("/dev/full").is_char_device()


def test_open_descriptor(tmp_path: Path) -> None:
    """A descriptor, as of `>(…)` in Bash, is written where it stands and stays open; one that is closed is refused."""
    with (tmp_path / "x").open("w+b", buffering=0) as file:
        file.write(b"before ")
        for name in (f"/dev/fd/{file.fileno()}", f"/proc/self/fd/{file.fileno()}"):
            assert destination.find_descriptor(Path(name)) == file.fileno()
            put(Path(name), b"x")
        file.write(b" after")
        number = file.fileno()
    assert (tmp_path / "x").read_bytes() == b"before xx after"
    with pytest.raises(SettingsError, match="Bad file descriptor"):
        destination.check(Path(f"/dev/fd/{number}"))
    with (tmp_path / "x").open("rb") as file, pytest.raises(SettingsError, match="it is open for reading only"):
        destination.check(Path(f"/dev/fd/{file.fileno()}"))


def test_names_of_descriptors(tmp_path: Path) -> None:
    """The usual names are descriptors, also through links; a file, a loop and another process's descriptor are not."""
    (tmp_path / "log").symlink_to("/dev/stdout")
    (tmp_path / "loop").symlink_to("loop")
    found = [destination.find_descriptor(Path(name)) for name in ("/dev/stdout", "/dev/stderr", tmp_path / "log")]
    assert found == [1, 2, 1]
    for path in (tmp_path / "none", tmp_path / "loop", Path("/proc/1/fd/1"), Path("/dev/null"), Path("x\0")):
        assert destination.find_descriptor(path) is None
    with pytest.raises(SettingsError, match="loop cannot be written: Too many levels of symbolic links"):
        destination.check(tmp_path / "loop")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "Is a directory"),
        ("none/x", "No such file or directory"),
        ("x" * 256, "File name too long"),
        ("y/" * 3000, "File name too long"),
        ("a\0b", "embedded null byte"),
        ("\ud800", "surrogates not allowed"),
    ],
    ids=["folder", "missing", "long name", "long path", "NUL", "surrogate"],
)
def test_places_that_cannot_be(tmp_path: Path, name: str, why: str) -> None:
    """A place that cannot be written is one line before any work, and nothing is made."""
    with pytest.raises(SettingsError, match=f"cannot be written: .*{why}"):
        put(tmp_path / name, b"x")
    assert [*tmp_path.iterdir()] == []


OTHERS = """
import os, sys
from pathlib import Path
from weighbridge.errors import SettingsError
from weighbridge.render import destination
os.setgid(65534), os.setuid(65534)
for path, data in ((Path(sys.argv[1]), b"after"), (Path(sys.argv[1]), b"after, and longer")):
    destination.check(path)
    destination.write(path, data)
try:
    destination.check(Path(sys.argv[2]))
except SettingsError as error:
    print(error)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
def test_file_in_a_folder_that_takes_no_draft(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A file that may be written is, even if its folder may not; a file that may not be written is refused early."""
    folder = tmp_path_factory.mktemp("open")
    for each in (folder, *folder.parents[:3]):
        each.chmod(0o755)
    (folder / "x").write_bytes(b"before this it was long")
    (folder / "x").chmod(0o666)
    (folder / "y").touch(mode=0o644)
    words = [sys.executable, "-c", OTHERS, str(folder / "x"), str(folder / "y")]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{folder / 'y'} cannot be written: Permission denied. Name another file.\n"
    assert (folder / "x").read_bytes() == b"after, and longer"


def test_mount_point_is_overwritten_only_with_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a file cannot be replaced and there is no space for the new content, the old content stays."""
    path = tmp_path / "x"
    path.write_bytes(b"before")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))  # as the kernel answers for a mount point

    monkeypatch.setattr(files, "replace", refuse)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(SettingsError, match="File too large"):
            destination.write(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert path.read_bytes() == b"before"
    destination.write(path, b"new")
    assert path.read_bytes() == b"new"
