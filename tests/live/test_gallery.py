"""Awkward images of the real engine, to the byte what `docker save` and `docker export` hold of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.live import evidence, stages
from tests.live.gallery import BASE, CASES, SMALL, Case
from weighbridge.build import bases
from weighbridge.cache import Cache
from weighbridge.engine.client import DockerEngine
from weighbridge.engine.local_images import LocalImages
from weighbridge.image import base_image, filesystem, weighing
from weighbridge.image.content import ImageContent
from weighbridge.model.report import Image
from weighbridge.sources import opener
from weighbridge.sources.locations import DOCKER, Location
from weighbridge.sources.opener import Means

pytestmark = pytest.mark.engine

PRESENT = ("backend:single", "backend:multi")
"""Images that `invoke build` makes; weighed as well where they are there."""
NAMES = ("the Python base", *PRESENT, *(case.name for case in CASES))


@dataclass(frozen=True)
class Gallery:
    """All images, measured in one pass, and what others say of them."""

    engine: DockerEngine
    folder: Path
    references: Mapping[str, str]
    images: Mapping[str, Image]
    contents: Mapping[str, ImageContent]
    streamed: Mapping[str, ImageContent]
    told: Sequence[str]
    """Which way each image came that is in `contents`; all in `streamed` came through the engine."""
    saved: Mapping[str, Sequence[evidence.Figures]]
    exports: dict[str, evidence.Exported] = field(default_factory=dict)

    def files(self, name: str) -> Mapping[str, int]:
        """Return the size of each file that is seen of an image, by its path."""
        view = filesystem.stack(self.contents[name].layers)
        return {path: view.get_size(number) for path, number in view.iterate_files()}

    def covered_bytes(self, name: str) -> int:
        """Return the bytes of an image's files that the engine covers with its own in every container."""
        return sum(size for path, size in self.files(name).items() if path in evidence.ENGINES_OWN)

    def exported(self, name: str) -> evidence.Exported:
        """Return what a container of an image exports."""
        if name not in self.exports:
            self.exports[name] = evidence.exported(self.engine, self.references[name], self.folder / "export.tar")
        return self.exports[name]


@pytest.fixture(scope="module")
def gallery(
    engine: DockerEngine, python_base: bases.BaseImage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gallery]:
    """Build and measure all images."""
    folder, arguments = tmp_path_factory.mktemp("gallery"), {"PYTHON": python_base.reference}
    stages.write(folder)
    with evidence.built(engine, folder, [case.name for case in CASES], arguments) as made:
        present = {name: name for name in PRESENT if engine.has_image(name)}
        references = {"the Python base": python_base.reference, **present, **made}
        locations = {name: Location(DOCKER, reference) for name, reference in references.items()}
        told = list[str]()
        here = Means(cache=Cache(folder / "cache"), engine=engine, local_store=True, on_note=told.append)
        there = Means(cache=Cache(folder / "other"), engine=engine)
        (contents, streamed) = (
            {name: found[location] for name, location in locations.items()}
            for found in (dict(opener.read(locations.values(), means)) for means in (here, there))
        )
        with evidence.saved(engine, list(references.values())) as stream:
            saved = evidence.layers(stream)
        yield Gallery(
            engine,
            folder,
            references,
            {name: _weighed(name, content) for name, content in contents.items()},
            contents,
            streamed,
            told,
            {name: saved[reference] for name, reference in references.items()},
        )


def _weighed(name: str, content: ImageContent) -> Image:
    return weighing.weigh(name, DOCKER, content, base_image.find_base(content.outline, LocalImages(None))).image


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest, gallery: Gallery) -> str:
    """Return the name of an image that is there."""
    chosen = str(request.param)
    if chosen not in gallery.images:
        pytest.skip(f"no image {chosen}, which `invoke build` makes")
    return chosen


def test_folder_of_the_engine_gives_what_its_stream_gives(gallery: Gallery, name: str) -> None:
    """Each column of each layer, the config and the blobs are the same, read in the engine's folder or asked for."""
    if not any(line.startswith("Read in ") for line in gallery.told):
        pytest.skip(gallery.told[0])
    assert f"Read in {gallery.engine.data_root.path}: {gallery.references[name]}" in gallery.told
    assert gallery.contents[name] == gallery.streamed[name]


def test_live_bytes_are_those_of_an_export(gallery: Gallery, name: str) -> None:
    """What is seen of an image weighs what a container of it exports, a hard-linked file counted once."""
    live_bytes = gallery.exported(name).live_bytes
    assert gallery.images[name].live_bytes == live_bytes + gallery.covered_bytes(name)


def test_files_are_those_of_an_export(gallery: Gallery, name: str) -> None:
    """Every file that a container exports is seen under the same path with the same size, and no other."""
    files = gallery.files(name)
    assert {path: files[path] for path in files.keys() - evidence.ENGINES_OWN} == gallery.exported(name).files


def test_layers_are_those_of_the_saved_archive(gallery: Gallery, name: str) -> None:
    """Each layer ships the bytes and the number of regular files that its archive has."""
    assert [(each.shipped_bytes, each.file_count) for each in gallery.images[name].layers] == gallery.saved[name]


def test_sums_hold(gallery: Gallery, name: str) -> None:
    """Shipped bytes are live and wasted ones, and those of the layers, of the ledger; waste is that of each layer."""
    image = gallery.images[name]
    assert image.live_bytes is not None
    assert image.wasted_bytes is not None
    assert image.shipped_bytes == image.live_bytes + image.wasted_bytes
    assert image.shipped_bytes == sum(size for size, _ in gallery.saved[name]) == sum(row.bytes for row in image.ledger)
    assert sum(each.live_bytes or 0 for each in image.layers) == image.live_bytes
    by_layer = Counter[int]()
    for row in image.waste:
        by_layer[row.shipped_by] += row.bytes
    assert {each.index: each.wasted_bytes for each in image.layers if each.wasted_bytes} == by_layer
    assert sum(row.bytes for row in image.ledger if row.category == "wasted") == image.wasted_bytes


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_waste_is_told(gallery: Gallery, case: Case) -> None:
    """Each row tells what was hidden and why, which layer shipped it and which one hid it."""
    rows = {(row.cause, row.bytes, row.shipped_by, row.killed_by, row.path) for row in gallery.images[case.name].waste}
    assert rows in (set(case.lost), set(case.lost if case.otherwise is None else case.otherwise))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_layers_have_their_instructions(gallery: Gallery, case: Case) -> None:
    """Layers are paired with the instructions of the Dockerfile, layers without files too."""
    told = [each.instruction.split()[0] for each in gallery.images[case.name].layers]
    below = ["COPY"] if case.base == BASE else []
    words = [line.split()[0] for line in case.instructions.splitlines()]
    assert told == below + [word for word in words if word not in {"ENV", "VOLUME"}]


def test_unlike_names_are_unlike_files(gallery: Gallery) -> None:
    """Names that are not UTF-8, or differ in nothing that is seen, are files of their own."""
    names = [path.removeprefix("data/") for path in gallery.exported("odd-names").files if path.startswith("data/")]
    assert {"e\u0301", "\u00e9", "A", "a", " ", "tab\there\x01", "back\\slash", "-rf"} < set(names)
    assert len(names) == 12


def test_equal_layers_are_two(gallery: Gallery) -> None:
    """A layer that is there twice, which an archive holds once, counts twice."""
    _, first, _, again = gallery.images["same-layer-again"].layers
    assert first.diff_id == again.diff_id
    assert (first.shipped_bytes, first.live_bytes, again.live_bytes) == (SMALL, 0, SMALL)
