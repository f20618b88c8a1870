"""Which images a repository builds, and as what they start."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.build.recipes import list_stages, read_recipe
from weighbridge.settings.initial.images import Image, choose_images, choose_stage, read_image_start

API = 'CMD ["uvicorn", "main:app", "--port", "9000"]'
WORKER = "CMD celery -A jobs worker"


def image(dockerfile: str, text: str = "", folder: Path = Path("/nowhere")) -> Image:
    """Return the image of a Dockerfile."""
    recipe = read_recipe(f"FROM x\n{text}\n", None, {})
    return Image(dockerfile=dockerfile, context=".", recipe=recipe, start=read_image_start(folder, ".", recipe))


@pytest.mark.parametrize(
    ("images", "chosen"),
    [
        ([image("Dockerfile")], ["Dockerfile"]),
        ([image("Dockerfile.dev")], ["Dockerfile.dev"]),
        ([image("Dockerfile", API), image("Dockerfile.dev", API)], ["Dockerfile"]),
        ([image("api/Dockerfile", API), image("jobs/Dockerfile", WORKER)], ["api/Dockerfile", "jobs/Dockerfile"]),
        ([image("worker/Dockerfile"), image("web/Dockerfile", API)], ["worker/Dockerfile", "web/Dockerfile"]),
        ([image("Dockerfile", API), image("gpu/Dockerfile", API)], ["Dockerfile"]),
        ([image("cpu/Dockerfile", API), image("gpu/Dockerfile", API)], []),
        ([image("a.Dockerfile"), image("b.Dockerfile")], []),
    ],
)
def test_choice(images: list[Image], chosen: list[str]) -> None:
    """One image, or several with a role each; what is for development is left out; where nothing tells, nothing."""
    assert [each.dockerfile for each in choose_images(images)] == chosen


@pytest.mark.parametrize(
    ("stages", "chosen"),
    [
        (["build", ""], None),
        (["build", "runtime"], None),
        (["build", "production", "dev"], "production"),
        (["base", "app", "test"], "app"),
        (["dev"], None),
        ([], None),
    ],
)
def test_stages(stages: list[str], chosen: str | None) -> None:
    """The last stage, unless its name says that it is for development or tests."""
    assert choose_stage(stages) == chosen
    assert list_stages("".join(f"FROM x{f' AS {name}' * bool(name)}\n" for name in stages)) == (*stages,)


@pytest.mark.parametrize(
    ("dockerfile", "name"),
    [
        ("Dockerfile", "app"),
        ("docker/api.Dockerfile", "api"),
        ("My Worker/Dockerfile", "my-worker"),
        ("Dockerfile.x", "x"),
    ],
)
def test_names(dockerfile: str, name: str) -> None:
    """A variant is called after its Dockerfile or the folder of that."""
    assert image(dockerfile).variant == name


def test_what_it_starts(tmp_path: Path) -> None:
    """The command tells kind and port, EXPOSE the port if the command does not, a script what it runs."""
    found = image("Dockerfile", f"EXPOSE 1234/tcp 5/udp\n{API}")
    assert (found.kind, found.port, found.recipe.ports) == ("api", 9000, (1234,))
    assert image("Dockerfile", "EXPOSE 1234\nCMD serve").port == 1234
    (tmp_path / "run.sh").write_text("exec celery -A jobs worker\n", encoding="utf-8")
    scripted = image("Dockerfile", 'WORKDIR /a\nCOPY . .\nCMD ["/a/run.sh"]', tmp_path)
    assert (scripted.kind, scripted.starts_something) == ("worker", True)
    assert image("Dockerfile", "HEALTHCHECK CMD curl -f http://localhost:8000/up").health_path == "/up"
