"""Images in the folders of overlay2: what their own archives give, or an error, and nothing opened through a link."""

from __future__ import annotations

import base64
import gzip
import io
import random
import subprocess
import tarfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import layerdb
from tests.support.images import Entry, ImageSpec, docker_20, hexdigest, tar_of
from tests.support.layerdb import Layerdb
from weighbridge.cache import Cache
from weighbridge.errors import LimitExceeded
from weighbridge.image.content import ImageContent
from weighbridge.model.engine import LocalImage
from weighbridge.model.limits import Limits
from weighbridge.sources import archive_members
from weighbridge.sources.archive import Archive
from weighbridge.sources.local.beneath import Beneath, Unavailable
from weighbridge.sources.local.overlay2 import Overlay2, compute_chain_ids
from weighbridge.sources.local.reading import Reading
from weighbridge.sources.processes.child import Tell
from weighbridge.sources.processes.pool import Pool
from weighbridge.sources.tar.headers import DamagedArchive, Header
from weighbridge.sources.tar.layer import Watch

STATUS = Entry("var/lib/dpkg/status", b"Package: x\nStatus: install ok installed\nVersion: 1\n\n")
LOWER = (Entry("d", type=tarfile.DIRTYPE), Entry("d/a", bytes(range(256)) * 2000), STATUS, Entry("empty"))
ODD = (
    Entry("hard", type=tarfile.LNKTYPE, target="same/x"),
    Entry("soft", type=tarfile.SYMTYPE, target="/etc/passwd"),
    Entry("\udcff\udcfe", b"odd"),
    Entry("pax/" + "n" * 180, b"long", attribute="user.x"),
    Entry("d/.wh.a"),
    Entry("d/.wh..wh..opq"),
    Entry("./p/../dots", b"dots"),
)
SPEC = ImageSpec(tags=("x:1",), layers=(LOWER, (Entry("same/x", b"1" * 400), *ODD), LOWER), labels={"a": "b"})


def streamed(spec: ImageSpec) -> ImageContent:
    """Return what the stream of an engine gives."""
    saved = archive_members.read(io.BytesIO(tar_of(docker_20([spec]))), verified=False)
    return Archive(saved).assemble_image(spec.tags[0])


def read(kept: Layerdb, image: LocalImage, reading: Reading | None = None, *, processes: int = 1) -> ImageContent:
    """Read an image in a data root."""
    reading = reading or Reading(cache=Cache(kept.folder / "cache"))
    with Beneath.open_root(str(kept.folder)) as root, Pool(processes, least_bytes=0) as pool:
        images = Overlay2(root, replace(reading, pool=pool))
        images.begin(str(kept.folder), {image.reference: image})
        return images.read(image.reference, image)


@pytest.mark.parametrize("processes", [1, 2])
def test_image_is_the_one_of_the_stream(tmp_path: Path, processes: int) -> None:
    """Every column of every layer, the config and the labels are those of the saved archive, odd members included."""
    told = list[int]()
    kept = Layerdb(tmp_path)
    reading = Reading(cache=Cache(tmp_path / "cache"), on_progress=told.append)
    found = read(kept, kept.add(SPEC), reading, processes=processes)
    assert found == streamed(SPEC)
    assert found.layers[0].documents
    assert found.blobs == (None, None, None)
    assert told == sorted(told)
    assert told[-1] == sum(len(archive) for archive in {*SPEC.archives})


@pytest.mark.parametrize("names", [["sparse"], ["sparse", "important"]])
@pytest.mark.parametrize("form", ["gnu", "0.0", "0.1", "1.0"])
def test_sparse_files(tmp_path: Path, form: str, names: list[str]) -> None:
    """An archive that leaves holes out is refused: of such a file, Docker keeps what it is when unpacked."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "important").write_bytes(b"i" * 600)
    with (folder / "sparse").open("wb") as holes:
        for place in range(0, 200_000, 20_000):
            holes.seek(place)
            holes.write(b"data")
    option = "--format=gnu" if form == "gnu" else f"--sparse-version={form}"
    words = ["tar", "--create", "--sparse", option, "--directory", str(folder), *names]
    archive = subprocess.run(words, check=True, capture_output=True).stdout
    kept, diff_id = Layerdb(tmp_path / "root"), f"sha256:{hexdigest(archive)}"
    spec = ImageSpec(tags=("x:1",), layers=())
    config = spec.config.replace(b'"diff_ids": []', f'"diff_ids": ["{diff_id}"]'.encode())
    image = LocalImage(
        reference="x:1", id=kept.add_config(config), platform="", diff_ids=(diff_id,), labels={}, user=""
    )
    kept.add_layers([archive])
    with pytest.raises(DamagedArchive, match=r"^the archive leaves holes of a file out"):
        read(kept, image)


@pytest.mark.parametrize("left", range(17))
def test_lines_that_are_missing(tmp_path: Path, left: int) -> None:
    """The reader refuses a tar-split file whose last lines are missing, however many these are."""
    kept = Layerdb(tmp_path)
    image, path = kept.add(SPEC), kept.kept(TOP) / "tar-split.json.gz"
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    assert len(lines) == 17
    path.write_bytes(gzip.compress(b"".join(lines[:left])))
    with pytest.raises((DamagedArchive, EOFError)):
        read(kept, image)


def test_members_that_only_one_of_two_lists(tmp_path: Path) -> None:
    """What the reader takes for the archive's end, as zeros amid it, is not the end of the tar-split file."""
    kept = Layerdb(tmp_path)
    image, path = kept.add(SPEC), kept.kept(TOP) / "tar-split.json.gz"
    entries = layerdb.split(SPEC.archives[1])
    entries[2]["payload"] = layerdb._encode(bytes(512) + base64.b64decode(entries[2]["payload"]))
    path.write_bytes(gzip.compress(layerdb.lines(entries)))
    with pytest.raises(Unavailable, match=r"^a layer's archive has other members than its tar-split file"):
        read(kept, image)


def test_layer_that_images_share_is_read_once(tmp_path: Path) -> None:
    """A layer with the same diff ID under another chain counts for both images, and is read once."""
    told, kept = list[int](), Layerdb(tmp_path)
    other = ImageSpec(tags=("x:2",), layers=((Entry("o", b"o"),), LOWER))
    first, second = kept.add(ImageSpec(tags=("x:1",), layers=(LOWER,))), kept.add(other)
    reading = Reading(cache=Cache(tmp_path / "cache"), on_progress=told.append)
    with Beneath.open_root(str(tmp_path)) as root:
        images = Overlay2(root, reading)
        images.read("x:1", first)
        found = images.read("x:2", second)
    assert found == streamed(other)
    assert told[-1] == sum(len(archive) for archive in other.archives)


def test_images_come_in_the_order_of_their_sizes(tmp_path: Path) -> None:
    """The one with the most to read is begun first, long layers before all others, and known ones are not begun."""
    kept, cache = Layerdb(tmp_path / "root"), Cache(tmp_path / "cache")
    base, long = (Entry("base", bytes(9000)),), (Entry("long", bytes(800_000)),)
    small, other = (Entry("small", bytes(2000)),), (Entry("other", bytes(30_000)),)
    specs = {
        "x:known": ImageSpec(tags=("x:known",), layers=(base,)),
        "x:small": ImageSpec(tags=("x:small",), layers=(base, small, other)),
        "x:large": ImageSpec(tags=("x:large",), layers=(base, (Entry("tiny", b"1"),), long)),
    }
    images = {name: kept.add(spec) for name, spec in specs.items()}
    cache.keep_layer(specs["x:known"].diff_ids[0], streamed(specs["x:known"]).layers[0])
    begun = list[str]()

    class Watched(Pool):
        def submit(self, function: Callable[..., Any], *arguments: Any, on_bytes: Tell) -> Future[Any]:
            begun.append(arguments[1].diff_id)
            return super().submit(function, *arguments, on_bytes=on_bytes)

    with Beneath.open_root(str(kept.folder)) as root, Watched(2, least_bytes=0) as pool:
        there = Overlay2(root, Reading(cache=cache, pool=pool))
        assert there.begin(str(kept.folder), images) == ["x:large", "x:small", "x:known"]
        assert [there.read(name, images[name]) for name in specs] == [streamed(spec) for spec in specs.values()]
    (_, tiny, last), (_, second, third) = specs["x:large"].diff_ids, specs["x:small"].diff_ids
    assert begun == [last, tiny, third, second]


def test_known_layer_is_not_read(tmp_path: Path) -> None:
    """A layer of the cache need not be there any more."""
    kept, cache = Layerdb(tmp_path / "root"), Cache(tmp_path / "cache")
    image = kept.add(SPEC)
    for diff_id, content in zip(SPEC.diff_ids, streamed(SPEC).layers, strict=True):
        cache.keep_layer(diff_id, content)
    for path in (kept.folder / "image/overlay2/layerdb/sha256").iterdir():
        (path / "diff").unlink()
    assert read(kept, image, Reading(cache=cache)) == streamed(SPEC)


def test_chain_ids() -> None:
    """The example of the specification: each ID is the digest of the one below and the layer's own."""
    chain = [*compute_chain_ids(["sha256:a", "sha256:b", "sha256:c"])]
    two = f"sha256:{hexdigest(b'sha256:a sha256:b')}"
    assert chain == ["sha256:a", two, f"sha256:{hexdigest(f'{two} sha256:c'.encode())}"]


TOP = [*compute_chain_ids(SPEC.diff_ids)][1]


def overwrite(path: str, data: bytes) -> Callable[[Layerdb], object]:
    """Return what overwrites a file of the layer in the middle."""
    return lambda kept: (kept.kept(TOP) / path).write_bytes(data)


def plant(kept: Layerdb) -> None:
    """Put a link to a file with the right bytes in the place of one of the layer's."""
    (kept.folder / "elsewhere").write_bytes(b"1" * 400)
    (kept.unpacked(TOP) / "same/x").unlink()
    (kept.unpacked(TOP) / "same/x").symlink_to(kept.folder / "elsewhere")


def plant_folder(kept: Layerdb) -> None:
    """Put a link to a folder with the right file in the place of one of the layer's."""
    (kept.unpacked(TOP) / "same").rename(kept.folder / "elsewhere")
    (kept.unpacked(TOP) / "same").symlink_to(kept.folder / "elsewhere")


def plant_layer(kept: Layerdb) -> None:
    """Put a link to a folder with the right files in the place of the layer's own."""
    place = kept.unpacked(TOP)
    place.rename(kept.folder / "elsewhere")
    place.symlink_to(kept.folder / "elsewhere")


def change_file(kept: Layerdb) -> None:
    """Change one byte of a file."""
    (kept.unpacked(TOP) / "same/x").write_bytes(b"1" * 399 + b"2")


def remove_file(kept: Layerdb) -> None:
    """Remove one file."""
    (kept.unpacked(TOP) / "same/x").unlink()


def remove_split(kept: Layerdb) -> None:
    """Remove the headers."""
    (kept.kept(TOP) / "tar-split.json.gz").unlink()


def exchange_splits(kept: Layerdb) -> None:
    """Give the layer the headers of another one, which are sound."""
    other = kept.kept(SPEC.diff_ids[0]) / "tar-split.json.gz"
    (kept.kept(TOP) / other.name).write_bytes(other.read_bytes())


def change_config(kept: Layerdb) -> None:
    """Change the config."""
    path = kept.folder / "image/overlay2/imagedb/content/sha256" / hexdigest(SPEC.config)
    path.write_bytes(SPEC.config + b" ")


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (overwrite("diff", b"sha256:" + b"0" * 64), "a layer's folder belongs to another layer"),
        (overwrite("cache-id", b"../../elsewhere"), "name of an unknown form"),
        (overwrite("cache-id", b"a" * 300), "cache-id is longer than 256 bytes"),
        (overwrite("cache-id", b""), "name of an unknown form"),
        (overwrite("cache-id", b"0"), "No such file"),
        (overwrite("tar-split.json.gz", gzip.compress(b"{}\n")), "unknown form"),
        (overwrite("tar-split.json.gz", gzip.compress(b"")), "cut off"),
        (overwrite("tar-split.json.gz", b""), "a tar-split file is of an unknown form"),
        (overwrite("tar-split.json.gz", layerdb.lines(layerdb.split(SPEC.archives[1]))), "of an unknown form"),
        (overwrite("tar-split.json.gz", gzip.compress(b"")[:-3]), "EOF|end|ended"),
        (plant, "symbolic links"),
        (plant_folder, "Not a directory|symbolic links"),
        (plant_layer, "Not a directory|symbolic links"),
        (change_file, "a file does not have the bytes that it had in the archive"),
        (remove_file, "No such file"),
        (remove_split, "No such file"),
        (exchange_splits, "No such file"),
        (change_config, "its config is damaged"),
    ],
    ids=lambda each: getattr(each, "__name__", "")[:20],
)
@pytest.mark.parametrize("processes", [1, 2])
def test_what_is_not_right(tmp_path: Path, spoil: Callable[[Layerdb], object], error: str, processes: int) -> None:
    """Whatever is missing, changed, of another form or behind a link ends the reading."""
    kept = Layerdb(tmp_path)
    image = kept.add(SPEC)
    spoil(kept)
    with pytest.raises((Unavailable, DamagedArchive, OSError, EOFError), match=error):
        read(kept, image, processes=processes)


@pytest.mark.parametrize("image_id", ["sha256:../../x", "x:1", "sha512:" + "0" * 64, "sha256:" + "0" * 64])
def test_id_of_another_form(tmp_path: Path, image_id: str) -> None:
    """An id is no path, and one that nothing has is no image."""
    kept = Layerdb(tmp_path)
    kept.add(SPEC)
    image = LocalImage(reference="x", id=image_id, platform="", diff_ids=SPEC.diff_ids, labels={}, user="")
    with pytest.raises((Unavailable, OSError)):
        read(kept, image)


def test_engine_and_config_that_disagree(tmp_path: Path) -> None:
    """A config with other layers than the engine says is not this image's."""
    kept = Layerdb(tmp_path)
    other = kept.add(ImageSpec(tags=("y",), layers=((Entry("o", b"o"),),)))
    image = kept.add(ImageSpec(tags=("x",), layers=(LOWER,)))
    mixed = LocalImage(reference="x", id=image.id, platform="", diff_ids=other.diff_ids, labels={}, user="")
    with pytest.raises(Unavailable, match="other layers than the engine"):
        read(kept, mixed)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("most", [3, sum(each.node_count for each in streamed(SPEC).layers) - 1])
def test_limits(tmp_path: Path, processes: int, most: int) -> None:
    """An image beyond a limit is refused here as well, whether one layer is or only all of them together are."""
    kept = Layerdb(tmp_path)
    image = kept.add(SPEC)
    reading = Reading(cache=Cache(tmp_path / "cache"), limits=Limits(entries=most))
    with pytest.raises(LimitExceeded, match=rf"^x:1 has more than {most} files and folders"):
        read(kept, image, reading, processes=processes)


class Noting:
    """Watches that note the paths of each layer."""

    def __init__(self) -> None:
        self.kept, self.begun = dict[str, list[str]](), 0

    def has(self, diff_id: str) -> bool:
        """Tell whether the layer was kept."""
        return diff_id in self.kept

    def begin(self) -> Watch:
        """Return a watch."""
        self.begun += 1
        return Seen()

    def keep(self, diff_id: str, watch: Watch) -> None:
        """Keep what it saw."""
        assert isinstance(watch, Seen)
        self.kept[diff_id] = watch.paths


class Seen:
    """A watch that notes paths."""

    def __init__(self) -> None:
        self.paths = list[str]()

    def see(self, _index: int, path: str, _header: Header, /) -> int:
        """Note the path."""
        self.paths.append(path)
        return 0

    def look(self, _data: bytes, /) -> None:
        """Look at nothing."""


@pytest.mark.parametrize("processes", [1, 2])
def test_watches_see_each_layer(tmp_path: Path, processes: int) -> None:
    """Each layer that was not inspected yet is, also one that the cache has; a layer that fails is not kept."""
    kept, watches, cache = Layerdb(tmp_path), Noting(), Cache(tmp_path / "cache")
    image = kept.add(SPEC)
    cache.keep_layer(SPEC.diff_ids[0], streamed(SPEC).layers[0])
    assert read(kept, image, Reading(cache=cache, watches=watches), processes=processes) == streamed(SPEC)
    assert watches.kept[SPEC.diff_ids[0]] == ["d", "d/a", "var/lib/dpkg/status", "empty"]
    assert watches.begun == len(watches.kept) == 2
    change_file(kept)
    again = Noting()
    with pytest.raises(DamagedArchive):
        read(kept, image, Reading(cache=cache, watches=again), processes=processes)
    assert set(again.kept) == {SPEC.diff_ids[0]}


@pytest.mark.slow
def test_images_wait_for_each_other(tmp_path: Path) -> None:
    """The limit of seconds is one image's: the time in which one waits for the layers of others does not exceed it."""
    kept, draw = Layerdb(tmp_path), random.Random(0)  # noqa: S311 - no secret
    specs = [
        ImageSpec(tags=(f"x:{number}",), layers=((Entry("a", draw.randbytes(5 * 10**6 + number)),),))
        for number in range(3)
    ]
    images = {spec.tags[0]: kept.add(spec) for spec in specs}
    reading = Reading(cache=Cache(tmp_path / "cache"), on_progress=lambda _: time.sleep(1), limits=Limits(seconds=4))
    with Beneath.open_root(str(tmp_path)) as root, Pool(2, least_bytes=0) as pool:
        there = Overlay2(root, replace(reading, pool=pool))
        there.begin(str(tmp_path), images)
        found = [there.read(reference, image) for reference, image in images.items()]
    assert [each.diff_ids for each in found] == [spec.diff_ids for spec in specs]


def test_processes_are_not_started_for_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small layers, known layers, and a single layer are read here."""
    kept, cache = Layerdb(tmp_path / "root"), Cache(tmp_path / "cache")
    image = kept.add(SPEC)
    monkeypatch.setattr(Pool, "submit", None)
    with Beneath.open_root(str(kept.folder)) as root, Pool(2) as pool:
        images = Overlay2(root, Reading(cache=cache, pool=pool))
        images.begin(str(kept.folder), {"x:1": image})
        assert images.read("x:1", image) == streamed(SPEC)
    cache.keep_layer(SPEC.diff_ids[0], streamed(SPEC).layers[0])
    assert read(kept, image, Reading(cache=cache), processes=2) == streamed(SPEC)
