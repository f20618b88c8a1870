"""Writes container images in pure Python, in every layout that a `docker save` archive may have.

A layout is a function from images to the members of the archive. Layers are written with `tarfile` from entries, so a
test can add up the entries by hand and needs no code of ours to know the right answer.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import posixpath
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One entry of a layer. A whiteout is a file whose name says so."""

    name: str
    data: bytes = b""
    type: bytes = tarfile.REGTYPE
    target: str = ""
    attribute: str = ""
    """An extended attribute, whose value is `y`."""

    @property
    def is_file(self) -> bool:
        """Whether the entry counts as a file; none can stand in the root's own place."""
        if posixpath.normpath(f"/{self.name}") == "/":
            return False
        return self.type == tarfile.REGTYPE and not self.name.rpartition("/")[2].startswith(".wh.")


@dataclass(frozen=True)
class ImageSpec:
    """An image to write; its layers are oldest first."""

    tags: tuple[str, ...]
    layers: tuple[tuple[Entry, ...], ...]
    history: tuple[Mapping[str, Any], ...] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    variant: str = ""
    architecture: str = "amd64"
    command: tuple[str, ...] = ()

    @cached_property
    def archives(self) -> tuple[bytes, ...]:
        """The layers as uncompressed tar archives."""
        return tuple(tar_of(layer) for layer in self.layers)

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """Digests of the uncompressed layers."""
        return tuple(f"sha256:{hexdigest(archive)}" for archive in self.archives)

    @property
    def figures(self) -> tuple[tuple[int, int], ...]:
        """Shipped bytes and file count of each layer, added up by hand."""
        files = [[entry for entry in layer if entry.is_file] for layer in self.layers]
        return tuple((sum(len(entry.data) for entry in each), len(each)) for each in files)

    @cached_property
    def config(self) -> bytes:
        """The image's config."""
        content: dict[str, Any] = {
            "architecture": self.architecture,
            "os": "linux",
            "config": {"Labels": self.labels or None} | ({"Cmd": self.command} if self.command else {}),
            "rootfs": {"type": "layers", "diff_ids": self.diff_ids},
        }
        if self.variant:
            content["variant"] = self.variant
        if self.history is not None:
            content["history"] = self.history
        return json.dumps(content).encode()


@dataclass(frozen=True)
class Member:
    """A member of the archive: a file, or a symbolic link where there is a target."""

    name: str
    data: bytes = b""
    target: str = ""


def hexdigest(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def tar_of(entries: Sequence[Entry | Member], form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a tar archive of the entries."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.name)
            info.type = entry.type if isinstance(entry, Entry) else tarfile.SYMTYPE if entry.target else tarfile.REGTYPE
            info.linkname, info.size = entry.target, len(entry.data)
            if isinstance(entry, Entry) and entry.attribute:
                info.pax_headers = {f"SCHILY.xattr.{entry.attribute}": "y"}
            archive.addfile(info, io.BytesIO(entry.data))
    return buffer.getvalue()


def docker_20(images: Sequence[ImageSpec]) -> list[Member]:
    """Docker up to 24: a folder for each layer under an id of its own, a link for a layer that came before."""
    members, first = dict[str, Member](), dict[bytes, str]()
    manifest = []
    for image in images:
        paths = []
        for index, archive in enumerate(image.archives):
            folder = hexdigest(b"".join(image.archives[: index + 1]) + (image.config if archive in first else b""))
            path = f"{folder}/layer.tar"
            target = f"../{first[archive]}" if first.setdefault(archive, path) != path else ""
            members[path] = Member(path, b"" if target else archive, target)
            members[f"{folder}/VERSION"] = Member(f"{folder}/VERSION", b"1.0")
            members[f"{folder}/json"] = Member(f"{folder}/json", json.dumps({"id": folder}).encode())
            paths.append(path)
        name = f"{hexdigest(image.config)}.json"
        members[name] = Member(name, image.config)
        manifest.append({"Config": name, "RepoTags": image.tags or None, "Layers": paths})
    return [*(members[name] for name in sorted(members)), _json("manifest.json", manifest), _json("repositories", {})]


def docker_25(images: Sequence[ImageSpec]) -> list[Member]:
    """Docker from 25 on, graph driver: blobs sorted by digest, among them V1 configs that nothing references."""
    blobs = _Blobs()
    manifest: list[dict[str, Any]] = []
    descriptors = []
    for image in images:
        layers = [blobs.add(archive) for archive in image.archives]
        for number, _ in enumerate(layers):
            blobs.add_json({"id": f"{image.tags}{number}", "os": "linux"})
        config = blobs.add(image.config)
        descriptors.append(blobs.add_json({"schemaVersion": 2, "config": config, "layers": layers}))
        manifest.append({"Config": config, "RepoTags": image.tags or None, "Layers": layers, "LayerSources": {}})
    index = _json("index.json", {"manifests": descriptors})
    return [
        *blobs.sorted(),
        index,
        _json("manifest.json", manifest),
        _json("oci-layout", {}),
        _json("repositories", {}),
    ]


def compress_always_alike(data: bytes) -> bytes:
    """Compress with gzip, without the time."""
    return gzip.compress(data, mtime=0)


def containerd(images: Sequence[ImageSpec], compress: Callable[[bytes], bytes] = compress_always_alike) -> list[Member]:
    """Write as the containerd store does: nested indexes, an attestation, another platform whose blobs are missing."""
    blobs = _Blobs()
    manifest, descriptors = [], []
    for image in images:
        layers, config = [blobs.add(compress(archive)) for archive in image.archives], blobs.add(image.config)
        ours = blobs.add_json({"config": config, "layers": layers})
        statement = blobs.add_json({"_type": "https://in-toto.io/Statement/v0.1", "subject": [ours]})
        unknown = blobs.add_json({"architecture": "unknown", "os": "unknown", "rootfs": {"diff_ids": [statement]}})
        attestation = blobs.add_json({"config": unknown, "layers": [statement]})
        foreign = blobs.add_json({"config": "blobs/sha256/" + "0" * 64, "layers": ["blobs/sha256/" + "1" * 64]})
        descriptors.append(blobs.add_json({"manifests": [ours, foreign, attestation]}))
        manifest.append({"Config": config, "RepoTags": image.tags or None, "Layers": layers})
    index = _json("index.json", {"manifests": descriptors})
    return [
        *blobs.sorted(),
        index,
        _json("manifest.json", manifest),
        _json("oci-layout", {"imageLayoutVersion": "1.0.0"}),
    ]


def estargz(images: Sequence[ImageSpec]) -> list[Member]:
    """Write as the containerd store does, with layers that are gzip archives of many members."""
    return containerd(images, members_gzip)


def crane(images: Sequence[ImageSpec]) -> list[Member]:
    """Write as crane does: compressed layers, and a colon in the config's name."""
    members, manifest = {}, []
    for image in images:
        name = f"sha256:{hexdigest(image.config)}"
        members[name] = Member(name, image.config)
        packed = [gzip.compress(archive, mtime=0) for archive in image.archives]
        paths = [f"{hexdigest(data)}.tar.gz" for data in packed]
        members |= {path: Member(path, data) for path, data in zip(paths, packed, strict=True)}
        manifest.append({"Config": name, "RepoTags": image.tags or None, "Layers": paths})
    return [*members.values(), _json("manifest.json", manifest)]


def podman(images: Sequence[ImageSpec]) -> list[Member]:
    """Write as podman does: layers named by diff ID, linked to from the folders of old."""
    members, manifest = {}, []
    for image in images:
        paths = [f"{hexdigest(archive)}.tar" for archive in image.archives]
        for path, archive in zip(paths, image.archives, strict=True):
            members[path] = Member(path, archive)
            link = f"{hexdigest(path.encode())}/layer.tar"
            members[link] = Member(link, target=f"../{path}")
        name = f"{hexdigest(image.config)}.json"
        members[name] = Member(name, image.config)
        manifest.append({"Config": name, "RepoTags": image.tags or None, "Layers": paths})
    return [*members.values(), _json("repositories", {}), _json("manifest.json", manifest)]


LAYOUTS: dict[str, Callable[[Sequence[ImageSpec]], list[Member]]] = {
    layout.__name__: layout for layout in (docker_20, docker_25, containerd, estargz, crane, podman)
}


def members_gzip(data: bytes, size: int = 700) -> bytes:
    """Compress into a gzip archive of many members, as eStargz does."""
    return b"".join(gzip.compress(data[at : at + size]) for at in range(0, len(data), size))


def _json(name: str, value: Any) -> Member:
    return Member(name, json.dumps(value).encode())


class _Blobs:
    """The blobs of an OCI layout."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def add(self, data: bytes) -> str:
        """Add a blob and return its path."""
        path = f"blobs/sha256/{hexdigest(data)}"
        self._blobs[path] = data
        return path

    def add_json(self, value: Any) -> str:
        """Add a JSON blob and return its path."""
        return self.add(json.dumps(value).encode())

    def sorted(self) -> list[Member]:
        """Return the blobs in the order of their digests."""
        return [Member(path, self._blobs[path]) for path in sorted(self._blobs)]


class OciBlobs:
    """The blobs of an OCI layout or a registry, and descriptors of them as the specification has these."""

    def __init__(self) -> None:
        self.by_digest: dict[str, bytes] = {}

    def add(self, data: bytes, media_type: str, **fields: Any) -> dict[str, Any]:
        """Add a blob and return its descriptor, with more fields than it needs."""
        digest = f"sha256:{hexdigest(data)}"
        self.by_digest[digest] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data), **fields}

    def add_json(self, value: Any, kind: str, **fields: Any) -> dict[str, Any]:
        """Add a document of OCI's, such as `image.index`, and return its descriptor."""
        return self.add(json.dumps(value).encode(), f"application/vnd.oci.{kind}.v1+json", **fields)

    def add_image(
        self,
        image: ImageSpec,
        compress: Callable[[bytes], bytes] = lambda data: gzip.compress(data, mtime=0),
        config: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Add an image, with more fields in its config; return the descriptor of its manifest."""
        layers = [self.add(compress(data), "application/vnd.oci.image.layer.v1.tar+gzip") for data in image.archives]
        described = self.add_json(json.loads(image.config) | dict(config or {}), "image.config")
        return self.add_json({"schemaVersion": 2, "config": described, "layers": layers}, "image.manifest", **fields)

    def add_index(self, *images: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
        """Add an index of what these descriptors describe; return its own descriptor."""
        return self.add_json({"schemaVersion": 2, "manifests": images}, "image.index", **fields)

    def files(self, *images: Mapping[str, Any]) -> dict[str, bytes]:
        """Return the files of a layout by their paths; its index.json has these descriptors."""
        blobs = {f"blobs/{digest.replace(':', '/')}": data for digest, data in self.by_digest.items()}
        index = json.dumps({"schemaVersion": 2, "manifests": images}).encode()
        return {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": index, **blobs}


def named(name: str) -> dict[str, dict[str, str]]:
    """Return the field of a descriptor that gives an image its name in a layout."""
    return {"annotations": {"org.opencontainers.image.ref.name": name}}
