"""`invoke build` on a real engine: its table, its cache, and how it tells of a step that fails."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass

import pytest

from tests.live.conftest import Done, Project
from weighbridge.build import bases
from weighbridge.engine.client import DockerEngine
from weighbridge.image.base_image import FROM_LABEL

pytestmark = pytest.mark.engine

TWO_STEPS = "FROM scratch\nCOPY one /one\nCOPY two /two\n"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table."""

    variant: str
    image_id: str
    seconds: float
    run: int
    cached: int
    shipped: str
    change: str


def rows(done: Done) -> list[Row]:
    """Return the table at the end of a build."""
    assert done.code == 0, done.stderr
    lines = [re.split(r" {2,}", line.strip()) for line in done.stdout.splitlines()]
    head = lines.index(["Variant", "Image id", "Seconds", "Run", "Cached", "Shipped", "Pull", "Change"])
    table = lines[head + 2 : lines.index([""], head)]  # between the rule and the empty line
    return [
        Row(name, image, float(seconds), int(run), int(cached), shipped, change)
        for name, image, seconds, run, cached, shipped, _, change in table
    ]


def build(project: Project, *words: str) -> list[Row]:
    """Build and return the table; what it made is removed at the end of the test."""
    found = rows(project.invoke("build", *words))
    project.images.extend(row.image_id for row in found)
    return found


def test_large_context(project: Project) -> None:
    """What only makes the context large is named below the table; once .dockerignore excludes it, nothing is said."""
    project.configure({"a": {"context": "context", "dockerfile": "context/Dockerfile"}})
    (project.folder / "context/.venv/lib").mkdir(parents=True)
    with (project.folder / "context/.venv/lib/big").open("wb") as file:
        file.truncate(60_000_000)
    project.write("context/one", secrets.token_hex())
    text = "FROM scratch AS all\nCOPY . /src\nFROM scratch\nCOPY --from=all /src/one /one\n"
    project.write("context/Dockerfile", text)
    done = project.invoke("build")
    project.images.extend(row.image_id for row in rows(done))
    said = " ".join(done.stdout.split())
    assert (
        "Context: context holds 60.0 MB, of which .venv is 60.0 MB; the image uses at most 64 B of it; "
        "put .venv into .dockerignore, unless a step needs it"
    ) in said
    (found,) = json.loads(project.invoke("build", "--format", "json").stdout)["large_contexts"]
    assert (found["folder"], found["largest"], found["used_bytes"]) == ("context", {".venv": 60_000_000}, 64)
    assert found["bytes"] == 60_000_000 + 64 + len(text)
    project.write("context/.dockerignore", ".venv\n")
    done = project.invoke("build")
    project.images.extend(row.image_id for row in rows(done))
    assert "Context:" not in done.stdout


@pytest.fixture
def two_steps(project: Project) -> Project:
    """Return a project of one variant, `a`, with two steps that no cache knows yet."""
    project.configure({"a": {}})
    project.write("one", secrets.token_hex())
    project.write("two", secrets.token_hex())
    project.write("Dockerfile", TWO_STEPS)
    return project


def test_table_counts_steps(engine: DockerEngine, two_steps: Project) -> None:
    """The first build runs every step, the second none, a changed file its own step, `--no-cache` all of them."""
    counts = []
    for words in ([], [], ["--no-cache"]):
        (row,) = build(two_steps, *words)
        counts.append((row.variant, row.run, row.cached))
        assert row.image_id == engine.inspect_image(two_steps.reference("a")).id.removeprefix("sha256:")[:12]
    assert counts == [("a", 2, 0), ("a", 0, 2), ("a", 2, 0)]
    two_steps.write("two", secrets.token_hex())
    (row,) = build(two_steps)
    assert (row.run, row.cached) == (1, 1)


def test_table_ends_with_bytes(two_steps: Project) -> None:
    """The first build has nothing to compare with; the next one tells the change since the record, to the byte."""
    (row,) = build(two_steps)
    assert (row.shipped, row.change) == ("128 B", "-")
    assert two_steps.invoke("report").code == 0
    two_steps.write("two", secrets.token_hex() + "x" * 20_000)
    (row,) = build(two_steps)
    assert (row.shipped, row.change) == ("20.1 kB", "+20.0 kB")
    done = two_steps.invoke("build", "--format", "json")
    (told,) = json.loads(done.stdout)["variants"]
    assert (told["steps_cached"], told["weight"]["shipped_bytes"], told["weight"]["change_bytes"]) == (
        2,
        20_128,
        20_000,
    )
    assert told["weight"]["since"].startswith("20")
    two_steps.configure({"a": {}}, reports={"directory": "reports"}, budgets={"noise": "20001 B"})
    assert "Change: almost none since 20" in two_steps.invoke("build").stdout


def test_progress_stays_off_the_result(two_steps: Project, python_base: bases.BaseImage) -> None:
    """Standard error tells each step with its outcome; standard output has the table, and what it is measured by."""
    done = two_steps.invoke("build")
    assert [line.split()[:2] for line in done.stderr.splitlines()] == [["a", "done"], ["a", "done"]]
    assert [line[line.index("[") :] for line in done.stderr.splitlines()] == [
        "[1/2] COPY one /one",
        "[2/2] COPY two /two",
    ]
    assert "COPY" not in done.stdout
    assert done.stdout.splitlines()[0].strip() == "Built"
    assert done.stdout.splitlines()[-2:] == [
        f"Base: {python_base.described}",
        "Change: not known, because there is no record of it",
    ]


def test_chosen_variants_alone_are_built(engine: DockerEngine, project: Project) -> None:
    """`--variant`, given twice, builds those two, in the order of invoke.yaml."""
    project.configure({"a": {}, "b": {}, "c": {}})
    project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    assert [row.variant for row in build(project, "--variant", "c", "--variant", "a")] == ["a", "c"]
    assert [engine.has_image(project.reference(name)) for name in "abc"] == [True, False, True]


def test_variant_says_what_is_built(engine: DockerEngine, project: Project, python_base: bases.BaseImage) -> None:
    """Dockerfile, context, target and arguments are the variant's own; every image carries our labels."""
    (project.folder / "sub").mkdir()
    project.write("sub/inside", "in the context")
    project.write(
        "Other.Dockerfile",
        "ARG PYTHON_IMAGE\n"
        "FROM scratch AS wanted\nARG PYTHON_IMAGE WORD\nCOPY inside /\nLABEL base=${PYTHON_IMAGE} word=${WORD}\n"
        "FROM scratch AS last\nCOPY missing /\n",
    )
    variant = {"dockerfile": "Other.Dockerfile", "context": "sub", "target": "wanted", "arguments": {"WORD": "heard"}}
    project.configure({"a": variant})
    build(project)
    labels = engine.inspect_image(project.reference("a")).labels
    ours = {
        "weighbridge": "image",
        "weighbridge.repository": project.repository,
        FROM_LABEL: "scratch",
    }
    assert labels == {"base": python_base.reference, "word": "heard", **ours}


def test_failing_step_is_shown(engine: DockerEngine, two_steps: Project) -> None:
    """Its name and exit code are the error, its last twenty lines stand above; the old image stays as it was."""
    (before,) = build(two_steps)
    step = "RUN for i in $(seq 1000 1030); do echo line $i; done; exit 9"
    two_steps.write("Dockerfile", f"ARG PYTHON_IMAGE\nFROM ${{PYTHON_IMAGE}}\n{step}\n")
    done = two_steps.invoke("build")
    error = done.failure(5)
    assert error.startswith(f"error: a: step [2/2] {step} failed: exit code 9. Correct the step")
    assert done.stderr.splitlines()[-21:-1] == [f"  line {number}" for number in range(1011, 1031)]
    assert done.stdout == ""
    assert engine.inspect_image(two_steps.reference("a")).id.removeprefix("sha256:").startswith(before.image_id)


def test_first_failure_ends_the_build(engine: DockerEngine, project: Project) -> None:
    """Variants after the one that fails are not built, and the error names the one that did."""
    project.configure({"a": {}, "b": {"target": "second"}, "c": {}})
    project.write("Dockerfile", "FROM scratch AS second\nCOPY missing /\nFROM scratch\nCOPY Dockerfile /\n")
    error = project.invoke("build").failure(5)
    assert error.startswith("error: b: step [second 1/1] COPY missing / failed: ")
    assert "missing" in error.partition("failed: ")[2]
    assert [engine.has_image(project.reference(name)) for name in "abc"] == [True, False, False]
