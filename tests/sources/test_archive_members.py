"""One `docker save` stream in any layout, order and state of decay: the right figures, or one clear error."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.images import (
    LAYOUTS,
    Entry,
    ImageSpec,
    Member,
    containerd,
    docker_20,
    hexdigest,
    members_gzip,
    tar_of,
)
from weighbridge.errors import NoSuchImage, SourceError, UnreadableImage
from weighbridge.image.content import HistoryEntry, ImageContent
from weighbridge.sources import archive_members
from weighbridge.sources.archive import Archive
from weighbridge.sources.tar import compression

BASE = (
    Entry("bin", type=tarfile.DIRTYPE),
    Entry("bin/a", b"a" * 1000),
    Entry("bin/b", type=tarfile.LNKTYPE, target="bin/a"),
)
APP = (
    Entry("app/main.py", b"print()"),
    Entry("app/é" * 60, b"x" * 5000),
    Entry("bin/.wh.b"),
    Entry("app/.wh..wh..opq"),
)
EMPTY: tuple[Entry, ...] = ()

MULTI = ImageSpec(
    tags=("backend:multi", "backend:latest"),
    layers=(BASE, APP, EMPTY, APP),
    history=({"created_by": "ADD x"}, {"created_by": "ENV a=b", "empty_layer": True}),
    labels={"a": "b"},
)
SINGLE = ImageSpec(tags=("backend:single",), layers=(BASE, (Entry("y", b"y" * 70_000),)), variant="v8")


def check(content: ImageContent, spec: ImageSpec) -> None:
    """Compare with what the writer knows, and hold what must hold of every source's images."""
    assert content.diff_ids == spec.diff_ids
    assert content.config_digest == f"sha256:{hexdigest(spec.config)}"
    assert tuple((layer.shipped_bytes, layer.file_count) for layer in content.layers) == spec.figures
    assert len(content.layers) == len(content.diff_ids)


def read(members: list[Member], *, verified: bool = True) -> Archive:
    """Read an archive of these members."""
    return Archive(archive_members.read(io.BytesIO(tar_of(members)), verified=verified))


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_figures(layout: str, *, verified: bool) -> None:
    """An image weighs the same however it was saved, believed or proved; repeated and empty layers included."""
    saved = read(LAYOUTS[layout]([MULTI, SINGLE]), verified=verified)
    check(saved.assemble_image("backend:multi"), MULTI)
    check(saved.assemble_image("backend:single"), SINGLE)
    assert saved.references == ("backend:multi", "backend:latest", "backend:single")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_order_of_members_is_of_no_meaning(layout: str) -> None:
    """Layers are stacked by the config, not as the stream brings them; `./` before names changes nothing."""
    members = [replace(member, name=f"./{member.name}") for member in LAYOUTS[layout]([MULTI, SINGLE])]
    for seed in range(5):
        random.Random(seed).shuffle(members)  # noqa: S311 - no secret
        check(read(members).assemble_image("backend:multi"), MULTI)


def test_config_is_told() -> None:
    """Platform, labels and history come from the config; what it lacks is empty."""
    saved = read(docker_20([MULTI, SINGLE]))
    multi, single = saved.assemble_image("backend:multi"), saved.assemble_image("backend:single")
    assert (multi.platform, single.platform) == ("linux/amd64", "linux/amd64/v8")
    assert (multi.labels, single.labels) == ({"a": "b"}, {})
    assert multi.history == (
        HistoryEntry(created_by="ADD x", comment="", empty_layer=False),
        HistoryEntry(created_by="ENV a=b", comment="", empty_layer=True),
    )
    assert single.history == ()


@pytest.mark.parametrize(
    ("tag", "reference"),
    [
        ("backend:multi", "backend:multi"),
        ("backend:latest", "backend"),
        ("localhost/backend:multi", "backend:multi"),
        ("backend:multi", "host:5000/library/backend:multi"),
        ("host:5000/backend:latest", "host:5000/backend"),
    ],
)
def test_image_is_found_by_name(tag: str, reference: str) -> None:
    """A tag may be left out for `latest`, and a registry where there is only one image of that name."""
    saved = read(docker_20([replace(SINGLE, tags=(tag,)), replace(MULTI, tags=("other:1",))]))
    check(saved.assemble_image(reference), SINGLE)


def test_image_without_a_name_is_found_by_its_digest() -> None:
    """What was saved by its id has no tag; the config's digest finds it, as reference or beside one."""
    saved, digest = read(docker_20([replace(MULTI, tags=())])), f"sha256:{hexdigest(MULTI.config)}"
    check(saved.assemble_image(digest), MULTI)
    check(saved.assemble_image("any:name", digest), MULTI)


def test_unknown_name_is_told_with_the_known() -> None:
    """A wrong name gives `NoSuchImage`, and so does one that fits two images; the message lists what is there."""
    twins = [replace(MULTI, tags=("one/backend:x",)), replace(SINGLE, tags=("two/backend:x",))]
    for name in ("backend:x", "other"):
        with pytest.raises(NoSuchImage, match=f"no image {name}; it has one/backend:x, two/backend:x"):
            read(docker_20(twins)).assemble_image(name)


@pytest.mark.parametrize("compress", [gzip.compress, members_gzip])
def test_gzip_around_the_whole_is_undone(compress: Callable[[bytes], bytes]) -> None:
    """`docker save | gzip` reads like `docker save`, of one member or several."""
    saved = Archive(archive_members.read(io.BytesIO(compress(tar_of(docker_20([MULTI]))))))
    check(saved.assemble_image("backend:multi"), MULTI)


def test_layer_is_found_by_content_where_its_name_is_missing() -> None:
    """The containerd store leaves out a layer that it wrote before under another compressed digest; it still counts."""
    packed = read(containerd([MULTI], lambda data: gzip.compress(data, 1)) + containerd([MULTI])[-3:])
    check(packed.assemble_image("backend:multi"), MULTI)


def test_progress_counts_the_bytes_of_the_stream() -> None:
    """The callback gets a growing total that ends at the stream's length."""
    data, seen = tar_of(docker_20([replace(SINGLE, layers=((Entry("big", bytes(3 * 2**20)),),))])), list[int]()
    archive_members.read(io.BytesIO(data), seen.append)
    assert seen == sorted(seen)
    assert len(seen) > 3
    assert seen[-1] == len(data)


@pytest.mark.slow
def test_no_layer_is_held_in_memory() -> None:
    """Peak memory is a few blocks, whatever the layer's size, compressed or not."""
    layer = (Entry("big", bytes(64 * 2**20)),)
    for layout in (docker_20, containerd):
        stream = io.BytesIO(tar_of(layout([replace(SINGLE, layers=(layer,))])))
        tracemalloc.start()
        archive_members.read(stream)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 12 * 2**20


def damaged(members: list[Member], name: str, data: bytes | None) -> Archive:
    """Read an archive in which the members whose names end so have other data, or are missing."""
    others = [member for member in members if not member.name.endswith(name)]
    hit = [member for member in members if member.name.endswith(name)]
    assert hit
    return read([*others, *(replace(member, data=data) for member in hit if data is not None)])


CONFIG = f"{hexdigest(SINGLE.config)}.json"
LAYER = f"{hexdigest(SINGLE.archives[0])}/layer.tar"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("manifest.json", None, "neither manifest.json nor index.json: it is cut off"),
        ("manifest.json", b"{", "manifest.json is damaged: the whole document: Invalid JSON"),
        ("manifest.json", b"[" * 100_000, "manifest.json is damaged: the whole document: Invalid JSON"),
        ("manifest.json", b'[{"Config": 7}]', "manifest.json is damaged: 0.Config: Input should be a valid string"),
        (CONFIG, None, rf"The config of backend:single, {CONFIG}, is missing or damaged"),
        (CONFIG, b"[" + b" " * archive_members.MAX_DOCUMENT_BYTES, r"config .* cannot be read: it has 8388609 bytes"),
        (CONFIG, b"{}", r"The config of backend:single is damaged: its digest is not [0-9a-f]{12}…"),
        (LAYER, None, rf"Layer 0 of backend:single, {LAYER}, is missing or damaged"),
        (
            LAYER,
            tar_of(APP),
            rf"is not the layer that the config lists: unpacked, its digest is \S+…, not {SINGLE.diff_ids[0][:19]}…",
        ),
        (LAYER, gzip.compress(tar_of(BASE))[:-4], r"Layer 0 .* cannot be read: Compressed file ended"),
        (LAYER, tar_of(BASE)[:1030], r"Layer 0 .* cannot be read: unexpected end of data"),
    ],
)
def test_missing_or_wrong_part_is_named(name: str, data: bytes | None, message: str) -> None:
    """Each part that is missing, damaged or not to be read gives one line that names it."""
    with pytest.raises(UnreadableImage, match=message) as caught:
        damaged(docker_20([SINGLE]), name, data).assemble_image("backend:single")
    assert "\n" not in str(caught.value)


def test_fault_of_one_image_leaves_the_others() -> None:
    """A fault of an image is raised when that image is asked for."""
    check(
        damaged(docker_20([MULTI, SINGLE]), f"{hexdigest(b''.join(SINGLE.archives))}/layer.tar", None).assemble_image(
            "backend:multi"
        ),
        MULTI,
    )


@pytest.mark.parametrize("data", [b"", b"PK\3\4" * 400, b"\x1f\x8b" + bytes(600), b"{}" * 400, bytes(4096)])
def test_what_is_no_archive_is_told(data: bytes) -> None:
    """Nothing, a zip file, false gzip, JSON and zeros are each one clear error."""
    with pytest.raises(UnreadableImage, match=r"The archive (is cut off or damaged|has neither manifest.json nor)"):
        archive_members.read(io.BytesIO(data))


def zstd_frames(data: bytes) -> bytes:
    """Compress into many frames with skippable ones between, as parallel compressors do."""
    compress = pytest.importorskip("backports.zstd", reason="no zstd library is installed").compress
    skippable = b"\x50\x2a\x4d\x18\x03\x00\x00\x00???"
    return skippable + b"".join(compress(data[at : at + 700]) + skippable for at in range(0, len(data), 700))


def test_zstd_is_undone_where_a_library_is() -> None:
    """Layers compressed with zstd read to their end, and damage in them is one clear error."""
    check(read(containerd([MULTI], zstd_frames)).assemble_image("backend:multi"), MULTI)
    with pytest.raises(UnreadableImage, match=r"Layer 0 of backend:multi, .* cannot be read: "):
        read(containerd([MULTI], lambda data: zstd_frames(data)[:90] + b"?" * 99)).assemble_image("backend:multi")


def test_zstd_without_a_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault is of the layer, and its advice is not to save the image once more."""
    monkeypatch.setattr(compression, "_ZSTD_LIBRARIES", ())
    with pytest.raises(
        UnreadableImage, match=r"Layer 0 of .*: This Python cannot decompress Zstandard\. Install .* backports\.zstd\."
    ):
        read(containerd([SINGLE], lambda data: b"\x28\xb5\x2f\xfd" + data)).assemble_image("backend:single")


class Breaking(io.RawIOBase):
    """A stream whose other end goes away."""

    def read(self, _size: int = -1, /) -> bytes:
        """Fail as a broken disk or pipe does."""
        raise OSError(5, "Input/output error")


def test_stream_that_breaks_is_told() -> None:
    """An error of the file below is named, and is no traceback."""
    with pytest.raises(UnreadableImage, match=r"damaged: .*Input/output error"):
        archive_members.read(Breaking())  # type: ignore[arg-type]


def test_unknown_fields_and_members_are_ignored() -> None:
    """What a later version adds does no harm, as the OCI image-spec demands of readers."""
    config = json.dumps(json.loads(SINGLE.config) | {"moby.buildkit.trace": [1], "created": "?"}).encode()
    name = f"{hexdigest(config)}.json"
    manifest = [{"Config": name, "RepoTags": ["new:1"], "Layers": [], "Later": {"a": 1}}]
    more = [Member(name, config), Member("manifest.json", json.dumps(manifest).encode()), Member("signatures/x", b"?")]
    assert read([*docker_20([SINGLE])[:-2], *more]).assemble_image("new:1").diff_ids == SINGLE.diff_ids


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=120)
ENTRIES = st.one_of(
    st.builds(Entry, NAMES, st.binary(max_size=2000)),
    st.builds(Entry, NAMES.map(lambda name: f"d/.wh.{name}")),
    st.builds(Entry, NAMES, type=st.sampled_from([tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE]), target=NAMES),
)
LAYERS = st.lists(ENTRIES, max_size=5).map(tuple)
IMAGES = st.lists(LAYERS, max_size=5).map(lambda layers: ImageSpec(tags=("x:1",), layers=tuple(layers)))


@given(IMAGES, st.sampled_from(sorted(LAYOUTS)), st.randoms(use_true_random=False))
@example(ImageSpec(tags=("x:1",), layers=((Entry(".", b"the root is no file"),),)), "crane", random.Random(0))  # noqa: S311
def test_any_image_in_any_layout_and_order(image: ImageSpec, layout: str, chance: random.Random) -> None:
    """Bytes, counts and order are those of the entries, for random layers in a random layout and order."""
    members = LAYOUTS[layout]([image])
    chance.shuffle(members)
    check(read(members).assemble_image("x:1"), image)


WHOLE = {layout: tar_of(write([MULTI, SINGLE])) for layout, write in LAYOUTS.items()}


def outcome(content: bytes) -> ImageContent | SourceError:
    """Return what reading gives, an image or one of our errors; any other exception goes on."""
    try:
        return Archive(archive_members.read(io.BytesIO(content))).assemble_image("backend:single")
    except SourceError as error:
        return error


@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_damage_gives_an_error_or_the_right_answer(layout: str, data: st.DataObject) -> None:
    """Bits flipped and an end cut off anywhere: never a wrong figure, and never an exception of another kind."""
    content = bytearray(WHOLE[layout])
    for place in data.draw(st.lists(st.integers(0, len(content) * 8 - 1), max_size=3)):
        content[place // 8] ^= 1 << place % 8
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    answer = outcome(bytes(content))
    if isinstance(answer, SourceError):
        assert "\n" not in str(answer)
    else:
        check(answer, SINGLE)
