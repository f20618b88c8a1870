"""Scripts that a command names are found in the build context, by where the Dockerfile copies them."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.model.recipe import Copied, Recipe
from weighbridge.settings.compose.translation.programs import Call
from weighbridge.settings.compose.translation.scripts import find_scripted, find_source

RECIPE = Recipe(
    copies=(
        Copied(source="docker/start.sh", target="/entry"),
        Copied(source="docker/*.sh", target="/scripts/"),
        Copied(source="src", target="/code/"),
        Copied(source="../outside.sh", target="/outside.sh"),
    )
)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """Return a build context."""
    root = tmp_path / "context"
    for path in ("docker/start.sh", "docker/work.sh", "src/jobs/run.py", "src/web/__main__.py", "loose.sh"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(
            "celery -A a worker\n" if path.endswith("sh") else "uvicorn.run(a)\n", encoding="utf-8"
        )
    (tmp_path / "outside.sh").write_text("celery -A a worker\n", encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("target", "source"),
    [
        ("/entry", "docker/start.sh"),
        ("/scripts/work.sh", "docker/work.sh"),
        ("/code/jobs/run.py", "src/jobs/run.py"),
        ("/srv/app/docker/work.sh", "docker/work.sh"),
        ("/anywhere/loose.sh", "loose.sh"),
        ("/outside.sh", None),
        ("/code/jobs", None),
        ("/nothing", None),
    ],
)
def test_sources(context: Path, target: str, source: str | None) -> None:
    """A path in the image leads to the file in the context, never to one outside."""
    assert find_source(target, context, RECIPE) == (source and context / source)


@pytest.mark.parametrize(
    ("words", "calls"),
    [
        (["/entry"], [Call("celery", ("-A", "a", "worker"))]),
        (["sh", "-c", "set -e; ./start.sh"], []),
        (["sh", "-c", "set -e; ../scripts/start.sh"], [Call("celery", ("-A", "a", "worker"))]),
        (["python", "jobs/run.py"], [Call("uvicorn")]),
        (["python", "-m", "web"], [Call("uvicorn")]),
        (["python", "-m", "jobs.run"], [Call("uvicorn")]),
        (["-m"], []),
        (["/entry" * 1000, "\0"], []),
    ],
)
def test_calls_in_scripts(context: Path, words: list[str], calls: list[Call]) -> None:
    """The scripts are read for the programs that they run."""
    assert [*find_scripted(words, context, RECIPE, "/code")] == calls


def test_unreadable_scripts(context: Path) -> None:
    """What is no text, or too long for a script, says nothing."""
    (context / "loose.sh").write_bytes(b"celery -A a worker\n\xff")
    (context / "docker/work.sh").write_text("celery -A a worker\n" * 10_000, encoding="utf-8")
    assert find_scripted(["/loose.sh", "/scripts/work.sh"], context, RECIPE, "/") == ()
