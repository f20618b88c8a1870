"""`invoke report` on a real engine: the record, what its figures are held to, and the tables."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.conftest import Project, made
from tests.live.test_sources import by_tar
from weighbridge.build import bases
from weighbridge.engine.client import DockerEngine
from weighbridge.model.report import Base, Report
from weighbridge.report import records

pytestmark = pytest.mark.engine

DOCKERFILE = """
ARG PYTHON_IMAGE
FROM scratch AS small
COPY thin /thin
ENV NOTHING=shipped
COPY thick thin /more/

FROM ${PYTHON_IMAGE} AS based
ARG PYTHON_IMAGE
COPY thick /thick
RUN head -c 12345 /dev/zero > /zeros \\
 && ln /zeros /hard \\
 && ln -s /zeros /soft
LABEL org.opencontainers.image.base.name=${PYTHON_IMAGE}
"""


@pytest.fixture(scope="module")
def built(
    engine: DockerEngine,
    python_base: bases.BaseImage,  # noqa: ARG001 - the base has to be there
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    """Return a project with two images: one on nothing, one on the Python base."""
    with made(engine, tmp_path_factory.mktemp("project")) as project:
        variants = {"small": {"target": "small"}, "based": {"target": "based"}}
        project.configure(variants, reports={"directory": "reports"})
        project.write("thin", "x" * 7)
        project.write("thick", secrets.token_hex(40_000))
        project.write("Dockerfile", DOCKERFILE)
        assert project.invoke("build").code == 0
        yield project


@pytest.fixture(scope="module")
def report(built: Project) -> Report:
    """Return the record of both images."""
    done = built.invoke("report", "--format", "json")
    assert done.code == 0, done.stderr
    return records.parse_json(done.stdout)


def test_json_is_the_record(built: Project, tmp_path: Path) -> None:
    """Standard output is JSON alone, the very bytes of the one file in the folder, which standard error names."""
    folder = tmp_path / "new" / "records"
    done = built.invoke("report", "--format", "json", INVOKE_WEIGHBRIDGE_REPORTS_DIRECTORY=str(folder))
    (path,) = folder.iterdir()
    assert done.code == 0
    assert done.stdout == path.read_text(encoding="utf-8")
    assert json.loads(done.stdout)["format"] == 1
    assert done.stderr.splitlines()[-1] == f"Recorded in {path}"


def read_anew(built: Project, folder: Path, *words: str, local_store: str = "true") -> tuple[str, str]:
    """Run a task on images of which nothing is known; return standard output, and the lines of where they were read."""
    done = built.invoke(
        *words,
        XDG_CACHE_HOME=str(folder / "cache"),
        INVOKE_WEIGHBRIDGE_REPORTS_DIRECTORY=str(folder / "records"),
        INVOKE_WEIGHBRIDGE_ENGINE_LOCAL_STORE=local_store,
    )
    assert done.code == 0, done.stderr
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if line.startswith("Read "))


def test_where_images_are_read(engine: DockerEngine, built: Project, tmp_path: Path) -> None:
    """`--verbose` names the way of each image, a setting leaves the engine's folder alone, and figures are the same."""
    words = ("report", "--format", "json", "--verbose")
    here, told = read_anew(built, tmp_path / "here", *words)
    there, told_there = read_anew(built, tmp_path / "there", *words, local_store="false")
    assert json.loads(here)["images"] == json.loads(there)["images"]
    small, based = (built.reference(name) for name in ("small", "based"))
    assert told_there == f"Read through the engine: {small}, {based}; its folder is not to be read"
    if os.access(engine.data_root.path, os.R_OK):
        lines = sorted(f"Read in {engine.data_root.path}: {name}" for name in (small, based))
        assert sorted(told.splitlines()) == lines  # the one with more to read comes first


def test_where_images_are_read_is_not_told_unasked(built: Project, tmp_path: Path) -> None:
    """Without the option no line says where images were read; `diff` has the option, too."""
    assert read_anew(built, tmp_path / "one", "report", "--format", "json")[1] == ""
    told = read_anew(built, tmp_path / "two", "diff", "small", "small", "--verbose")[1]
    assert built.reference("small") in told


def test_sums_hold(report: Report) -> None:
    """An image is the sum of its layers, its base of those that are marked, in bytes and in files."""
    assert [image.variant for image in report.images] == ["small", "based"]
    for image in report.images:
        assert image.shipped_bytes == sum(layer.shipped_bytes for layer in image.layers)
        assert image.file_count == sum(layer.file_count for layer in image.layers)
        assert [layer.index for layer in image.layers] == list(range(len(image.layers)))
        in_base = sum(layer.shipped_bytes for layer in image.layers if layer.in_base)
        assert in_base == (image.base.shipped_bytes if image.base else 0)


def test_layers_weigh_what_gnu_tar_lists(report: Report, tmp_path: Path) -> None:
    """Each layer has the bytes that GNU tar lists in what the engine saves, including whiteouts, which are empty."""
    for image in report.images:
        listed = [size for size, _ in by_tar(image.reference, tmp_path / image.variant)]
        assert [layer.shipped_bytes for layer in image.layers] == listed
    assert [layer.shipped_bytes for layer in report.images[0].layers] == [7, 80_007]
    assert [layer.shipped_bytes for layer in report.images[1].layers[-2:]] == [80_000, 12_345]


def test_layers_are_those_of_the_engine(engine: DockerEngine, built: Project, report: Report) -> None:
    """Diff ids and their order are the engine's own; the figures are of the images that `build` made."""
    for image in report.images:
        known = engine.inspect_image(built.reference(image.variant))
        assert tuple(layer.diff_id for layer in image.layers) == known.diff_ids
        assert image.reference == known.reference
    assert report.engine == engine.identity


def test_base_is_marked(engine: DockerEngine, python_base: bases.BaseImage, report: Report) -> None:
    """The build tells what both stand on: the base image of the engine with its layers, and nothing."""
    small, based = report.images
    assert small.base == Base(reference="scratch", layers=0, shipped_bytes=0, known_by="dockerfile")
    assert not any(layer.in_base for layer in small.layers)
    assert based.base is not None
    assert (based.base.reference, based.base.known_by) == (python_base.reference, "dockerfile")
    marked = tuple(layer.diff_id for layer in based.layers if layer.in_base)
    assert marked == engine.inspect_image(python_base.reference).diff_ids
    assert marked == tuple(layer.diff_id for layer in based.layers[: based.base.layers])


def test_layers_are_paired_with_their_instructions(report: Report) -> None:
    """What ships nothing, such as ENV and LABEL, takes no layer's place; a long RUN stands on one line."""
    small, based = ([layer.instruction for layer in image.layers if not layer.in_base] for image in report.images)
    assert [text.split()[:2] for text in small] == [["COPY", "thin"], ["COPY", "thick"]]
    assert based[0].startswith("COPY thick /thick")
    assert based[1] == "RUN head -c 12345 /dev/zero > /zeros && ln /zeros /hard && ln -s /zeros /soft"


def test_tables(built: Project, report: Report) -> None:
    """First all variants side by side, then each one's, the rows of the last being layers with their origin."""
    done = built.invoke("report")
    assert done.code == 0
    lines = done.stdout.splitlines()
    titles = [line.strip() for line in lines if line and not line.startswith(" ")]
    assert titles[0].startswith("Ship  ")
    assert "What each variant weighs" in titles
    assert [title for title in titles if title.startswith("small: 80.0 kB in 2 layers, on scratch")]
    based = report.images[1]
    assert based.base is not None
    (title,) = (each for each in titles if each.endswith(f"in {len(based.layers)} layers, on {based.base.reference}"))
    rows = [line.split() for line in lines[lines.index(next(line for line in lines if line.startswith(title))) :]]
    numbered = [row for row in rows if row and row[0].isdigit() and {"base", "ours"} & set(row)]
    assert [int(row[0]) for row in numbered] == list(range(len(based.layers)))
    assert [("base" in row, "ours" in row) for row in numbered] == [(x.in_base, not x.in_base) for x in based.layers]


def test_chosen_variant_alone_is_weighed(built: Project, tmp_path: Path) -> None:
    """`--variant` leaves the others out of the record."""
    words = ("report", "--variant", "small", "--format", "json")
    done = built.invoke(*words, INVOKE_WEIGHBRIDGE_REPORTS_DIRECTORY=str(tmp_path))
    assert [image.variant for image in records.parse_json(done.stdout).images] == ["small"]


def test_image_that_is_not_built(project: Project) -> None:
    """The error names the missing image and the command that builds it; nothing is recorded."""
    project.configure({"a": {}})
    done = project.invoke("report", "--format", "json")
    assert f"no image {project.reference('a')}. Run `invoke build` first." in done.failure(3)
    assert done.stdout == ""
    assert not list((project.folder / "reports").iterdir())
