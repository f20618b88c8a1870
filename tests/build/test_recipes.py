"""What a Dockerfile's image starts, and what it has of the build context."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.build.recipes import find_recipes, read_recipe
from weighbridge.model.recipe import Copied, Recipe
from weighbridge.settings.compose.reader import read

STAGES = """
ARG ROOT=/srv
FROM python:3.13 AS base
ARG ROOT
ENV HOME=$ROOT/home OLD=1
WORKDIR $ROOT
COPY pyproject.toml uv.lock ./
COPY --chown=1:1 src ./src
CMD ["fastapi", "run", "src/main.py"]
HEALTHCHECK --interval=5s --timeout=3s \\
    CMD curl -f http://localhost:8000/health

FROM base AS api
COPY ["docker/start api.sh", "/start.sh"]
ENTRYPOINT ["/start.sh"]
CMD exec uvicorn main:app

FROM base as worker
WORKDIR jobs
COPY . .
ENTRYPOINT celery -A app worker

FROM scratch
COPY --from=base /srv/src/app /app
COPY --from=api / /
COPY --from=ghcr.io/tool:1 /uv /bin/
HEALTHCHECK NONE
"""
BASE = (
    Copied(source="pyproject.toml", target="/srv/"),
    Copied(source="uv.lock", target="/srv/"),
    Copied(source="src", target="/srv/src"),
)
HEALTH = ("/bin/sh", "-c", "curl -f http://localhost:8000/health")


@pytest.mark.parametrize(
    ("target", "recipe"),
    [
        (
            "base",
            Recipe(command=("fastapi", "run", "src/main.py"), health=HEALTH, folder="/srv", copies=BASE),
        ),
        (
            "API",
            Recipe(
                entrypoint=("/start.sh",),
                command=("/bin/sh", "-c", "exec uvicorn main:app"),
                health=HEALTH,
                folder="/srv",
                copies=(*BASE, Copied(source="docker/start api.sh", target="/start.sh")),
            ),
        ),
        (
            "2",
            Recipe(
                entrypoint=("/bin/sh", "-c", "celery -A app worker"),
                health=HEALTH,
                folder="/srv/jobs",
                copies=(*BASE, Copied(source="", target="/srv/jobs/")),
            ),
        ),
        (
            None,
            Recipe(
                copies=(
                    Copied(source="src/app", target="/app"),
                    *BASE,
                    Copied(source="docker/start api.sh", target="/start.sh"),
                )
            ),
        ),
        ("nowhere", Recipe()),
    ],
)
def test_stages(target: str | None, recipe: Recipe) -> None:
    """A stage has what it says and what the stages say that it stands on or copies from."""
    assert read_recipe(STAGES, target, {}) == recipe


def test_arguments() -> None:
    """Arguments of the build count in names of stages and in paths."""
    text = 'ARG KIND=a\nFROM x AS a\nCMD ["a"]\nFROM x AS b\nCMD ["b"]\nFROM $KIND\nARG TO=/a\nCOPY x $TO\n'
    assert read_recipe(text, None, {}).command == ("a",)
    found = read_recipe(text, None, {"KIND": "b", "TO": "/b"})
    assert (found.command, found.copies) == (("b",), (Copied(source="x", target="/b"),))


def test_foreign_dockerfile() -> None:
    """Nothing is known of what another frontend reads."""
    assert read_recipe("# syntax=other/frontend\nFROM x\nCMD a\n", None, {}) == Recipe()


@given(st.lists(st.sampled_from([*STAGES.splitlines(), "CMD", "COPY a", "ENV", "ARG =", "FROM", "COPY --from=0 / $X"])))
def test_any_lines(lines: list[str]) -> None:
    """Whatever stands in a Dockerfile, it is read without an error."""
    read_recipe("\n".join(lines), None, {})


def test_recipes_of_a_project(tmp_path: Path) -> None:
    """Each service that is built here has the recipe of its stage; one whose Dockerfile is missing has none."""
    (tmp_path / "Dockerfile").write_text(STAGES, encoding="utf-8")
    (tmp_path / "compose.yaml").write_text(
        "services: {a: {build: .}, b: {build: {context: ., target: base}}, c: {build: ./gone}, d: {image: x}}",
        encoding="utf-8",
    )
    project = read([tmp_path / "compose.yaml"], environment={})
    assert find_recipes(project) == {"a": read_recipe(STAGES, None, {}), "b": read_recipe(STAGES, "base", {})}
