"""Sources are alike: the same image has the same content from each, and each fails in the same way."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import pytest

from tests.support.images import LAYOUTS, Entry, ImageSpec, OciBlobs, named, tar_of
from tests.support.layerdb import Layerdb
from tests.support.registries import Registry, Request
from tests.support.shelf import Shelf
from weighbridge.cache import Cache
from weighbridge.engine.protocol import Engine
from weighbridge.errors import NoEngine, NoSuchImage, SettingsError, UnreadableImage, WeighbridgeError
from weighbridge.image import weighing
from weighbridge.image.content import ImageContent
from weighbridge.image.layer import LayerContent
from weighbridge.model.engine import DataRoot, LocalImage
from weighbridge.sources import opener
from weighbridge.sources.local.containerd import CONTENT
from weighbridge.sources.locations import ARCHIVE, DOCKER, OCI, REGISTRY, Location
from weighbridge.sources.opener import SOURCES, Means, parse
from weighbridge.sources.processes.pool import Pool

SYSTEM, TOOLS = (Entry("os", b"1" * 9000), Entry("etc/a", b"22")), (Entry("b", b"333"), Entry(".wh.os"))
APP = (Entry("app/main.py", bytes(range(256)) * 40),)
FIRST = ImageSpec(tags=("x:first",), layers=(SYSTEM, TOOLS), labels={"a": "b"})
SECOND = ImageSpec(tags=("x:second",), layers=(SYSTEM, APP), history=({"created_by": "ADD x in /"},))


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where FIRST and SECOND are."""

    locate: Callable[[str], Location]
    """Return where the image of a tag is, such as `first`."""
    engine: Engine | None = None
    requests: Sequence[Request] = ()
    """What a registry there was asked for so far."""

    def read(self, folder: Path, *tags: str, told: Callable[[int], None] = lambda _: None) -> list[ImageContent]:
        """Return the images of these tags, by what a cache folder knows."""
        locations = [self.locate(tag) for tag in tags]
        means = Means(cache=Cache(folder), engine=self.engine, on_progress=told, local_store=True, processes=2)
        found = dict(opener.read(locations, means))
        return [found[location] for location in locations]


class Cut(Shelf):
    """An engine whose stream ends too early."""

    @contextmanager
    def save(self, references: Sequence[str]) -> Iterator[BinaryIO]:
        """Yield the first bytes of the stream."""
        with super().save(references) as stream:
            yield io.BytesIO(stream.read(4000))


@contextmanager
def on_an_engine(_folder: Path, layout: str = "docker_25", *, damaged: bool) -> Iterator[Place]:
    """Keep the images in an engine."""
    shelf = (Cut if damaged else Shelf)([FIRST, SECOND], layout)
    yield Place(locate=lambda tag: Location(DOCKER, f"x:{tag}"), engine=cast("Engine", shelf))


class Mute(Shelf):
    """An engine whose folder is on this machine, and that saves nothing."""

    @contextmanager
    def save(self, references: Sequence[str]) -> Iterator[BinaryIO]:
        """Fail: all that is wanted lies in the folder."""
        assert not references, "they were asked for"
        yield io.BytesIO()


@contextmanager
def in_the_folder_of_an_engine(folder: Path, *, damaged: bool) -> Iterator[Place]:
    """Keep the images in an engine's own folder; where that is damaged, the engine's stream is, too."""
    kept, shelf = Layerdb(folder / "root"), (Cut if damaged else Mute)([FIRST, SECOND], "docker_25")
    for spec in (FIRST, SECOND):
        kept.add(spec)
    shelf.data_root = DataRoot(path=str(kept.folder), store="overlay2")
    for path in kept.folder.rglob("main.py") if damaged else ():
        path.unlink()
    yield Place(locate=lambda tag: Location(DOCKER, f"x:{tag}"), engine=cast("Engine", shelf))


class Containerds(Mute):
    """An engine that keeps its images in a containerd's content folder, and saves nothing; if damaged, it cuts off."""

    def __init__(self, folder: Path, *, damaged: bool) -> None:
        super().__init__([FIRST, SECOND], "containerd")
        self.data_root, self._damaged = DataRoot(path=str(folder), store="containerd"), damaged
        blobs = OciBlobs()
        self._digests = {spec.tags[0]: blobs.add_image(spec)["digest"] for spec in (FIRST, SECOND)}
        if damaged:
            spoil(blobs.by_digest)
        for digest, data in blobs.by_digest.items():
            path = folder / "containerd/daemon" / CONTENT / "blobs" / digest.replace(":", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def inspect_image(self, reference: str) -> LocalImage:
        """Return an image, whose id is the digest of its manifest."""
        found = super().inspect_image(reference)
        return replace(found, id=self._digests[reference])

    @contextmanager
    def save(self, references: Sequence[str]) -> Iterator[BinaryIO]:
        """Yield the first bytes of a stream, if the folder is damaged."""
        cut = Cut([FIRST, SECOND], "docker_25")
        with cut.save(references) if self._damaged else super().save(references) as stream:
            yield stream


@contextmanager
def in_the_folder_of_a_containerd(folder: Path, *, damaged: bool) -> Iterator[Place]:
    """Keep the images in the content folder of an engine's containerd; where that is damaged, the stream is, too."""
    shelf = Containerds(folder / "root", damaged=damaged)
    yield Place(locate=lambda tag: Location(DOCKER, f"x:{tag}"), engine=cast("Engine", shelf))


@contextmanager
def on_containerd(folder: Path, *, damaged: bool) -> Iterator[Place]:
    """Keep the images in an engine with the containerd store."""
    with on_an_engine(folder, "containerd", damaged=damaged) as place:
        yield place


@contextmanager
def in_an_archive(folder: Path, *, damaged: bool) -> Iterator[Place]:
    """Keep the images in one archive, as `docker save` writes it."""
    data, path = tar_of(LAYOUTS["docker_20"]([FIRST, SECOND])), folder / "saved.tar"
    path.write_bytes(data[:4000] if damaged else data)
    yield Place(locate=lambda tag: Location(ARCHIVE, str(path), f"x:{tag}"))


def layout(*, damaged: bool) -> dict[str, bytes]:
    """Return the files of an OCI layout."""
    blobs = OciBlobs()
    images = [{**blobs.add_image(spec), **named(spec.tags[0].partition(":")[2])} for spec in (FIRST, SECOND)]
    files = blobs.files(*images)
    if damaged:
        spoil(files)
    return files


def spoil(blobs: dict[str, bytes]) -> None:
    """Flip a bit in the middle of every blob that is gzip."""
    for name, data in blobs.items():
        if data[:2] == b"\x1f\x8b":
            at = len(data) // 2
            blobs[name] = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@contextmanager
def in_a_layout(folder: Path, *, damaged: bool) -> Iterator[Place]:
    """Keep the images in an OCI layout, a folder."""
    for name, data in layout(damaged=damaged).items():
        (folder / "layout" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "layout" / name).write_bytes(data)
    yield Place(locate=lambda tag: Location(OCI, str(folder / "layout"), tag))


@contextmanager
def in_a_layout_in_a_file(folder: Path, *, damaged: bool) -> Iterator[Place]:
    """Keep the images in an OCI layout in a tar archive."""
    path = folder / "layout.tar"
    path.write_bytes(tar_of([Entry(name, data) for name, data in layout(damaged=damaged).items()]))
    yield Place(locate=lambda tag: Location(OCI, str(path), tag))


@contextmanager
def in_a_registry(_folder: Path, *, damaged: bool) -> Iterator[Place]:
    """Keep the images in a registry, and speak HTTP to it."""
    blobs = OciBlobs()
    tags = {spec.tags[0].partition(":")[2]: blobs.add_image(spec) for spec in (FIRST, SECOND)}
    if damaged:
        spoil(blobs.by_digest)
    with Registry(blobs, tags) as running:
        yield Place(locate=lambda tag: Location(REGISTRY, f"{running.host}/x:{tag}"), requests=running.requests)


class Keep(Protocol):
    """Puts the images somewhere."""

    def __call__(self, folder: Path, /, *, damaged: bool) -> AbstractContextManager[Place]:
        """Return where they are for a while."""


PLACES: Mapping[str, tuple[str, Keep]] = {
    "engine": (DOCKER, on_an_engine),
    "engine's folder": (DOCKER, in_the_folder_of_an_engine),
    "containerd": (DOCKER, on_containerd),
    "containerd's folder": (DOCKER, in_the_folder_of_a_containerd),
    "archive": (ARCHIVE, in_an_archive),
    "layout": (OCI, in_a_layout),
    "layout in a file": (OCI, in_a_layout_in_a_file),
    "registry": (REGISTRY, in_a_registry),
}
LAZY = ["containerd's folder", "layout", pytest.param("registry", marks=pytest.mark.services)]
"""Places that give each image as soon as it is read."""
MARKED = [pytest.param(name, marks=[pytest.mark.services] if name == "registry" else []) for name in PLACES]


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the user's logins and proxies out."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(params=MARKED)
def kind(request: pytest.FixtureRequest) -> str:
    """Return the name of each kind of place, one after the other."""
    return str(request.param)


@pytest.fixture
def place(kind: str, tmp_path: Path) -> Iterator[Place]:
    """Put the images there."""
    with PLACES[kind][1](tmp_path, damaged=False) as made:
        yield made


@pytest.fixture(params=["here", "in processes"], autouse=True)
def reads_in_processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Read layers one after the other, or several at once, however small they are; return whether several at once."""
    at_once = bool(request.param == "in processes")
    monkeypatch.setattr(Pool, "is_worthwhile", lambda _, sizes: at_once and len([*sizes]) > 1)
    return at_once


def plain(content: ImageContent) -> dict[str, Any]:
    """Return what does not depend on where an image is: all but names, and how its bytes are packed there."""

    def unpacked(layer: LayerContent) -> LayerContent:
        return replace(layer, deflated_bytes=0)

    kept = {name: getattr(content, name) for name in ("platform", "diff_ids", "history", "labels", "working_dir")}
    return kept | {"layers": [unpacked(layer) for layer in content.layers]}


def test_every_source_is_tried() -> None:
    """Each row of the table has a place here."""
    assert {source for source, _ in PLACES.values()} == set(SOURCES)


def test_content_is_the_same_everywhere(place: Place, tmp_path: Path) -> None:
    """An image has the layers, history and labels that it was written with, and so the same figures, in any order."""
    with in_an_archive(tmp_path, damaged=False) as reference:
        expected = reference.read(tmp_path / "reference", "first", "second")
    found = place.read(tmp_path / "cache", "second", "first", "second")
    assert [plain(each) for each in found] == [plain(expected[1]), plain(expected[0]), plain(expected[1])]
    assert [each.diff_ids for each in expected] == [FIRST.diff_ids, SECOND.diff_ids]
    for content, spec in zip(found, (SECOND, FIRST, SECOND), strict=True):
        assert tuple((layer.shipped_bytes, layer.file_count) for layer in content.layers) == spec.figures
        assert len(content.blobs) == len(content.layers)
        image = weighing.weigh("x", "y", content, None).image
        assert image.shipped_bytes == sum(row.bytes for row in image.ledger) == sum(size for size, _ in spec.figures)
        assert image.wasted_bytes == (9000 if spec is FIRST else 0)


def test_what_is_known_stays_the_same(place: Place, tmp_path: Path) -> None:
    """Layers are kept, and what is made of kept ones is what was read; nothing is read twice that need not be."""
    first, second = list[int](), list[int]()
    before = place.read(tmp_path / "cache", "first", "second", told=first.append)
    assert all(Cache(tmp_path / "cache").has_layer(each) for each in (*FIRST.diff_ids, *SECOND.diff_ids))
    assert place.read(tmp_path / "cache", "first", "second", told=second.append) == before
    assert max(second, default=0) <= max(first, default=0)


@pytest.mark.parametrize("kind", LAZY)
def test_layer_that_images_share_is_read_once(place: Place, tmp_path: Path) -> None:
    """Two images that are asked for together take fewer bytes than each by itself."""
    together, first, second = list[int](), list[int](), list[int]()
    place.read(tmp_path / "first", "first", told=first.append)
    place.read(tmp_path / "second", "second", told=second.append)
    place.read(tmp_path / "together", "first", "second", told=together.append)
    assert max(first[-1], second[-1]) < together[-1] < first[-1] + second[-1]
    assert together == sorted(together)


@pytest.mark.parametrize("kind", LAZY)
def test_image_comes_before_the_next_is_read(place: Place, tmp_path: Path) -> None:
    """Its figures can be worked out meanwhile, its layers are known by then, and nothing more has to be read."""
    cache = Cache(tmp_path / "cache")
    images = opener.read(
        [place.locate("first"), place.locate("second")], Means(cache=cache, engine=place.engine, local_store=True)
    )
    complete = next(images)[1].diff_ids
    images.close()
    known = {each for each in (*FIRST.diff_ids, *SECOND.diff_ids) if cache.has_layer(each)}
    assert known == {*complete}


@pytest.mark.services
def test_layers_known_from_a_registry(place: Place, tmp_path: Path) -> None:
    """There layers are not estimated, but their own sizes are known: where they are not, the figures are the same."""
    expected = place.read(tmp_path / "fresh", "first", "second")
    with in_a_registry(tmp_path, damaged=False) as registry:
        registry.read(tmp_path / "cache", "first", "second")
    found = place.read(tmp_path / "cache", "first", "second")
    for one, other in zip(found, expected, strict=True):
        assert plain(one) == plain(other)
        figures = [weighing.weigh("x", "y", content, None).image for content in (one, other)]
        assert figures[0] == figures[1]
        assert None not in [layer.pull_bytes for layer in figures[0].layers]


@pytest.mark.services
def test_known_image_takes_one_request(tmp_path: Path) -> None:
    """A registry is asked for what has the name, and for nothing else."""
    with in_a_registry(tmp_path, damaged=False) as place:
        before = place.read(tmp_path / "cache", "first")
        count = len(place.requests)
        assert place.read(tmp_path / "cache", "first") == before
        assert [each.kind for each in place.requests[count:]] == ["manifests"]


def test_image_that_is_not_there(place: Place, tmp_path: Path) -> None:
    """A name that the place does not have is an error on one line with exit code 3, and nothing of it is kept."""
    with pytest.raises(NoSuchImage) as caught:
        place.read(tmp_path / "cache", "third")
    assert caught.value.exit_code == 3
    assert "third" in caught.value.message
    assert str(caught.value).isprintable()


def test_image_that_is_damaged(kind: str, tmp_path: Path) -> None:
    """Damaged bytes are an error that says so, never a figure, and nothing wrong is kept."""
    with PLACES[kind][1](tmp_path, damaged=True) as place:
        with pytest.raises(UnreadableImage) as caught:
            place.read(tmp_path / "cache", "second")
        assert caught.value.exit_code == 3
        assert str(caught.value).isprintable()
    with in_an_archive(tmp_path, damaged=False) as sound:
        whole = sound.read(tmp_path / "other", "second")[0]
    known = [Cache(tmp_path / "cache").read_layer(each) for each in whole.diff_ids]
    assert all(kept is None or kept == layer for kept, layer in zip(known, whole.layers, strict=True))


@pytest.mark.parametrize(
    "location",
    [
        Location(ARCHIVE, "/nowhere/saved.tar"),
        Location(OCI, "/nowhere/layout"),
        pytest.param(Location(REGISTRY, "127.0.0.1:1/x:1"), marks=pytest.mark.services),
    ],
    ids=lambda location: location.source,
)
def test_place_that_is_not_there(location: Location, tmp_path: Path) -> None:
    """A missing file, folder or host is an error on one line with something to do, with exit code 3."""
    with pytest.raises(WeighbridgeError) as caught:
        dict(opener.read([location], Means(cache=Cache(tmp_path))))
    assert caught.value.exit_code == 3
    assert caught.value.advice
    assert str(caught.value).isprintable()


def test_no_engine(tmp_path: Path) -> None:
    """An engine's image needs one."""
    with pytest.raises(NoEngine):
        dict(opener.read([Location(DOCKER, "x:1")], Means(cache=Cache(tmp_path))))


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("docker:x:1", Location(DOCKER, "x:1")),
        ("docker:h:5000/x#y", Location(DOCKER, "h:5000/x#y")),
        ("archive:a=b.tar#x:1", Location(ARCHIVE, "a=b.tar", "x:1")),
        ("oci:folder", Location(OCI, "folder")),
        ("oci:folder#", Location(OCI, "folder")),
        ("registry:h/x@sha256:0", Location(REGISTRY, "h/x@sha256:0")),
    ],
)
def test_locations(text: str, location: Location) -> None:
    """A source stands before the first colon; a name follows a file or a folder alone."""
    assert opener.has_source(text)
    assert parse(text) == location


@pytest.mark.parametrize("text", ["", "x", "x:1", "docker:", "archive:", "Docker:x", "podman:x"])
def test_no_location(text: str) -> None:
    """A text that names no source, or nothing behind it, is refused with all forms that there are."""
    with pytest.raises(SettingsError) as caught:
        parse(text)
    forms = re.split(", | or ", caught.value.advice.removeprefix("Write ").removesuffix("."))
    assert forms == [f"{name}:{row.form}" for name, row in SOURCES.items()]
    assert {"docker:REFERENCE", "archive:FILE[#NAME]", "registry:HOST/NAME[:TAG]"} < {*forms}


@pytest.mark.parametrize("source", [ARCHIVE, OCI])
@pytest.mark.parametrize("name", ["x" * 300, "y/" * 3000], ids=["name", "path"])
def test_path_that_no_file_can_have(tmp_path: Path, source: Any, name: str) -> None:
    """A text that can be no path is an error of the source, on one line."""
    with pytest.raises(UnreadableImage, match="cannot be read: ") as caught:
        dict(opener.read([Location(source, name)], Means(cache=Cache(tmp_path))))
    assert "\n" not in str(caught.value)
