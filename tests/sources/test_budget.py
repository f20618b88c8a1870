"""The limits of an image: each of them at the limit and one beyond it, from every source, read now or known before."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.test_opener import FIRST, MARKED, PLACES, SECOND, Place, layout
from tests.support.images import Entry, ImageSpec, Member, docker_25, tar_of
from tests.support.layers import directory, layer, layer_of, symbolic_link
from weighbridge.cache import Cache
from weighbridge.errors import LimitExceeded, UnreadableImage
from weighbridge.image import filesystem
from weighbridge.image.filesystem import Directory
from weighbridge.model.limits import Limits
from weighbridge.sources import archive_members, opener
from weighbridge.sources.archive import Archive
from weighbridge.sources.budget import Budget, Resource, check_count, describe_excess
from weighbridge.sources.oci.documents import parse_config, parse_manifest
from weighbridge.sources.oci.manifests import parse_document
from weighbridge.sources.opener import Means
from weighbridge.sources.tar.layer import read_layer, watch_layer

KEYS: dict[Resource, str] = {
    "layers": "layers",
    "history_steps": "history_steps",
    "entries": "entries",
    "unpacked_bytes": "unpacked",
    "document_bytes": "documents",
    "seconds": "seconds",
}
HAS: dict[Resource, int] = {"layers": 2, "history_steps": 1, "entries": 5}
"""What FIRST or SECOND has most of, counted by hand: `os` and `etc/a` in `etc` are three entries of a layer, and each
other layer has two."""


@pytest.fixture(params=MARKED)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Put FIRST and SECOND into each kind of place, one after the other."""
    with PLACES[str(request.param)][1](tmp_path, damaged=False) as made:
        yield made


def read(place: Place, folder: Path, limits: Limits, *tags: str) -> None:
    """Read images within limits."""
    locations = [place.locate(tag) for tag in tags]
    dict(opener.read(locations, Means(cache=Cache(folder), engine=place.engine, limits=limits, local_store=True)))


@pytest.mark.parametrize("resource", HAS)
def test_limits_of_every_source(place: Place, tmp_path: Path, resource: Resource) -> None:
    """Two images are read together if each is at the limit by itself; neither is with one more than the limit."""
    read(place, tmp_path / "cache", replace(Limits(), **{resource: HAS[resource]}), "first", "second")
    with pytest.raises(LimitExceeded) as caught:
        read(place, tmp_path / "other", replace(Limits(), **{resource: HAS[resource] - 1}), "first", "second")
    assert caught.value.exit_code == 3
    assert f" has more than {HAS[resource] - 1} " in caught.value.message
    assert caught.value.message.endswith(", the limit for an image")
    assert caught.value.advice == f"Raise limits.{KEYS[resource]} in the settings if that is right."


@pytest.mark.parametrize("resource", HAS)
def test_layers_that_are_known(place: Place, tmp_path: Path, resource: Resource) -> None:
    """Layers that the cache has count as much as layers that are read."""
    read(place, tmp_path / "cache", Limits(), "first", "second")
    read(place, tmp_path / "cache", replace(Limits(), **{resource: HAS[resource]}), "first", "second")
    with pytest.raises(LimitExceeded, match=f" has more than {HAS[resource] - 1} "):
        read(place, tmp_path / "cache", replace(Limits(), **{resource: HAS[resource] - 1}), "first", "second")


def test_time_of_every_source(place: Place, tmp_path: Path) -> None:
    """An image that is not read within its time is given up."""
    with pytest.raises(LimitExceeded, match=r"takes more than 0 seconds to read, the limit for (an image|2 images)\."):
        read(place, tmp_path / "cache", Limits(seconds=0), "first", "second")


def documents_of_first(files: dict[str, bytes]) -> int:
    """Return the bytes of the documents of FIRST in a layout, and of its paths, each with an end."""
    (described,) = (
        each
        for each in json.loads(files["index.json"])["manifests"]
        if each["annotations"]["org.opencontainers.image.ref.name"] == "first"
    )
    return len(files["index.json"]) + int(described["size"]) + len(FIRST.config) + len("os etc/a b .wh.os ")


def test_bytes_of_a_layout(tmp_path: Path) -> None:
    """All documents of one image and the paths of its layers count together, and so do its layers, unpacked."""
    with PLACES["layout"][1](tmp_path, damaged=False) as place:
        for resource, has in (
            ("document_bytes", documents_of_first(layout(damaged=False))),
            ("unpacked_bytes", sum(map(len, FIRST.archives))),
        ):
            read(place, tmp_path / "cache" / resource, replace(Limits(), **{resource: has}), "first")
            with pytest.raises(LimitExceeded, match=f"has more than {has - 1:,} bytes of .*, the limit for an image"):
                read(place, tmp_path / "other", replace(Limits(), **{resource: has - 1}), "first")


def test_bytes_of_an_archive() -> None:
    """An archive has the limit of unpacked bytes to itself, and its documents count with the paths."""
    data = tar_of(docker_25([FIRST]))
    documents = sum(len(each.data) for each in docker_25([FIRST]) if each.data[:1] in (b"{", b"["))
    for limits in (
        Limits(unpacked_bytes=len(data)),
        Limits(document_bytes=documents + len("os etc/a b .wh.os ")),
    ):
        for less, fits in ((0, True), (1, False)):
            budget = Budget(
                replace(
                    limits,
                    unpacked_bytes=limits.unpacked_bytes - less,
                    document_bytes=limits.document_bytes - less,
                ),
                "x.tar",
            )
            if fits:
                archive_members.read(io.BytesIO(data), budget=budget)
                continue
            with pytest.raises(LimitExceeded, match=r"x\.tar has more than [0-9,]+ bytes"):
                archive_members.read(io.BytesIO(data), budget=budget)


def test_archive_with_more_images_than_are_wanted(tmp_path: Path) -> None:
    """All layers of an archive are read, so those of other images count, too, and the message names the file."""
    with PLACES["archive"][1](tmp_path, damaged=False) as place:
        with pytest.raises(LimitExceeded) as caught:
            read(place, tmp_path / "cache", Limits(entries=5), "first")
        assert caught.value.message == (
            f"{tmp_path}/saved.tar has more than 5 files and folders, the limit for an image"
        )


def test_layer_that_an_image_has_many_times() -> None:
    """It is stored once, but merged as often as the config lists it, and counts so."""
    spec = ImageSpec(tags=("x:1",), layers=((Entry("a"), Entry("b")),) * 3)
    read = Archive(archive_members.read(io.BytesIO(tar_of(docker_25([spec])))), Limits(entries=6))
    assert len(read.assemble_image("x:1").layers) == 3
    with pytest.raises(LimitExceeded, match=r"^x:1 has more than 5 files and folders"):
        replace(read, limits=Limits(entries=5)).assemble_image("x:1")


def test_layer_that_no_image_needs() -> None:
    """It costs as much as any other, so reading stops there."""
    members = [*docker_25([FIRST]), Member("blobs/sha256/" + "0" * 64, tar_of([Entry("x"), Entry("y")]))]
    with pytest.raises(LimitExceeded, match="has more than 6 files"):
        archive_members.read(io.BytesIO(tar_of(members)), budget=Budget(Limits(entries=6), "x.tar"))


def config(steps: int, layers: int) -> bytes:
    """Return a config with so many steps and layers."""
    return json.dumps({"history": [{}] * steps, "rootfs": {"diff_ids": [f"sha256:{'0' * 64}"] * layers}}).encode()


def test_lists_in_documents() -> None:
    """A list is as long as its limit at most, in each document that has one."""
    limits, parts = Limits(layers=2, history_steps=3), [{"digest": f"sha256:{'0' * 64}", "size": 1}]
    assert len(parse_config(config(3, 2), "x", limits).history) == 3
    with pytest.raises(LimitExceeded, match=r"^x has more than 3 history steps, the limit for an image\."):
        parse_config(config(4, 2), "x", limits)
    with pytest.raises(LimitExceeded, match=r"^x has more than 2 layers, "):
        parse_config(config(3, 3), "x", limits)
    for count in (2, 3):
        manifest = json.dumps({"config": parts[0], "layers": parts * count}).encode()
        entries = json.dumps([{"Config": "c", "Layers": ["l"] * count}] * 5).encode()
        if count == 2:
            assert len(parse_manifest(entries, limits)) == 5
            assert len(getattr(parse_document(manifest, "x", limits), "layers", ())) == 2
            continue
        with pytest.raises(LimitExceeded, match=r"^manifest.json has more than 2 layers, "):
            parse_manifest(entries, limits)
        with pytest.raises(LimitExceeded, match=r"^x has more than 2 layers, "):
            parse_document(manifest, "x", limits)


def zstd(data: bytes) -> bytes:
    """Return data as a Zstandard frame."""
    from backports.zstd import compress  # noqa: PLC0415 - in some Pythons it has another name

    return compress(data)


BOMBS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstd,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str) -> None:
    """Little that unpacks to much is stopped at the limit, within a file of the layer as well as behind its end."""
    size = 20 * 2**20
    info = tarfile.TarInfo("zeros")
    info.size = size
    header = info.tobuf(tarfile.GNU_FORMAT)
    for plain in (header + bytes(size + 1024), bytes(1024 + size)):
        data = BOMBS[name](plain)
        budget = Budget(Limits(unpacked_bytes=len(plain)), "x:1")
        assert read_layer(io.BytesIO(data), data[:512], budget=budget).content.shipped_bytes in (0, size)
        for limit in (len(plain) - 1, 2**20):
            source, budget = io.BytesIO(data), Budget(Limits(unpacked_bytes=limit), "x:1")
            with pytest.raises(LimitExceeded, match=f"^x:1 has more than {limit:,} bytes of unpacked layers, "):
                read_layer(source, data[:512], budget=budget)


def test_archive_that_is_a_bomb() -> None:
    """What an archive has besides its layers is unpacked, too, and counts."""
    data = gzip.compress(tar_of([*docker_25([FIRST]), Member("zeros.bin", b"1" * 2**23)]))
    with pytest.raises(LimitExceeded, match="has more than 1,000,000 bytes"):
        archive_members.read(io.BytesIO(data), budget=Budget(Limits(unpacked_bytes=10**6), "x.tar"))


def test_sparse_layer() -> None:
    """The zeros that the holes of a layer stand for are bytes of the layer."""
    info = tarfile.TarInfo("layer.tar")
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "layer.tar",
        "GNU.sparse.realsize": str(2**30),
    }
    info.size = 512
    data = info.tobuf(tarfile.PAX_FORMAT) + b"0\n".ljust(512, b"\0") + tar_of(docker_25([FIRST]))
    with pytest.raises(LimitExceeded, match="has more than 10,000,000 bytes of unpacked layers"):
        archive_members.read(io.BytesIO(data), budget=Budget(Limits(unpacked_bytes=10**7), "x.tar"))


def test_databases_and_link_targets() -> None:
    """Kept documents and the targets of links count with the paths."""
    entries = [Entry("lib/apk/db/installed", b"P:a\nV:1\n" * 50), symbolic_link("l", "t" * 90)]
    data, has = tar_of(entries), len("lib/apk/db/installed l ") + 8 * 50 + 90
    assert layer_of(entries).kept_bytes == has
    read_layer(io.BytesIO(data), data[:512], budget=Budget(Limits(document_bytes=has), "x"))
    with pytest.raises(LimitExceeded, match=f"^x has more than {has - 1} bytes of documents, package databases"):
        read_layer(io.BytesIO(data), data[:512], budget=Budget(Limits(document_bytes=has - 1), "x"))


def test_layers_add_up() -> None:
    """What one layer has is gone for the next one."""
    data = tar_of([Entry("a"), Entry("b")])
    budget = Budget(Limits(entries=4), "x")
    for _ in range(2):
        read_layer(io.BytesIO(data), data[:512], budget=budget)
    with pytest.raises(LimitExceeded):
        read_layer(io.BytesIO(data), data[:512], budget=budget)


def test_several_images_in_one_stream() -> None:
    """They have the limits of so many images together, and the message says so."""
    budget = Budget(Limits(document_bytes=10), "x, y and z", images=3)
    budget.spend_document(30)
    with pytest.raises(LimitExceeded) as caught:
        budget.spend_document(1)
    assert str(caught.value) == (
        "x, y and z has more than 30 bytes of documents, package databases and paths, the limit for 3 images. "
        "Raise limits.documents in the settings if that is right."
    )


def test_clock() -> None:
    """Time is over after the limit, not at it; a chunk, a document and a bare look at the clock notice it."""
    now = [100.0]
    budget = Budget(Limits(seconds=2), "x", images=2, clock=lambda: now[0])
    now[0] = 104.0
    budget.check_time()
    budget.spend_chunk(1)
    now[0] = 104.1
    for spend in (budget.check_time, lambda: budget.spend_chunk(0), lambda: budget.spend_document(0)):
        with pytest.raises(LimitExceeded, match=r"^x takes more than 4 seconds to read, the limit for 2 images"):
            spend()


def test_stream_that_unpacks_to_nothing() -> None:
    """A decompressor that reads and reads without a byte of result runs into the clock."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    nothing = (packer.compress(b"") + packer.flush()) * 50_000
    now = iter(range(10**9))
    budget = Budget(Limits(seconds=5), "x", clock=lambda: next(now))
    with pytest.raises(LimitExceeded, match="takes more than 5 seconds"):
        read_layer(io.BytesIO(nothing), nothing[:512], budget=budget)


def test_layer_for_a_watch_alone() -> None:
    """A known layer that is unpacked once more for the scan has the limit of unpacked bytes, too."""

    class Blind:
        def see(self, *_: object) -> int:
            return 0

        def look(self, _: bytes, /) -> None:
            raise AssertionError("nothing was asked for")

    data = tar_of([Entry("a", b"1" * 300_000)])
    watch_layer(io.BytesIO(data), data[:512], Blind(), Budget(Limits(unpacked_bytes=len(data)), "x"))
    with pytest.raises(LimitExceeded):
        watch_layer(io.BytesIO(data), data[:512], Blind(), Budget(Limits(unpacked_bytes=1000), "x"))


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ("layers", "shop:1.4 has more than 1,000 layers, the limit for an image"),
        ("history_steps", "shop:1.4 has more than 10,000 history steps, the limit for an image"),
        ("entries", "shop:1.4 has more than 1,000,000 files and folders, the limit for an image"),
        ("unpacked_bytes", "shop:1.4 has more than 256,000,000,000 bytes of unpacked layers, the limit for an image"),
        (
            "document_bytes",
            (
                "shop:1.4 has more than 256,000,000 bytes of documents, package databases and paths, "
                "the limit for an image"
            ),
        ),
        ("seconds", "shop:1.4 takes more than 3,600 seconds to read, the limit for an image"),
    ],
)
def test_messages(resource: Resource, message: str) -> None:
    """An error names what there is too much of, the limit, and the setting that raises it."""
    error = describe_excess(resource, Limits(), "shop:1.4")
    assert isinstance(error, UnreadableImage)
    assert (error.exit_code, error.message) == (3, message)
    assert error.advice == f"Raise limits.{KEYS[resource]} in the settings if that is right."


def test_name_of_another_in_a_message() -> None:
    """A name cannot bring control characters or a second line into the message."""
    assert str(describe_excess("layers", Limits(), "a\x1b[1m\nb")).isprintable()


def test_count_at_its_limit() -> None:
    """A count that equals its limit is within it."""
    check_count("layers", 1000, Limits(), "x")
    with pytest.raises(LimitExceeded):
        check_count("layers", 1001, Limits(), "x")


def test_folders_that_no_entry_lists() -> None:
    """Each counts once, however many entries lie in it, and not if the archive lists it first."""
    assert layer(Entry("a/b/c"), Entry("a/b/d"), Entry("a/e")).node_count == 3 + 2
    assert layer(directory("a"), directory("a/b"), Entry("a/b/c")).node_count == 3
    assert layer(Entry("a/b/c"), Entry("x"), Entry("a/b/d")).node_count == 3 + 2
    assert layer(Entry("/".join("a" * 1000))).node_count == 1000


NAMES = st.lists(st.sampled_from(["a", "b", "c", ".wh.a"]), min_size=1, max_size=6).map("/".join)
ENTRIES = st.one_of(
    NAMES.map(Entry), NAMES.map(directory), st.tuples(NAMES, NAMES).map(lambda pair: symbolic_link(*pair))
)


def count_nodes(root: Directory) -> int:
    """Count all that lies below a folder."""
    return sum(1 + (count_nodes(each) if isinstance(each, Directory) else 0) for each in root.children.values())


@given(st.lists(ENTRIES, max_size=12))
def test_merging_makes_no_more_than_was_counted(entries: list[Entry]) -> None:
    """Whatever the paths, unpacking makes at most as many files and folders as were counted."""
    found = layer_of(entries)
    assert count_nodes(filesystem.stack([found]).root) <= found.node_count
    assert found.node_count <= len(entries) + len({part for each in entries for part in parents(each.name)})


def parents(name: str) -> set[str]:
    """Return all folders above a path."""
    parts = name.split("/")
    return {"/".join(parts[:count]) for count in range(1, len(parts))}


def test_second_image_has_what_the_first_has() -> None:
    """The figures by hand hold for both images of the places."""
    assert [len(each.layers) for each in (FIRST, SECOND)] == [2, 2]
    assert [sum(layer_of(part).node_count for part in each.layers) for each in (FIRST, SECOND)] == [5, 5]


def test_time_of_images_that_wait_for_each_other() -> None:
    """One that is read beside two others has the time of three, and nothing else of theirs."""
    now = [100.0]
    budget = Budget(Limits(seconds=5, entries=4), "x", clock=lambda: now[0], beside=2)
    now[0] = 115
    budget.check_time()
    now[0] = 115.1
    with pytest.raises(LimitExceeded, match="takes more than 15 seconds to read, the limit for 3 images"):
        budget.check_time()
    with pytest.raises(LimitExceeded, match="more than 4 files and folders, the limit for an image"):
        budget.spend_chunk(0, entries=5)
