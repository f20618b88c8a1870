"""What builds made is recorded for each engine, whatever else happens to the file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.build import built_images
from weighbridge.build.built_images import MOST_BYTES, BuiltImage, read, record

PROJECT = Path(__file__).parents[2]
ENGINE = "engine"
SEVERAL = """
import sys
from weighbridge.build.built_images import BuiltImage, record
for number in range(25):
    record("engine", BuiltImage(f"{sys.argv[1]}:{number}", f"sha256:{number:064x}"))
"""


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the user's cache folder, which is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def image(number: int, name: str = "backend:multi") -> BuiltImage:
    """Return an image with an id of that number."""
    return BuiltImage(name, f"sha256:{number:064x}")


def the_file() -> Path:
    """Return the file of the engine, in a folder that exists."""
    path = built_images._locate(ENGINE)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_each_image_is_recorded_once_for_its_engine() -> None:
    """A name that moved has both ids, a repeated build adds nothing, and another engine knows of none."""
    for each in (image(1), image(2), image(1), image(1, "shop/api:5000")):
        record(ENGINE, each)
    assert read(ENGINE) == (image(1), image(2), image(1, "shop/api:5000"))
    assert len(the_file().read_bytes().splitlines()) == 3
    assert read("another") == ()
    assert image(1, "host:5000/shop/api:1").repository == "host:5000/shop/api"


def test_several_processes_at_once() -> None:
    """Each image that they record is there at the end."""
    words = [sys.executable, "-c", SEVERAL]
    processes = [subprocess.Popen([*words, name], cwd=PROJECT) for name in ("a", "b", "c")]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert {each.reference for each in read(ENGINE)} == {f"{name}:{number}" for name in "abc" for number in range(25)}


@given(st.binary(max_size=400))
def test_damage_is_passed_over(damage: bytes) -> None:
    """Whatever stands in the file, nothing is raised, and what is recorded before and after it is read."""
    path = the_file()
    path.unlink(missing_ok=True)
    record(ENGINE, image(1))
    with path.open("ab") as file:
        file.write(damage)
    record(ENGINE, image(2))
    assert read(ENGINE)[0] == image(1)
    assert image(2) in read(ENGINE)


@pytest.mark.parametrize(
    "line",
    [
        '["backend:multi"]',
        '["backend:multi", "abc"]',
        f'["backend", "sha256:{"0" * 64}"]',
        f'["--force", "sha256:{"0" * 64}"]',
        f'["a b:c", "sha256:{"0" * 64}"]',
        f'["a:b", "sha256:{"0" * 63}"]',
        f'["a:b", "sha256:{"0" * 64}", 1]',
        f'{{"a:b": "sha256:{"0" * 64}"}}',
        "[" * 100_000,
        "1" * 5000,
    ],
)
def test_lines_that_name_no_image(line: str) -> None:
    """A line of another form records nothing."""
    the_file().write_text(f"{line}\n")
    assert read(ENGINE) == ()


def test_file_stays_short() -> None:
    """At the limit a line is still appended; one beyond it, the older half goes, and the newest image is there."""
    record(ENGINE, image(1))
    path, line = the_file(), the_file().read_bytes()
    count, rest = divmod(MOST_BYTES, len(line))
    many = [line.replace(b"0" * 60, f"{number:060x}".encode()) for number in range(count - 1)]
    path.write_bytes(b"\n" * rest + b"".join(many))
    record(ENGINE, image(2))
    assert path.stat().st_size == MOST_BYTES
    before = read(ENGINE)
    assert len(before) == count
    record(ENGINE, image(3))
    assert MOST_BYTES // 2 - len(line) < path.stat().st_size < MOST_BYTES // 2 + 2 * len(line)
    after = read(ENGINE)
    assert after == (*before[-len(after) + 1 :], image(3))


def test_longer_file_is_read_from_its_end() -> None:
    """Of a file that somebody made longer than the limit, only the end is read."""
    record(ENGINE, image(1))
    with the_file().open("ab") as file:
        file.write(b"\n" * MOST_BYTES)
    record(ENGINE, image(2))
    assert read(ENGINE) == (image(2),)


@pytest.mark.parametrize("place", ["file", "lock"])
def test_pipe_in_its_place_is_not_waited_for(place: str) -> None:
    """A named pipe is neither read nor written, and nothing waits for its other end."""
    path = the_file() if place == "file" else the_file().with_name("lock")
    os.mkfifo(path)
    record(ENGINE, image(1))
    assert read(ENGINE) == (() if place == "file" else (image(1),))


def test_no_place_to_write(cache: Path) -> None:
    """Where the cache cannot be written, the build goes on without a record."""
    (cache / "weighbridge").write_text("a file, where a folder should be")
    record(ENGINE, image(1))
    assert read(ENGINE) == ()
