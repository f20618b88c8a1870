"""Files below a folder: those that lie there, and none that a link leads to."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from weighbridge.sources.local.beneath import Beneath, Unavailable


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Beneath]:
    """Open a folder with two files, links to things in it and outside, and a FIFO; all is closed in the end."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_bytes(b"secret")
    folder = tmp_path / "root"
    (folder / "a/b").mkdir(parents=True)
    (folder / "top").write_bytes(b"top")
    (folder / "a/b/inner").write_bytes(b"inner")
    (folder / "to-file").symlink_to("top")
    (folder / "to-folder").symlink_to("a")
    (folder / "out").symlink_to(tmp_path / "outside")
    (folder / "a/secret").symlink_to("../../outside/secret")
    os.mkfifo(folder / "a/fifo")
    (folder / os.fsdecode(b"\xff\xfe")).write_bytes(b"odd")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - it is no path of ours
    with Beneath.open_root(str(folder)) as opened:
        yield opened
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("top", b"top"),
        ("./top", b"top"),
        ("/top", b"top"),
        ("a/b/inner", b"inner"),
        ("a//b/./inner", b"inner"),
        ("a/b/../b/inner", b"inner"),
        ("nowhere/../top", b"top"),
        ("../../../top", b"top"),
        (os.fsdecode(b"\xff\xfe"), b"odd"),
    ],
)
def test_files(root: Beneath, path: str, content: bytes) -> None:
    """A path is taken as engines take it: by its text, and never from above the root."""
    assert root.read(path, 100) == content


@pytest.mark.parametrize(
    "path", ["to-file", "to-folder/b/inner", "out/secret", "a/secret", "a/../out/secret", "missing", "top/x", "a/x/y"]
)
def test_links_are_not_followed(root: Beneath, path: str) -> None:
    """No part of a path may be a link, wherever it leads; a missing file is an error of the same kind."""
    with pytest.raises(OSError, match=r"top|to-f|out|secret|missing|x"):
        root.open(path)


@pytest.mark.parametrize("path", ["", "/", "a/..", "a\0b", "a/b"])
def test_what_is_no_file(root: Beneath, path: str) -> None:
    """The root, a folder, and what no path can be have no bytes."""
    with pytest.raises(Unavailable):
        root.open(path)


def test_fifo_is_not_waited_for(root: Beneath) -> None:
    """Whatever blocks when it is opened or read is not a file."""
    errors = list[type[BaseException]]()

    def read() -> None:
        try:
            root.open("a/fifo")
        except Unavailable as error:
            errors.append(type(error))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(5)
    assert errors == [Unavailable]


def test_devices_are_not_opened(root: Beneath, tmp_path: Path) -> None:
    """Some devices act when they are opened; here a socket shows it, which nobody can open without an error."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "root/a/socket"))
        with pytest.raises(Unavailable, match="not a regular file"):
            root.open("a/socket")


def test_folders_stay_right_from_path_to_path(root: Beneath) -> None:
    """What was opened before does not change what a path means."""
    assert [root.read(path, 9) for path in ("a/b/inner", "top", "a/b/inner", "a/../top")] == [
        b"inner",
        b"top",
        b"inner",
        b"top",
    ]


@pytest.mark.parametrize("missing", ["a/x/y", "x/y", "a/b/x/y"])
def test_folders_stay_right_after_an_error(root: Beneath, missing: str) -> None:
    """A folder that could not be opened leaves the others where they are."""
    assert root.read("a/b/inner", 9) == b"inner"
    with pytest.raises(OSError, match="x"):
        root.open(missing)
    with pytest.raises(OSError, match="x"):
        root.open(missing)
    assert root.read("a/b/inner", 9) == b"inner"
    assert root.read("top", 9) == b"top"


def test_long_file(root: Beneath) -> None:
    """A file that is longer than it may be is not read."""
    assert root.read("top", 3) == b"top"
    with pytest.raises(Unavailable, match="top is longer than 2 bytes"):
        root.read("top", 2)


def test_inner_root(root: Beneath) -> None:
    """A folder of the folder is a root of its own, above which nothing lies; no link leads to one."""
    with root.enter("a") as inner:
        assert inner.read("../b/inner", 9) == b"inner"
        with pytest.raises(OSError, match="top"):
            inner.open("../top")
    with pytest.raises(OSError, match="to-folder"):
        root.enter("to-folder")


def test_root_by_a_link(tmp_path: Path) -> None:
    """The root itself may be reached through a link: administrators move it to another disk that way."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there/x").write_bytes(b"x")
    (tmp_path / "link").symlink_to("there")
    with Beneath.open_root(str(tmp_path / "link")) as opened:
        assert opened.read("x", 1) == b"x"
