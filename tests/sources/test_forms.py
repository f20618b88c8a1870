"""What images and archives look like beside the usual: null for nothing, rare forms, and things that are no image."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import struct
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from backports import zstd

from tests.support.images import (
    LAYOUTS,
    Entry,
    ImageSpec,
    Member,
    OciBlobs,
    docker_20,
    docker_25,
    hexdigest,
    members_gzip,
    tar_of,
)
from tests.support.layouts import read_layout
from tests.support.registries import Registry
from weighbridge.errors import NoSuchImage, SourceError, UnreadableImage
from weighbridge.image import filesystem
from weighbridge.image.content import ImageContent
from weighbridge.sources import archive, archive_members
from weighbridge.sources.archive import Archive
from weighbridge.sources.registry import client as registry
from weighbridge.sources.tar import sparse

BASE, APP = (Entry("a", b"1" * 5000),), (Entry("b", b"22"),)
SPEC = ImageSpec(tags=("x:1",), layers=(BASE, APP))
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"


def read(members: list[Member]) -> Archive:
    """Read an archive of these members."""
    return Archive(archive_members.read(io.BytesIO(tar_of(members))))


def with_config(change: Callable[[dict[str, Any]], object]) -> ImageContent:
    """Return an image whose config was changed, read out of an archive."""
    config = json.loads(SPEC.config)
    change(config)
    text = json.dumps(config).encode()
    count = len((config.get("rootfs") or {}).get("diff_ids") or ())
    paths = [f"{index}/layer.tar" for index in range(count)]
    manifest = [{"Config": "c.json", "RepoTags": None, "Layers": paths or None}]
    members = [Member(path, data) for path, data in zip(paths, SPEC.archives, strict=False)]
    return read(
        [*members, Member("c.json", text), Member("manifest.json", json.dumps(manifest).encode())]
    ).assemble_image()


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], int]] = {
    "no diff IDs": (lambda c: c.update(rootfs={"type": "layers"}), 0),
    "null diff IDs": (lambda c: c.update(rootfs={"diff_ids": None}), 0),
    "null rootfs": (lambda c: c.update(rootfs=None), 0),
    "no rootfs": (lambda c: c.pop("rootfs"), 0),
    "null config": (lambda c: c.update(config=None), 5002),
    "null labels": (lambda c: c.update(config={"Labels": None, "Env": None, "WorkingDir": None}), 5002),
    "null label": (lambda c: c.update(config={"Labels": {"a": None, "b": "c"}}), 5002),
    "labels of another type": (lambda c: c.update(config={"Labels": ["a"], "WorkingDir": 5}), 5002),
    "null history": (lambda c: c.update(history=None), 5002),
    "null steps": (
        lambda c: c.update(history=[None, {"created_by": None, "comment": None, "empty_layer": None}]),
        5002,
    ),
    "steps of another type": (lambda c: c.update(history=[5, {"created_by": 5, "empty_layer": "no"}]), 5002),
    "history of another type": (lambda c: c.update(history={"a": 1}), 5002),
    "null variant": (lambda c: c.update(variant=None), 5002),
    "no architecture": (lambda c: c.pop("architecture"), 5002),
    "null os": (lambda c: c.update(os=None), 5002),
}


@pytest.mark.parametrize("case", list(CHANGES))
def test_null_is_nothing(case: str) -> None:
    """What Go's encoder leaves out or writes as null, and what no figure depends on, does not keep an image unread."""
    edit, shipped = CHANGES[case]
    image = with_config(edit)
    assert sum(layer.shipped_bytes for layer in image.layers) == shipped
    assert all(isinstance(value, str) for value in image.labels.values())


def test_unknown_platform_is_called_so() -> None:
    """A platform of which a part is missing says which."""
    assert with_config(lambda c: c.update(os=None)).platform == "unknown/amd64"
    assert with_config(lambda c: c.pop("architecture")).platform == "linux/unknown"


def test_null_in_a_manifest(tmp_path: Path) -> None:
    """Null in a descriptor or a manifest is nothing there, too, in a layout and in an archive of one."""
    blobs = OciBlobs()
    config = blobs.add_json({"rootfs": {"type": "layers", "diff_ids": None}}, "image.config")
    nothing = {"mediaType": None, "annotations": None, "platform": None, "urls": None, "artifactType": None}
    manifest = blobs.add_json({"config": config | nothing, "layers": None, "annotations": None}, "image.manifest")
    files = blobs.files(manifest | nothing | {"annotations": {"a": None}, "platform": {"os": None}})
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    for image in (read([Member(*each) for each in files.items()]).assemble_image(), read_layout(tmp_path)):
        assert image.layers == ()


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name not in ("containerd", "estargz", "crane")])
def test_layer_of_no_bytes(layout: str) -> None:
    """An empty blob is a layer without files, wherever it stands."""
    spec = ImageSpec(tags=("x:1",), layers=(BASE, (), APP))
    config = spec.config.replace(hexdigest(spec.archives[1]).encode(), hexdigest(b"").encode())
    changes = {hexdigest(spec.archives[1]): hexdigest(b""), hexdigest(spec.config): hexdigest(config)}
    members = [
        Member(
            change(each.name, changes),
            b"" if each.data == spec.archives[1] else change(each.data.decode(), changes).encode(),
            change(each.target, changes),
        )
        for each in LAYOUTS[layout]([spec])
    ]
    image = read(members).assemble_image("x:1")
    assert [layer.shipped_bytes for layer in image.layers] == [5000, 0, 2]


def change(text: str, changes: Mapping[str, str]) -> str:
    """Return the text with other words in place of some."""
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


def test_more_layers_than_diff_ids_are_refused() -> None:
    """A manifest that lists more or fewer layers than the config has diff IDs gives no figure."""
    for count in (1, 3):
        config = json.dumps({"rootfs": {"diff_ids": (SPEC.diff_ids * 2)[:count]}}).encode()
        manifest = [{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["0.tar", "1.tar"]}]
        members = [Member(f"{at}.tar", data) for at, data in enumerate(SPEC.archives)]
        members += [Member("c.json", config), Member("manifest.json", json.dumps(manifest).encode())]
        with pytest.raises(UnreadableImage, match=rf"x:1 has 2 layers, but its config lists {count} diff IDs"):
            read(members).assemble_image("x:1")


def test_wrong_diff_id_tells_both_digests() -> None:
    """A layer that is another than its config says is named with the digest that it has and the one it should have."""
    config = SPEC.config.replace(SPEC.diff_ids[1].encode(), f"sha256:{'1' * 64}".encode())
    manifest = [{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["0.tar", "1.tar"]}]
    members = [Member(f"{at}.tar", data) for at, data in enumerate(SPEC.archives)]
    members += [Member("c.json", config), Member("manifest.json", json.dumps(manifest).encode())]
    with pytest.raises(UnreadableImage, match=rf"its digest is {SPEC.diff_ids[1][:19]}…, not sha256:1{{12}}…"):
        read(members).assemble_image("x:1")


@pytest.mark.parametrize("compress", [lzma.compress, bz2.compress])
@pytest.mark.parametrize("around", ["layers", "archive"])
def test_rare_compressions(compress: Callable[[bytes], bytes], around: str) -> None:
    """Layers and whole archives in xz and bzip2 are read, as Docker loads them."""
    if around == "layers":
        blobs = OciBlobs()
        found = read([Member(*each) for each in blobs.files(blobs.add_image(SPEC, compress)).items()]).assemble_image()
        assert [blob and blob.size_bytes for blob in found.blobs] == [len(compress(data)) for data in SPEC.archives]
    else:
        found = Archive(archive_members.read(io.BytesIO(compress(tar_of(docker_25([SPEC])))))).assemble_image("x:1")
    assert [layer.shipped_bytes for layer in found.layers] == [5000, 2]


HOLES = bytes(100_000) + random.Random(1).randbytes(5000) + bytes(200_000) + b"end" + bytes(70_000)  # noqa: S311 - no secret


SPARSE = (["--format=gnu"], *(["--format=pax", f"--sparse-version={each}"] for each in ("0.0", "0.1", "1.0")))


@pytest.mark.parametrize("form", SPARSE)
def test_archive_that_tar_repacked_without_holes(tmp_path: Path, form: list[str]) -> None:
    """GNU tar, asked to leave holes out, leaves them out of layers too; what is read is the same image."""
    spec = ImageSpec(tags=("x:1",), layers=((Entry("disk", HOLES),), APP))
    folder = tmp_path / "unpacked"
    with tarfile.open(fileobj=io.BytesIO(tar_of(docker_20([spec])))) as members:
        members.extractall(folder, filter="data")
    for file in folder.rglob("layer.tar"):
        subprocess.run(["fallocate", "--dig-holes", str(file)], check=True)
    packed = tmp_path / "packed.tar"
    subprocess.run(["tar", "-S", *form, "-C", str(folder), "-cf", str(packed), "."], check=True)
    assert packed.stat().st_size < len(HOLES) // 2
    image = archive.read(packed).assemble_image("x:1")
    assert image.diff_ids == spec.diff_ids
    assert [layer.shipped_bytes for layer in image.layers] == [len(HOLES), 2]


def add_layers(blobs: OciBlobs, archives: Sequence[bytes], packed: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Add an image of layers that are blobs already; return the descriptor of its manifest."""
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{hexdigest(data)}" for data in archives]}
    config = blobs.add_json({"architecture": "amd64", "os": "linux", "rootfs": rootfs}, "image.config")
    return blobs.add_json({"schemaVersion": 2, "config": config, "layers": list(packed)}, "image.manifest")


def read_everywhere(blobs: OciBlobs, image: Mapping[str, Any], folder: Path) -> Iterator[ImageContent]:
    """Yield one image as it is read from a layout, from an archive, and from a registry."""
    files = blobs.files(image)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    yield read_layout(folder)
    yield read([Member(*each) for each in files.items()]).assemble_image()
    with Registry(blobs, {"1": image}) as server:
        yield registry.read(f"{server.host}/x:1")


@pytest.mark.services
@pytest.mark.parametrize("form", SPARSE)
def test_layer_with_holes(tmp_path: Path, form: list[str]) -> None:
    """A layer that GNU tar wrote without the holes of a file has the file's whole size, wherever the image is."""
    (tmp_path / "files").mkdir()
    for name, data in {"disk": HOLES, "nothing": b"", "after": b"x" * 777}.items():
        (tmp_path / "files" / name).write_bytes(data)
    subprocess.run(["fallocate", "--dig-holes", str(tmp_path / "files" / "disk")], check=True)
    words = ["tar", "-S", *form, "-C", str(tmp_path / "files"), "-cf", "-", "disk", "nothing", "after"]
    layer = subprocess.run(words, check=True, capture_output=True).stdout
    assert len(layer) < len(HOLES) // 2
    blobs = OciBlobs()
    image = add_layers(blobs, [layer], [blobs.add(gzip.compress(layer), LAYER_TYPE)])
    for found in read_everywhere(blobs, image, tmp_path / "layout"):
        view = filesystem.stack(found.layers)
        sizes = {path: view.get_size(number) for path, number in view.iterate_files()}
        assert sizes == {"disk": len(HOLES), "nothing": 0, "after": 777}


TOC, TOC_NAME = b'{"version": 1, "entries": []}', "stargz.index.json"
MANIFEST_FRAME, FOOTER_FRAME = b"\x50\x2a\x4d\x18", b"\x50\x2a\x4d\x18\x28\0\0\0"


def pack_chunked(entries: Sequence[Entry]) -> tuple[bytes, bytes, dict[str, str]]:
    """Return an archive, its zstd:chunked form and annotations: a frame for each block, the manifest, a footer."""
    data, toc = tar_of(entries), zstd.compress(TOC)
    frames = b"".join(zstd.compress(data[at : at + 512]) for at in range(0, len(data), 512))
    numbers = struct.pack("<4Q", len(frames) + 8, len(toc), len(data), 1)
    tail = MANIFEST_FRAME + struct.pack("<I", len(toc)) + toc + FOOTER_FRAME + numbers + b"GNUlInUx"
    position = f"{len(frames) + 8}:{len(toc)}:{len(data)}:1"
    checksum = f"sha256:{hexdigest(toc)}"
    prefix = "io.github.containers.zstd-chunked.manifest"
    return data, frames + tail, {f"{prefix}-checksum": checksum, f"{prefix}-position": position}


def pack_stargz(entries: Sequence[Entry]) -> tuple[bytes, bytes, dict[str, str]]:
    """Return an archive with a table of contents, its eStargz form and annotations; the footer says where that is."""
    before = tar_of(entries).rstrip(b"\0")
    before += bytes(-len(before) % 512)
    data = before + tar_of([Entry(TOC_NAME, TOC)])
    members = members_gzip(before, 512)
    place = b"SG" + struct.pack("<H", 22) + b"%016xSTARGZ" % len(members)
    footer = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + struct.pack("<H", len(place)) + place + b"\1\0\0\xff\xff" + bytes(8)
    packed = members + gzip.compress(data[len(before) :]) + footer
    return data, packed, {"containerd.io/snapshot/stargz/toc.digest": f"sha256:{hexdigest(TOC)}"}


@pytest.mark.services
@pytest.mark.parametrize(
    ("pack", "media_type", "more"),
    [(pack_chunked, LAYER_TYPE.replace("gzip", "zstd"), ()), (pack_stargz, LAYER_TYPE, (len(TOC),))],
    ids=["zstd:chunked", "estargz"],
)
def test_layers_that_are_fetched_in_parts(
    tmp_path: Path,
    pack: Callable[[Sequence[Entry]], tuple[bytes, bytes, dict[str, str]]],
    media_type: str,
    more: Sequence[int],
) -> None:
    """Layers with tables of contents and footers hold their files, and eStargz's table; a pull has all their bytes."""
    layers = [pack(entries) for entries in ((*BASE, Entry("d/b", b"b" * 700)), APP)]
    blobs = OciBlobs()
    described = [blobs.add(packed, media_type, annotations=annotations) for _, packed, annotations in layers]
    image = add_layers(blobs, [data for data, _, _ in layers], described)
    for found in read_everywhere(blobs, image, tmp_path):
        assert [layer.shipped_bytes for layer in found.layers] == [5700 + sum(more), 2 + sum(more)]
        assert [layer.file_count for layer in found.layers] == [2 + len(more), 1 + len(more)]
        assert [blob and blob.size_bytes for blob in found.blobs] == [len(packed) for _, packed, _ in layers]
        assert [blob and blob.digest for blob in found.blobs] == [each["digest"] for each in described]


def test_sparse_map_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A map that hides more than there may be, or that does not fit the file, makes the archive damaged."""
    (tmp_path / "x").mkdir()
    with (tmp_path / "x" / "layer").open("wb") as file:
        file.truncate(2**20)
    packed = tmp_path / "packed.tar"
    subprocess.run(["tar", "-S", "--format=pax", "-C", str(tmp_path / "x"), "-cf", str(packed), "."], check=True)
    monkeypatch.setattr(sparse, "MAX_HOLES_BYTES", 2**20 - 1)
    with pytest.raises(UnreadableImage, match="has holes of more than 1048575 bytes"):
        archive.read(packed)
    monkeypatch.undo()
    packed.write_bytes(packed.read_bytes().replace(b"GNU.sparse.realsize=1048576", b"GNU.sparse.realsize=9999999"))
    with pytest.raises(UnreadableImage, match=r"neither manifest\.json nor index\.json"):
        archive.read(packed)
    data = packed.read_bytes().replace(b"1\n1048576\n0\n", b"1\n9999998\n9\n")
    packed.write_bytes(data)
    with pytest.raises(UnreadableImage, match="the map of a sparse file does not fit"):
        archive.read(packed)


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """Return the folder of an OCI layout with one image."""
    blobs = OciBlobs()
    folder = tmp_path / "layout"
    for name, data in blobs.files(blobs.add_image(SPEC)).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.skipif(not Path("/usr/bin/skopeo").exists(), reason="needs skopeo")
def test_folder_of_skopeo(tmp_path: Path, layout: Path) -> None:
    """What `skopeo copy … dir:` wrote is weighed when it is packed, and named with a way out when it is not."""
    folder = tmp_path / "dir"
    subprocess.run(
        ["skopeo", "--insecure-policy", "copy", "--quiet", f"oci:{layout}", f"dir:{folder}"], check=True, timeout=60
    )
    packed = tmp_path / "dir.tar"
    subprocess.run(["tar", "-C", str(folder), "-cf", str(packed), "."], check=True)
    assert [layer.shipped_bytes for layer in archive.read(packed).assemble_image().layers] == [5000, 2]
    with pytest.raises(UnreadableImage, match=r"has the form of skopeo's dir:.* Copy it: `skopeo copy dir:") as caught:
        read_layout(folder)
    assert caught.value.exit_code == 3


def test_archive_of_old() -> None:
    """An archive without manifest.json, as Docker wrote them before 1.10, is named, and what reads it."""
    files = {"repositories": b'{"x": {"1": "aa"}}', "aa/json": b"{}", "aa/layer.tar": tar_of(APP)}
    with pytest.raises(UnreadableImage, match=r"has the form of Docker before 1\.10.* Load it into a Docker before 25"):
        read([Member(*each) for each in files.items()])


def test_images_without_names() -> None:
    """Images that `docker save ID1 ID2` wrote are listed by their digests, and found by the beginning of one."""
    first, second = (ImageSpec(tags=(), layers=layers) for layers in ((BASE,), (BASE, APP)))
    saved = read(docker_25([first, second]))
    digests = [f"sha256:{hexdigest(each.config)[:12]}" for each in (first, second)]
    with pytest.raises(NoSuchImage, match=f"several images: {digests[0]}, {digests[1]}"):
        saved.assemble_image()
    for text in (digests[1], hexdigest(second.config)[:6], f"sha256:{hexdigest(second.config)}"):
        assert saved.assemble_image(text).diff_ids == second.diff_ids
    for text in ("nope", hexdigest(second.config)[:3]):
        with pytest.raises(NoSuchImage, match=digests[0]):
            saved.assemble_image(text)


def artifact(
    config: str, layer: str, annotations: Mapping[str, str] | None = None, **fields: Any
) -> tuple[OciBlobs, dict[str, Any]]:
    """Return the blobs of an artifact with one layer, and its manifest's descriptor."""
    blobs = OciBlobs()
    described = blobs.add(b"{}", config)
    layers = [blobs.add(b'{"a": 1}', layer, annotations=annotations)]
    body = {"schemaVersion": 2, "config": described, "layers": layers, **fields}
    return blobs, blobs.add_json(body, "image.manifest")


IMAGE_CONFIG, EMPTY = "application/vnd.oci.image.config.v1+json", "application/vnd.oci.empty.v1+json"
SUBJECT = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": f"sha256:{'5' * 64}", "size": 5}
ARTIFACTS: dict[str, tuple[tuple[OciBlobs, dict[str, Any]], str]] = {
    "signature": (
        artifact(IMAGE_CONFIG, "application/vnd.dev.cosign.simplesigning.v1+json", subject=SUBJECT),
        f"is a cosign signature, not an image. It belongs to an image: weigh that one, sha256:{'5' * 64}.",
    ),
    "bundle": (
        artifact(EMPTY, "application/vnd.dev.sigstore.bundle.v0.3+json"),
        "is a cosign signature, not an image. It belongs to an image: weigh that one.",
    ),
    "attestation": (
        artifact(
            IMAGE_CONFIG,
            "application/vnd.in-toto+json",
            {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"},
        ),
        "is an in-toto attestation (https://slsa.dev/provenance/v0.2), not an image. ",
    ),
    "chart": (
        artifact("application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip"),
        "is a Helm chart, not an image. `helm template` shows which images it starts: weigh these.",
    ),
    "wasm": (
        artifact("application/vnd.wasm.config.v0+json", "application/wasm"),
        "is a WebAssembly module, not an image. ",
    ),
    "bill": (artifact(EMPTY, "application/spdx+json"), "is a software bill of materials, not an image. "),
    "unknown": (
        artifact("application/vnd.example.config+json", "application/vnd.example"),
        "is not a container image, but application/vnd.example.config+json. ",
    ),
    "unknown by its type": (
        artifact(EMPTY, "application/x", artifactType="application/vnd.example"),
        "is not a container image, but application/vnd.example. ",
    ),
}


@pytest.mark.parametrize("case", list(ARTIFACTS))
def test_what_is_no_image_is_named(tmp_path: Path, case: str) -> None:
    """An artifact in an image's form is named by its kind, with what to weigh instead, in a layout and an archive."""
    (blobs, manifest), message = ARTIFACTS[case]
    files = blobs.files(manifest)
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    attempts: list[Callable[[], ImageContent]] = [
        lambda: read([Member(*each) for each in files.items()]).assemble_image(),
        lambda: read_layout(tmp_path),
    ]
    for attempt in attempts:
        with pytest.raises(SourceError) as caught:
            attempt()
        assert message in str(caught.value)
        assert caught.value.exit_code == 3


def test_index_of_artifacts_alone() -> None:
    """A layout that holds only what belongs to images says what that is."""
    blobs = OciBlobs()
    artifacts = blobs.add_json({}, "image.manifest", artifactType="application/vnd.dev.cosign.artifact.sig.v1+json")
    attestation = blobs.add_json(
        {"a": 1}, "image.manifest", annotations={"vnd.docker.reference.type": "attestation-manifest"}
    )
    with pytest.raises(UnreadableImage, match="The archive holds no image, but a cosign signature, attestation"):
        read([Member(*each) for each in blobs.files(artifacts, attestation).items()]).assemble_image()


def test_layer_that_registries_must_not_keep(layout: Path) -> None:
    """A layer with addresses of its own that is missing is named with where it comes from: no push would bring it."""
    index = json.loads((layout / "index.json").read_bytes())
    path = layout / "blobs" / index["manifests"][0]["digest"].replace(":", "/")
    manifest = json.loads(path.read_bytes())
    manifest["layers"][0] |= {
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "urls": ["https://mcr.example/v2/windows/blobs/x"],
    }
    (layout / "blobs" / manifest["layers"][0]["digest"].replace(":", "/")).unlink()
    text = json.dumps(manifest).encode()
    path.with_name(hexdigest(text)).write_bytes(text)
    index["manifests"][0] |= {"digest": f"sha256:{hexdigest(text)}", "size": len(text)}
    (layout / "index.json").write_text(json.dumps(index))
    with pytest.raises(
        UnreadableImage, match=r"is not kept with the image \(.*foreign.*\): it comes from https://mcr\.ex"
    ):
        read_layout(layout)
