"""Which build contexts are far larger than what the image uses, and what of them is named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from weighbridge.build.excess import LEAST_BYTES, TIMES, find_excess

WHOLE = "FROM x AS y\nCOPY . /src\nFROM x\nCOPY --from=y /src/app /app\n"
MB = 10**6


def make(folder: Path, sizes: Mapping[str, int], dockerfile: str = WHOLE, ignored: str = "") -> Path:
    """Write a context of sparse files, with its Dockerfile, and return its folder."""
    for name, size in sizes.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(size)
    (folder / "Dockerfile").write_text(dockerfile)
    (folder / ".dockerignore").write_text(f"Dockerfile\n.dockerignore\n{ignored}")
    return folder


def find(folder: Path, used: int) -> dict[str, int] | None:
    """Return the entries that are named; None if the context is not far larger."""
    found = find_excess(folder, folder / "Dockerfile", used)
    return dict(found.largest) if found else None


def test_environment_in_the_context(tmp_path: Path) -> None:
    """The largest entries are named, with their bytes, those of folders together; the rest counts only to the sum."""
    sizes = {".venv/lib/a": 600 * MB, ".venv/b": 300 * MB, "data": 200 * MB, "src/app.py": MB, "README": MB}
    found = find_excess(make(tmp_path, sizes), tmp_path / "Dockerfile", 2 * MB)
    assert found
    assert (found.bytes, found.used_bytes, found.ignore_file) == (1102 * MB, 2 * MB, ".dockerignore")
    assert [*found.largest.items()] == [(".venv", 900 * MB), ("data", 200 * MB)]


@pytest.mark.parametrize(
    ("size", "used", "is_large"),
    [
        (LEAST_BYTES, 0, True),
        (LEAST_BYTES - 1, 0, False),
        (TIMES * 9 * MB, 9 * MB, True),
        (TIMES * 9 * MB - 1, 9 * MB, False),
    ],
)
def test_when_it_is_far_larger(tmp_path: Path, size: int, used: int, *, is_large: bool) -> None:
    """A context is large from a number of bytes on, and if it has many times what the image uses."""
    assert (find(make(tmp_path, {"big": size}), used) == {"big": size}) is is_large
    assert is_large or find(tmp_path, used) is None


def test_many_small_entries(tmp_path: Path) -> None:
    """If no entry stands out, there is nothing to advise."""
    assert find(make(tmp_path, {f"part-{number}": 10 * MB for number in range(20)}), 0) is None


def test_what_is_left_out_does_not_count(tmp_path: Path) -> None:
    """Neither what .dockerignore excludes, nor what only a rule of another Dockerfile would exclude."""
    folder = make(tmp_path, {".venv/a": 900 * MB, "src/a": MB}, ignored=".venv\n")
    assert find(folder, 0) is None
    (folder / "Dockerfile.dockerignore").write_text("src\n")
    found = find_excess(folder, folder / "Dockerfile", 0)
    assert found
    assert ([*found.largest], found.ignore_file) == ([".venv"], "Dockerfile.dockerignore")


@pytest.mark.parametrize(
    ("dockerfile", "named"),
    [
        ("FROM x\nCOPY src /app\n", None),
        ("FROM x\nCOPY . /app\n", {".venv": 900 * MB, "wheels": 100 * MB}),
        ("FROM x\nCOPY . /app\nCOPY wheels/*.whl /tmp/\n", {".venv": 900 * MB}),
        ("FROM x\nRUN --mount=source=wheels,target=/w pip install /w/*\nCOPY . /app\n", {".venv": 900 * MB}),
        ("FROM x\nCOPY . /app\nCOPY wheels .venv /\n", None),
        ("# syntax=example.org/other\nFROM x\nCOPY . /app\n", None),
    ],
)
def test_what_steps_take(tmp_path: Path, dockerfile: str, named: dict[str, int] | None) -> None:
    """A builder sends what steps name, and all of it only if a step takes all; what is named is wanted."""
    assert find(make(tmp_path, {".venv/a": 900 * MB, "wheels/a.whl": 100 * MB}, dockerfile), MB) == named


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """A Dockerfile that is missing, and rules that are not valid, are no reason to fail."""
    folder = make(tmp_path, {"a": 900 * MB}, ignored="[b-a]\n")
    assert find(folder, 0) is None
    assert find_excess(folder, folder / "nope", 0) is None
