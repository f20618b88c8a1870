"""Finds the images in an archive: a name leads to a config, the config and the manifest lead to the layers.

The names come from manifest.json (`docker save`, podman, crane), or from index.json if the archive has only that (OCI
image-spec, image-layout.md). In a folder that `skopeo copy … dir:` wrote, manifest.json is the manifest of the one
image, and the blobs lie beside it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path

from weighbridge.errors import NoSuchImage, UnreadableImage
from weighbridge.image.content import ImageContent
from weighbridge.model.limits import DEFAULT, Limits
from weighbridge.sources import archive_members, slots
from weighbridge.sources.archive_members import Members
from weighbridge.sources.assembly import assemble, check_layer_count
from weighbridge.sources.blobs import Progress, check_layer
from weighbridge.sources.budget import Budget
from weighbridge.sources.oci.artifacts import parse_image_config, refuse_artifact
from weighbridge.sources.oci.documents import Config, ManifestEntry, parse_config, parse_manifest
from weighbridge.sources.oci.manifests import Index, Manifest, choose, compute_digest, parse_document
from weighbridge.sources.oci.naming import select_images
from weighbridge.sources.processes.pool import Pool
from weighbridge.sources.tar.layer import ReadLayer, normalise_path

_SHORT, _LEAST = 12, 4
"""Signs of a digest that tell one image from others here, and the fewest that may stand for one."""
_NO_CONFIG = compute_digest(b"")


def read(
    path: Path,
    on_progress: Progress | None = None,
    *,
    limits: Limits = DEFAULT,
    images: int = 1,
    pool: Pool | None = None,
) -> Archive:
    """Read an archive file.

    Args:
        path: The file.
        on_progress: Called with the number of bytes read so far.
        limits: The limits of one image.
        images: How many images are wanted of it: all that it has are read together, within so many times the limits.
        pool: Reads several layers at once; None: this process reads them all, one after the other.

    Raises:
        LimitExceeded: The archive exceeds that.
        UnreadableImage: The file cannot be read, or is not an archive of images.
    """
    try:
        with path.open("rb") as file:
            budget = Budget(limits, str(path), images)
            place = slots.find_file(path, file)
            return Archive(archive_members.read(file, on_progress, budget=budget, file=place, pool=pool), limits)
    except OSError as error:
        advice = "Give the path of a file that `docker save` or `skopeo copy` wrote."
        raise UnreadableImage(f"{path} cannot be read: {error.strerror}", advice=advice) from error


@dataclass(frozen=True)
class Archive:
    """The images of one archive. `assemble_image` assembles an image on request, so a damaged image fails only then."""

    members: Members
    limits: Limits = DEFAULT
    """Of each image."""

    @cached_property
    def entries(self) -> tuple[ManifestEntry, ...]:
        """The images that manifest.json lists; empty if the archive has no manifest.json."""
        text = self.members.documents.get("manifest.json")
        if text is None:
            return ()
        return (self._read_folder(text),) if text.lstrip()[:1] == b"{" else parse_manifest(text, self.limits)

    @property
    def references(self) -> tuple[str, ...]:
        """All names that the archive gives to its images."""
        return tuple(tag for entry in self.entries for tag in entry.repo_tags)

    def assemble_image(self, reference: str = "", config_digest: str = "", platform: str = "") -> ImageContent:
        """Return one image: the one with this config digest, else the one with this name, else the only one.

        Raises:
            NoSuchImage: The archive has no image of that name.
            LimitExceeded: The image by itself exceeds a limit.
            UnreadableImage: A part of the image is missing or damaged.
        """
        entry = self._find_entry(reference, config_digest) if self.entries else self._follow_index(reference, platform)
        text, name = self._read_config(entry), f"The config of {reference or entry.config}"
        if text is None:
            raise self._describe_lack(name, entry.config)
        if (
            re.fullmatch(r"[0-9a-f]{64}", stated := _extract_digest(entry.config))
            and compute_digest(text) != f"sha256:{stated}"
        ):
            raise UnreadableImage(f"{name} is damaged: its digest is not {stated[:12]}…")
        layers = self._find_layers(reference, entry, parse_config(text, name, self.limits))
        shown = reference or next(iter(entry.repo_tags), compute_digest(text))
        return assemble(shown, text, [each.content for each in layers], [each.blob for each in layers], self.limits)

    def _find_entry(self, reference: str, config_digest: str) -> ManifestEntry:
        """Choose by digest, by exact name, by a digest's beginning, or by a name that is unique without registry."""
        name = reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"
        tags = [(entry, tag) for entry in self.entries for tag in entry.repo_tags]
        wanted = {config_digest, reference}
        for found in (
            [entry for entry in self.entries if self._digest(entry) in wanted],
            [entry for entry, tag in tags if tag == name],
            [entry for entry in self.entries if _is_short(reference, self._digest(entry))],
            [entry for entry, tag in tags if _is_tail(tag, name) or _is_tail(name, tag)],
            [] if reference else self.entries,
        ):
            if len({entry.config for entry in found}) == 1:
                return found[0]
        raise describe_missing_image(reference, [name for entry in self.entries for name in self._list_names(entry)])

    def _follow_index(self, reference: str, platform: str) -> ManifestEntry:
        """Follow index.json to an image, and return the entry that manifest.json would have for it."""
        index = parse_document(self._read_member("index.json"), "index.json", self.limits)
        if not isinstance(index, Index):
            raise UnreadableImage("index.json holds a manifest instead of an index")
        images, name = select_images(index, reference, "The archive"), reference or "The image"
        manifest = choose(images, name, self._read_document, platform=platform, present=self._has, limits=self.limits)
        return self._describe(name, manifest, _locate_blob)

    def _read_folder(self, text: bytes) -> ManifestEntry:
        """Return the entry for the manifest of skopeo's folder, whose blobs have their digests as names.

        Raises:
            UnreadableImage: It is an index of several images.
        """
        found = parse_document(text, "manifest.json", self.limits)
        if isinstance(found, Index):
            advice = "Copy one image of it: `skopeo copy dir:FOLDER docker-archive:FILE`, without --all."
            raise UnreadableImage("The archive is a folder of skopeo's with an index of several images", advice=advice)
        return self._describe("The image", found, lambda digest: digest.partition(":")[2])

    def _describe(self, name: str, manifest: Manifest, locate: Callable[[str], str]) -> ManifestEntry:
        """Return the entry that manifest.json would have for a manifest; `locate` takes a digest, returns a member."""
        refuse_artifact(name, manifest)
        config, *layers = (locate(each.digest) for each in (manifest.config, *manifest.layers))
        if (text := self.members.documents.get(self.members.resolve(config))) is not None:
            parse_image_config(name, manifest, text, self.limits)
        return ManifestEntry(Config=config, Layers=tuple(layers))

    def _has(self, digest: str) -> bool:
        return _locate_blob(digest) in self.members.documents

    def _read_document(self, digest: str) -> bytes:
        return self._read_member(_locate_blob(digest))

    def _read_member(self, name: str) -> bytes:
        if name not in self.members.documents:
            raise self._describe_lack("A document", name)
        return self.members.documents[name]

    def _digest(self, entry: ManifestEntry) -> str:
        return self._digests.get(self.members.resolve(entry.config), _NO_CONFIG)

    @cached_property
    def _digests(self) -> Mapping[str, str]:
        """The digest of each document: a hundred thousand entries may name the same config."""
        return {name: compute_digest(text) for name, text in self.members.documents.items()}

    def _list_names(self, entry: ManifestEntry) -> Sequence[str]:
        """Return an image's names; its short digest where it has none, as `docker save` of an id gives it none."""
        return entry.repo_tags or (self._digest(entry)[: len("sha256:") + _SHORT],)

    def _read_config(self, entry: ManifestEntry) -> bytes | None:
        return self.members.documents.get(self.members.resolve(entry.config))

    def _find_layers(self, reference: str, entry: ManifestEntry, config: Config) -> Sequence[ReadLayer]:
        """Return the layers in the order of the config's diff IDs, lowest layer first."""
        image = reference or "the image"
        if entry.layers:  # without any, the diff IDs alone say which layers the image has
            check_layer_count(image, config, len(entry.layers))
        found = []
        for index, (diff_id, member) in enumerate(zip_longest(config.rootfs.diff_ids, entry.layers, fillvalue="")):
            name, layer = f"Layer {index} of {image}", self.members.find_layer(member)
            if layer is None or (layer.diff_id and layer.diff_id != diff_id):
                # If the containerd store has written a layer under another compressed digest, it does not repeat it.
                layer, other = self._by_diff_id.get(diff_id), layer
                if layer is None and other:
                    check_layer(other, diff_id=diff_id, digest="", name=name)
            if layer is None:
                raise self._describe_lack(name, member or diff_id)
            found.append(layer)
        return found

    @cached_property
    def _by_diff_id(self) -> Mapping[str, ReadLayer]:
        proved = {layer.diff_id: layer for layer in self.members.layers.values() if layer.diff_id}
        claimed = {diff_id: self.members.layers[name] for diff_id, name in self.iterate_names()}
        return {diff_id: layer for diff_id, layer in claimed.items() if not layer.diff_id} | proved

    def iterate_names(self) -> Iterator[tuple[str, str]]:
        """Yield the diff ID of each layer, as stated in the config of an image with that layer, and its member's name.

        The result is only as true as the configs: nothing is hashed here.
        """
        parsed = dict[str, tuple[str, ...]]()
        for entry in self.entries:
            name, names = self.members.resolve(entry.config), entry.layers
            if name not in parsed:
                text = self.members.documents.get(name)
                parsed[name] = parse_config(text, "A config", self.limits).rootfs.diff_ids if text else ()
            diff_ids = parsed[name]
            if len(diff_ids) == len(names):
                pairs = ((diff_id, self.members.resolve(name)) for diff_id, name in zip(diff_ids, names, strict=True))
                yield from ((diff_id, name) for diff_id, name in pairs if name in self.members.layers)

    def _describe_lack(self, part: str, name: str) -> UnreadableImage:
        """Return the error that says why a part of the image is not available."""
        if fault := self.members.faults.get(self.members.resolve(name)):
            return UnreadableImage(f"{part}, {name}, cannot be read: {fault.message}", advice=fault.advice)
        return UnreadableImage(f"{part}, {name}, is missing or damaged")


def describe_missing_image(reference: str, names: Sequence[str]) -> NoSuchImage:
    """Return the error for an unknown name; it lists the names that the archive has."""
    there = ", ".join(names) or "images without a name"
    if not reference:
        return NoSuchImage(f"The archive has several images: {there}", advice="Name one, as in archive:FILE#NAME.")
    return NoSuchImage(f"The archive has no image {reference}; it has {there}", advice="Choose one of these.")


def _is_short(text: str, digest: str) -> bool:
    """Return whether a text is the beginning of a digest, long enough that nobody means something else."""
    hexadecimal = text.removeprefix("sha256:")
    return len(hexadecimal) >= _LEAST and digest.startswith(f"sha256:{hexadecimal}")


def _locate_blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/', 1)}"


def _extract_digest(name: str) -> str:
    """Return the digest in a config's name: `<hex>.json`, `blobs/sha256/<hex>`, or `sha256:<hex>`."""
    return posixpath.basename(normalise_path(name)).removesuffix(".json").removeprefix("sha256:")


def _is_tail(long: str, short: str) -> bool:
    return long.endswith(f"/{short}")
