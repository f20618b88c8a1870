"""Layers as no builder writes them but some tool might, loaded into the real engine: it unpacks them, and we read them.

What the engine makes of them is the expected value, so these are only layers that the engine accepts.
"""

from __future__ import annotations

import io
import os
import secrets
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live import evidence
from tests.support import images
from tests.support.images import Entry, ImageSpec
from weighbridge.cache import Cache
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine
from weighbridge.errors import EngineError, EngineFault
from weighbridge.image import filesystem
from weighbridge.image.filesystem import Filesystem
from weighbridge.sources import archive_members, daemon
from weighbridge.sources.archive import Archive
from weighbridge.sources.tar.layer import read_layer

pytestmark = pytest.mark.engine

OPAQUE = Entry("d/.wh..wh..opq")
Layers = tuple[tuple[Entry, ...], ...]


def file(name: str, size: int, content: bytes = b"x") -> Entry:
    """Return a regular file."""
    return Entry(name, content * size)


def folder(name: str) -> Entry:
    """Return a directory."""
    return Entry(name, type=tarfile.DIRTYPE)


def link(name: str, target: str) -> Entry:
    """Return a symbolic link."""
    return Entry(name, type=tarfile.SYMTYPE, target=target)


def hard(name: str, target: str) -> Entry:
    """Return a hard link."""
    return Entry(name, type=tarfile.LNKTYPE, target=target)


LOWER = (folder("d"), file("d/a", 1000), folder("d/b"), file("d/b/c", 2000), folder("e"), file("e/f", 4000))
LINKED = (folder("real"), file("real/x", 1000), link("link", "real"))
LOADED: Mapping[str, Layers] = {
    "opaque-first": (LOWER, (folder("d"), OPAQUE, file("d/new", 10))),
    "opaque-last": (LOWER, (folder("d"), file("d/new", 10), OPAQUE)),
    "opaque-amid-names-of-before": (LOWER, (folder("d"), file("d/a", 5), OPAQUE, folder("d/b"), file("d/b/new", 10))),
    "opaque-of-what-is-new": (LOWER, (folder("n"), Entry("n/.wh..wh..opq"), file("n/a", 7))),
    "opaque-twice": (LOWER, (folder("d"), OPAQUE, file("d/a", 11)), (folder("d"), OPAQUE, file("d/b", 12))),
    "whiteout-then-the-name": (LOWER, (folder("d"), Entry("d/.wh.a"), file("d/a", 10))),
    "whiteout-of-directory": (LOWER, (folder("d"), Entry("d/.wh.b"))),
    "whiteout-of-nothing": (LOWER, (folder("d"), Entry("d/.wh.nothing"))),
    "whiteout-in-the-root": (LOWER, (Entry(".wh.d"), Entry("./.wh.e"))),
    "whiteout-without-its-folder": (LOWER, (Entry("d/b/.wh.c"),)),
    "whiteout-of-link": (LINKED, (Entry(".wh.link"),)),
    "whiteout-then-link-of-the-name": (LOWER, (folder("d"), Entry("d/.wh.a"), link("d/a", "/e/f"))),
    "whiteout-below-link": (LINKED, (Entry("link/.wh.x"),)),
    "whiteout-below-own-link": (LINKED, (folder("real"), link("link", "/real"), Entry("link/.wh.x"))),
    "opaque-below-link": (LINKED, (Entry("link/.wh..wh..opq"),)),
    "file-over-directory": (LOWER, (file("d", 10),)),
    "directory-over-file": (LOWER, (folder("d"), folder("d/a"), file("d/a/inner", 10))),
    "link-over-directory": (LOWER, (link("d", "e"),)),
    "directory-over-link": (LINKED, (folder("link"), file("link/y", 10))),
    "through-link-below": (LINKED, (file("link/y", 10),)),
    "through-own-link": ((*LINKED, file("link/y", 10)),),
    "through-own-absolute-link": ((folder("real"), folder("d"), link("d/l", "/real"), file("d/l/y", 10)),),
    "through-link-to-link": ((*LINKED, link("again", "link"), file("again/x", 3)),),
    "same-layer-again": (LOWER, (Entry(".wh.d"),), LOWER),
    "directory-after-its-files": ((file("x/y/z", 1000), folder("x/y"), folder("x")),),
    "hard-links": ((file("a", 1000), hard("b", "a"), hard("c", "b"), folder("d"), hard("d/e", "./a")),),
    "hard-links-across-folders": ((file("p/q/a", 1000), hard("z/y/b", "p/q/a"), hard("c", "z/y/b")), (Entry(".wh.p"),)),
    "hard-links-deleted-one-by-one": ((file("a", 1000), hard("b", "a")), (Entry(".wh.a"),), (Entry(".wh.b"),)),
    "hard-link-to-link": ((file("a", 1000), link("l", "a"), hard("m", "l")),),
    "hard-link-through-link": ((*LINKED, hard("h", "link/x")),),
    "names-with-dots": ((file("./a", 1), file("d/./b", 2), file("d//c", 4), file("d/e/../f", 8), folder("./")),),
    "absolute-names": ((folder("/d"), file("/d/a", 1000), file("/b", 10)), (Entry("/d/.wh.a"),)),
    "names-above-the-root": ((folder("d"), file("d/../a", 1000)),),
    "odd-bytes": ((file("\udcff\udcfe", 10), file("e\u0301", 20), file("\u00e9", 40)), (Entry(".wh.\udcff\udcfe"),)),
    "markers-of-drivers": (LOWER, (folder(".wh..wh.plnk"), Entry(".wh..wh.aufs"), file("a", 10))),
    "nothing": ((), LOWER, ()),
}
REPEATED: Mapping[str, tuple[Entry, ...]] = {
    "file-twice": (file("a", 1000), file("b", 5), file("a", 10)),
    "file-twice-the-same": (file("a", 1000), file("b", 5), file("a", 1000)),
    "directory-then-file": (folder("x"), file("x/y", 1000), file("x", 10)),
    "file-then-directory": (file("x", 1000), folder("x"), file("x/y", 10)),
    "hard-link-then-other-target": (file("a", 1000), hard("b", "a"), file("a", 10)),
    "hard-link-over-file": (file("a", 1000), file("b", 500), hard("b", "a")),
    "link-then-file": (file("a", 1000), link("l", "a"), file("l", 10)),
}


BEHIND_LINKS = frozenset({"through-own-link", "through-own-absolute-link", "through-link-to-link"})
"""Layers with members that the engine unpacks behind links of the same layer. Nothing is opened through a link here,
and some engines cannot save such images themselves."""
SPARSE = ("--format=gnu", "--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0")


@dataclass(frozen=True, slots=True)
class Loaded:
    """All images, as the engine has them and as they were read."""

    engine: DockerEngine
    folder: Path
    references: Mapping[str, str]
    views: Mapping[str, Filesystem]


@pytest.fixture(scope="module")
def loaded(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    """Write all images into one archive, load it into the engine, and read it."""
    repository = f"weighbridge-test-{os.getpid()}-{secrets.token_hex(3)}"
    references = {name: f"{repository}:{name}" for name in LOADED}
    specs = [ImageSpec(tags=(references[name],), layers=layers) for name, layers in LOADED.items()]
    data, client = images.tar_of(images.docker_20(specs)), docker_cli.find()
    try:
        words = [str(client.path), "load", "--quiet"]
        subprocess.run(words, input=data, env=client.build_environment(engine.host), check=True, capture_output=True)
        read = Archive(archive_members.read(io.BytesIO(data)))
        views = {
            name: filesystem.stack(read.assemble_image(reference).layers) for name, reference in references.items()
        }
        yield Loaded(engine, tmp_path_factory.mktemp("loaded"), references, views)
    finally:
        for reference in references.values():
            with suppress(EngineError):
                engine.remove_image(reference)


@pytest.mark.parametrize("name", LOADED)
def test_files_are_those_of_an_export(loaded: Loaded, name: str) -> None:
    """The engine unpacks the layers to the same files, paths and sizes, and they weigh what it exports."""
    exported = evidence.exported(loaded.engine, loaded.references[name], loaded.folder / "export.tar")
    assert sizes(loaded.views[name]) == exported.files
    assert sum(loaded.views[name].sum_live_bytes()) == exported.live_bytes


@pytest.mark.parametrize("name", LOADED)
def test_folder_of_the_engine_gives_what_its_stream_gives(loaded: Loaded, tmp_path: Path, name: str) -> None:
    """Each column of each layer is the same, read in the engine's folder or asked for.

    Only where the folder has unpacked files do links in their way send us back; containerd keeps the archives.
    """
    engine, reference, told = loaded.engine, loaded.references[name], list[str]()
    try:
        streamed = dict(daemon.read(engine, [reference], Cache(tmp_path / "stream")))
    except EngineFault:
        assert name in BEHIND_LINKS
        pytest.skip("the engine itself cannot save it")
    found = dict(daemon.read(engine, [reference], Cache(tmp_path), local_store=True, on_note=told.append))
    assert found == streamed
    if not os.access(engine.data_root.path, os.R_OK):
        pytest.skip("this user may not read the engine's folder")
    unpacked = engine.data_root.store == "overlay2"
    assert told[0].startswith("Read in ") is (not unpacked or name not in BEHIND_LINKS), told


@pytest.mark.parametrize("name", REPEATED)
def test_files_are_those_that_gnu_tar_unpacks(tmp_path: Path, name: str) -> None:
    """Of names that an archive holds twice the last one counts. The engine refuses such layers, GNU tar does not."""
    check(images.tar_of(REPEATED[name]), tmp_path)


@pytest.mark.parametrize("form", SPARSE)
def test_sparse_files_are_those_that_gnu_tar_unpacks(tmp_path: Path, form: str) -> None:
    """A file with holes has the size that it says, in each of four ways of saying it, and what follows it is found."""
    with (tmp_path / "sparse").open("wb") as holes:
        for place in range(0, 400_000, 20_000):
            holes.seek(place)
            holes.write(b"data")
        holes.truncate(512_345)
    (tmp_path / "after").write_bytes(b"x" * 777)
    words = ["tar", "--create", "--sparse", form, "--directory", str(tmp_path), "sparse", "after"]
    layer = subprocess.run(words, check=True, capture_output=True).stdout
    assert len(layer) < 512_345
    check(layer, tmp_path / "unpacked")


def check(layer: bytes, folder: Path) -> None:
    """Hold one layer, and what is seen of it, against what GNU tar unpacks from it."""
    folder.mkdir(exist_ok=True)
    words = ["tar", "--extract", "--recursive-unlink", "--directory", str(folder)]
    subprocess.run(words, input=layer, check=True, capture_output=True)
    found = {str(path.relative_to(folder)): path.lstat() for path in folder.rglob("*") if path.is_file()}
    view = filesystem.stack([read_layer(io.BytesIO(layer), layer[:512]).content])
    assert sizes(view) == {name: status.st_size for name, status in found.items()}
    assert sum(view.sum_live_bytes()) == sum({status.st_ino: status.st_size for status in found.values()}.values())


def sizes(view: Filesystem) -> Mapping[str, int]:
    """Return the size of each file that is seen, by its path."""
    return {path: view.get_size(number) for path, number in view.iterate_files()}
