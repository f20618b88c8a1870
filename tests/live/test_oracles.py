"""One image in every place that it can be in gives one record, and other people's tools agree with its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.live import copies, evidence, stages
from tests.live.copies import COMPRESSED, KINDS, LAYOUT, REGISTRY, SAVED, SKOPEOS_ARCHIVE, Copy
from tests.live.stages import AFTER, BEFORE, BUILT
from weighbridge.build import bases
from weighbridge.cache import Cache
from weighbridge.commands import weigh
from weighbridge.engine.client import DockerEngine
from weighbridge.image import filesystem
from weighbridge.image.base_image import TOP_LABEL
from weighbridge.model.report import Image, Pull
from weighbridge.report import difference
from weighbridge.settings.project import check
from weighbridge.sources import opener
from weighbridge.sources.locations import DOCKER, Location
from weighbridge.sources.opener import Means, parse

pytestmark = pytest.mark.engine

ENGINE, STREAM = "engine", "the engine's stream"
"""The image in the engine: read in its folder, if that is on this machine, and always as the engine saves it."""
PRESENT = "backend:multi"
"""An image that `invoke build` makes; compared as well where it is there."""
TREE = "one-time"
"""An image with a folder of files."""
AWKWARD = (TREE, "odd-names", "directory-made-anew", "linked-pair-chowned", "empty-layers", "same-layer-again")
_FEW = (SAVED, SKOPEOS_ARCHIVE, LAYOUT, REGISTRY)
MADE = {**dict.fromkeys((*AWKWARD, BEFORE), KINDS), AFTER: _FEW, BUILT: _FEW}
"""Of which image there are which copies."""
MAX_ERROR = 0.04
"""Of an estimate: rarely are samples so unlucky (decision 35)."""
ALL = [(subject, kind) for subject, kinds in MADE.items() for kind in kinds]


@dataclass(frozen=True)
class Everywhere:
    """Images of the engine and their copies, each measured when it is asked for."""

    engine: DockerEngine
    folder: Path
    references: Mapping[str, str]
    copies: Mapping[str, Mapping[str, Copy]]
    measured: dict[tuple[str, str], Image] = field(default_factory=dict)
    packed: dict[str, int] = field(default_factory=dict)

    def image(self, subject: str, kind: str) -> Image:
        """Return the figures of one copy, or of the engine's own image; skip where there is no such image."""
        if (subject, kind) not in self.measured:
            location = self.location(subject, kind)
            # A layer that is known is not read again, whatever way it came.
            cache = Cache(self.folder / ("stream" if kind == STREAM else "cache") / subject)
            settings = check({"engine": {"local_store": kind != STREAM}})
            (self.measured[subject, kind],) = weigh.weigh(
                {"x": location}, self.folder, cache=cache, settings=settings
            ).report.images
        return self.measured[subject, kind]

    def location(self, subject: str, kind: str) -> Location:
        """Return where a copy is."""
        if subject not in self.references:
            pytest.skip(f"no image {PRESENT}, which `invoke build` makes")
        if kind in {ENGINE, STREAM}:
            return Location(DOCKER, self.references[subject])
        return parse(self.copies[subject][kind].location)

    def config_bytes(self, subject: str) -> int:
        """Return the length of the config that the engine made."""
        return int(self.copies[subject][SKOPEOS_ARCHIVE].manifest()["config"]["size"])

    def gzip_bytes(self, subject: str) -> Mapping[str, int]:
        """Return by diff ID what `gzip -6` makes of an image's layers."""
        found = copies.gzip_bytes(self.folder / subject / "plain.tar", self.packed)
        self.packed.update(found)
        return found


@pytest.fixture(scope="module")
def everywhere(
    engine: DockerEngine, python_base: bases.BaseImage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Everywhere]:
    """Build images and copy them with skopeo."""
    copies.need("skopeo", "docker-registry")
    folder, base = tmp_path_factory.mktemp("everywhere"), engine.inspect_image(python_base.reference)
    stages.write(folder)
    arguments = {"PYTHON": python_base.reference, "BUILT": PRESENT}
    labels = {TOP_LABEL: f"{len(base.diff_ids)} {base.diff_ids[-1]}"}
    targets = [subject for subject in MADE if subject != BUILT or engine.has_image(PRESENT)]
    with (
        evidence.built(engine, folder, targets, arguments, labels) as references,
        copies.registry(folder) as registry,
        ThreadPoolExecutor(2) as threads,
    ):

        def copy(subject: str) -> Mapping[str, Copy]:
            place = folder / subject
            place.mkdir()
            return copies.copies(engine, references[subject], place, registry, MADE[subject])

        made = dict(zip(references, threads.map(copy, references), strict=True))
        yield Everywhere(engine, folder, references, made)


def essence(image: Image) -> Image:
    """Return an image's figures without what depends on its place by right: its name, its id, what is compressed."""
    layers = tuple(replace(layer, pull_bytes=None, blob=None) for layer in image.layers)
    return replace(image, reference="", source="", id="", pull=None, layers=layers)


@pytest.mark.parametrize(("subject", "kind"), ALL)
def test_copy_has_the_figures_of_the_engine(everywhere: Everywhere, subject: str, kind: str) -> None:
    """Layers, ledger, waste, base and sums are the same wherever the image is."""
    assert essence(everywhere.image(subject, kind)) == essence(everywhere.image(subject, ENGINE))


@pytest.mark.parametrize("subject", MADE)
def test_record_is_the_same_by_both_ways(everywhere: Everywhere, subject: str) -> None:
    """The whole record of an image, its pull included, does not depend on how its layers came out of the engine."""
    assert everywhere.image(subject, ENGINE) == everywhere.image(subject, STREAM)


@pytest.mark.parametrize(("subject", "kind"), ALL)
def test_id_is_the_digest_of_the_config(everywhere: Everywhere, subject: str, kind: str) -> None:
    """The id is what skopeo calls the config; copies that keep the config's bytes keep the id of the engine's image."""
    image, config = everywhere.image(subject, kind), everywhere.copies[subject][kind].manifest()["config"]
    assert image.id == config["digest"]
    if kind in (SAVED, SKOPEOS_ARCHIVE, REGISTRY):
        assert image.id == everywhere.image(subject, ENGINE).id


@pytest.mark.parametrize(("subject", "kind"), [(subject, kind) for subject, kind in ALL if kind in COMPRESSED])
def test_pull_is_what_the_manifest_says(everywhere: Everywhere, subject: str, kind: str) -> None:
    """Where the layers are compressed, by gzip or zstd, the pull is exact: each blob once, and the config."""
    image, copy = everywhere.image(subject, kind), everywhere.copies[subject][kind]
    assert image.pull == Pull(bytes=copy.pull_bytes(), basis="exact")
    told = [(layer.blob, layer.pull_bytes) for layer in image.layers]
    assert told == [(blob["digest"], blob["size"]) for blob in copy.manifest()["layers"]]


@pytest.mark.parametrize("kind", [ENGINE, SAVED, SKOPEOS_ARCHIVE])
@pytest.mark.parametrize("subject", MADE)
def test_pull_is_estimated_as_gzip_packs(everywhere: Everywhere, subject: str, kind: str) -> None:
    """Where the layers are not compressed, the pull is near what `gzip -6` makes of them."""
    image, config = everywhere.image(subject, kind), everywhere.config_bytes(subject)
    assert image.pull is not None
    if kind != SKOPEOS_ARCHIVE and everywhere.engine.identity.store == "containerd":  # it saves what it was given
        assert image.pull == Pull(bytes=copies.stored_bytes(everywhere.folder / subject / "saved.tar"), basis="exact")
    else:
        assert image.pull.basis == "estimated"
        assert image.pull.bytes == pytest.approx(config + sum(everywhere.gzip_bytes(subject).values()), rel=MAX_ERROR)


@pytest.mark.parametrize("kind", [LAYOUT, REGISTRY])
def test_cost_is_the_blobs_that_are_new(everywhere: Everywhere, kind: str) -> None:
    """A node that has one image pulls for the next what the manifest has and the other's has not, and the config."""
    before, after = (everywhere.copies[name][kind].manifest() for name in (BEFORE, AFTER))
    there = {blob["digest"] for blob in before["layers"]}
    new = {blob["digest"]: blob["size"] for blob in after["layers"] if blob["digest"] not in there}
    found = difference.subtract_images("x", everywhere.image(BEFORE, kind), everywhere.image(AFTER, kind))
    assert 0 < len(new) < len(after["layers"]) - 1
    assert found.cost == Pull(bytes=sum(new.values()) + after["config"]["size"], basis="exact")


def test_cost_is_estimated_as_gzip_packs(everywhere: Everywhere) -> None:
    """Where the layers are not compressed, what is new is near what `gzip -6` makes of it."""
    before, after = (everywhere.image(name, SKOPEOS_ARCHIVE) for name in (BEFORE, AFTER))
    cost = difference.subtract_images("x", before, after).cost
    there = {layer.diff_id for layer in before.layers}
    packed = sum(size for diff_id, size in everywhere.gzip_bytes(AFTER).items() if diff_id not in there)
    assert cost is not None
    assert cost.basis == "estimated"
    assert cost.bytes == pytest.approx(packed + everywhere.config_bytes(AFTER), rel=MAX_ERROR)


@pytest.mark.parametrize("name", AWKWARD)
def test_files_are_those_that_umoci_unpacks(everywhere: Everywhere, tmp_path: Path, name: str) -> None:
    """What is seen of a layout's image is what umoci unpacks from it, each path and each size."""
    copies.need("umoci")
    layout = everywhere.folder / name / "layout"
    unpacked = copies.on_disk(copies.unpacked(layout, copies.TAG, tmp_path / "bundle"))
    assert everywhere.image(name, LAYOUT).live_bytes == unpacked.live_bytes
    location = everywhere.location(name, LAYOUT)
    view = filesystem.stack(dict(opener.read([location], Means(cache=Cache(tmp_path))))[location].layers)
    assert {path: view.get_size(number) for path, number in view.iterate_files()} == unpacked.files


def test_image_that_umoci_changed(everywhere: Everywhere, tmp_path: Path) -> None:
    """A layer that umoci wrote, with whiteouts, hard links and changed modes, gives what it leaves on disk."""
    copies.need("umoci")
    layout = everywhere.folder / TREE / "layout"
    root = copies.unpacked(layout, copies.TAG, tmp_path / "bundle")
    (root / "d" / "one").unlink()
    (root / "d" / "two").write_bytes(b"x" * 5000)
    (root / "linked").hardlink_to(root / "d" / "two")
    (root / "d" / "inner" / "three").chmod(0o600)
    (root / "d" / "other").rename(root / "another")
    copies.run("umoci", "repack", "--image", f"{layout}:changed", tmp_path / "bundle")
    location = parse(f"oci:{layout}#changed")
    (image,) = weigh.weigh({"x": location}, tmp_path, cache=Cache(tmp_path)).report.images
    *before, last = image.layers
    assert [layer.diff_id for layer in before] == [layer.diff_id for layer in everywhere.image(TREE, LAYOUT).layers]
    assert image.live_bytes == copies.on_disk(root).live_bytes
    assert last.shipped_bytes == 5000 + 70_001 + 10_000
    assert {(row.cause, row.bytes, row.path) for row in image.waste if row.killed_by == last.index} == {
        ("deleted-file", 300_000, "/d/one"),
        ("replaced", 1, "/d/two"),
        ("metadata-only", 70_001, "/d/inner/three"),
        ("deleted-directory", 10_000, "/d/other"),
    }
