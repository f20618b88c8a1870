"""The files of a repository are listed within bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.settings.initial import tree


def test_files(tmp_path: Path) -> None:
    """The nearest first; none of virtual environments, hidden folders, tests, links and great depths."""
    deep = "/".join("abcdefghijkl")
    for place in ("z.py", "a/b.py", ".git/c.py", "env/pyvenv.cfg", "env/d.py", "tests/e.py", f"{deep}/f.py"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "odd\udcff\n.py").touch()
    assert tree.list_files(tmp_path) == ("loop", "z.py", "a/b.py")


@pytest.mark.parametrize(
    ("place", "is_one"),
    [
        ("Dockerfile", True),
        ("docker/api.Dockerfile", True),
        ("Dockerfile.dev", True),
        ("Containerfile", True),
        ("Dockerfile.dockerignore", False),
        ("Dockerfiles/readme.md", False),
    ],
)
def test_dockerfiles(place: str, is_one: bool) -> None:  # noqa: FBT001 - a column of the table
    """A Dockerfile is known by its name."""
    assert tree.is_dockerfile(place) is is_one


def test_modules(tmp_path: Path) -> None:
    """Modules are read; a FIFO, a broken one and one that is gone are passed over."""
    (tmp_path / "a.py").write_text("import celery\napp = celery.Celery()\n", encoding="utf-8")
    (tmp_path / "b.py").write_text("def\n", encoding="utf-8")
    __import__("os").mkfifo(tmp_path / "c.py")
    assert [*tree.read_modules(tmp_path, ("a.py", "b.py", "c.py", "d.py", "e.txt"))] == ["a.py"]
    assert tree.is_compose_file("deploy/docker-compose.prod.yml")
    assert not tree.is_compose_file("compose.py")
