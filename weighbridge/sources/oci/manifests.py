"""The documents that lead from a name to an image's config and layers: OCI's and Docker's manifests and indexes.

Fields: OCI image-spec, descriptor.md, manifest.md, image-index.md; Docker's manifest schema 2 has the same ones. The
parser recognises a document by its fields, because media types are many and sometimes missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    FailFast,
    Field,
    TypeAdapter,
    ValidationError,
)

from weighbridge.errors import NoSuchImage, UnreadableImage
from weighbridge.model.limits import DEFAULT, Limits
from weighbridge.model.platform import UNKNOWN, Platform, detect_own, parse
from weighbridge.quoting import join_names, quote
from weighbridge.sources.oci.descriptors import MANIFEST_TYPES, Descriptor
from weighbridge.sources.oci.documents import FrozenModel, Text, parse_config, parse_json, read_layers, read_list

MAX_DOCUMENT_BYTES = 8 * 2**20
"""Limit on a manifest, an index or a config: the form of one document, whatever an image may have of them. Registries
accept no manifest longer than 4 MiB."""
MAX_DEPTH = 8
"""How deep indexes may be nested; containerd nests two."""
MAX_MANIFESTS = 1000
"""How many entries all indexes of one image together may have: other images, on which no limit of one image bears."""

Document = Callable[[str], bytes]
"""Takes a digest; returns that document, unchecked, or raises an error of ours if there is none."""


def _read_subject(value: Any) -> Any:
    """Return the descriptor in `subject`; None if it is damaged, which is no error because no figure depends on it."""
    try:
        return Descriptor.model_validate(value)
    except ValidationError:
        return None


class Manifest(FrozenModel):
    """One image."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    """Lowest first."""
    artifact_type: str = ""
    """The kind of an artifact that is no image; empty if the manifest does not say it."""
    subject: Descriptor | None = None
    """The manifest to which this one belongs, such as the image that a signature signs."""


class Index(FrozenModel):
    """Several images, or one image for several platforms."""

    manifests: tuple[Descriptor, ...]


class _Either(FrozenModel):
    config: Descriptor | None = None
    layers: Annotated[tuple[Descriptor, ...], FailFast(), BeforeValidator(read_layers)] = ()
    manifests: Annotated[tuple[Descriptor, ...], FailFast(), BeforeValidator(read_list)] = ()
    fs_layers: Any = Field(alias="fsLayers", default=None)
    artifact_type: Text = Field(alias="artifactType", default="")
    subject: Annotated[Descriptor | None, BeforeValidator(_read_subject)] = None


_EITHER = TypeAdapter(_Either)


def parse_document(text: bytes, name: str, limits: Limits = DEFAULT) -> Manifest | Index:
    """Parse a manifest or an index; `name` is what an error calls it.

    Raises:
        UnreadableImage: The text is neither, or has the fields of both, or is a manifest of Docker's schema 1.
    """
    if text.lstrip()[:1] == b"<":
        raise UnreadableImage(
            f"{name} is a web page instead of a manifest",
            advice="Check the host's name, and whether a proxy sends its login page.",
        )
    either = parse_json(_EITHER, text, name, limits)
    fields = either.model_fields_set
    if "fs_layers" in fields:
        raise UnreadableImage(
            f"{name} is a manifest of Docker's schema 1, which has no sizes and no diff IDs",
            advice="Copy it: `skopeo copy docker://HOST/NAME oci:FOLDER`, and weigh that.",
        )
    if "manifests" in fields and fields & {"config", "layers"}:
        raise UnreadableImage(f"{name} is both a manifest and an index")
    if "manifests" in fields:
        return Index(manifests=either.manifests)
    if either.config:
        return Manifest(
            config=either.config,
            layers=either.layers,
            artifact_type=either.artifact_type,
            subject=either.subject,
        )
    raise UnreadableImage(f"{name} is neither a manifest nor an index")


def check_document(data: bytes, descriptor: Descriptor, name: str) -> None:
    """Compare a document with the descriptor that refers to it.

    Raises:
        UnreadableImage: The length or the digest differs, or the digest is not a SHA-256.
    """
    if len(data) != descriptor.size:
        raise UnreadableImage(f"{name} has {len(data)} bytes and should have {descriptor.size}")
    check_algorithm(descriptor, name)
    if compute_digest(data) != descriptor.digest:
        raise UnreadableImage(
            f"{name} is damaged: its digest is {compute_digest(data)[:19]}…, not {descriptor.digest[:19]}…"
        )


def check_algorithm(descriptor: Descriptor, name: str) -> None:
    """Raise `UnreadableImage` if a digest is not a SHA-256, the only algorithm in use."""
    if len(descriptor.digest) != len("sha256:") + 64 or not descriptor.digest.startswith("sha256:"):
        raise UnreadableImage(f"{name} has the digest {quote(descriptor.digest)}, which is not a SHA-256", advice="")


def compute_digest(data: bytes) -> str:
    """Return the digest of a document in the form that descriptors use."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def choose(
    root: Manifest | Index,
    name: str,
    document: Document,
    *,
    platform: str = "",
    config: Document | None = None,
    present: Callable[[str], bool] = bool,
    limits: Limits = DEFAULT,
) -> Manifest:
    """Return the manifest of one image.

    Args:
        root: What the name leads to. If it is a manifest, it is returned as it is, whatever its platform.
        name: What an error calls the image.
        document: Returns the manifests and indexes that `root` leads to.
        platform: `os/architecture[/variant]`. Empty: the only image, or else this machine's platform.
        config: Returns configs, if `document` does not; asked only if an index does not state a platform.
        present: Tells whether the source has the document of a digest. Those that it lacks are skipped.
        limits: The limits of one image.

    Raises:
        NoSuchImage: There is no image for that platform; the message lists the platforms that there are.
        UnreadableImage: A document is missing or damaged, or the indexes are nested too deeply.
    """
    if isinstance(root, Manifest):
        return root
    wanted = require_platform(platform) if platform else detect_own()
    chooser = _Chooser(name, document, config or document, present, limits)
    images = list(chooser.iterate_images(root))
    if not images:
        raise UnreadableImage(f"{name} is an index that leads to no image here")
    if len(images) == 1 and not platform:
        return chooser.fetch_manifest(images[0])
    platforms = [chooser.find_platform(image) for image in images]
    # Without `platform`, this machine's variant is a preference: its own comes first, but any variant will do.
    needed = wanted if platform else replace(wanted, variant="")
    suiting = [index for index, each in enumerate(platforms) if each.suits(needed)]
    if not suiting:
        raise describe_missing_platform(name, wanted, platforms)
    return chooser.fetch_manifest(images[min(suiting, key=lambda index: platforms[index].full != wanted.full)])


def require_platform(platform: str) -> Platform:
    """Parse the platform that a user asks for.

    Raises:
        NoSuchImage: The text is not a platform.
    """
    found = parse(platform)
    if found is None:
        advice = "Write it like linux/amd64 or linux/arm/v7."
        raise NoSuchImage(f"{quote(platform)} is not a platform", advice=advice)
    return found


def describe_missing_platform(name: str, wanted: Platform, there: list[Platform]) -> NoSuchImage:
    """Return the error for a missing platform; it lists the platforms that the image has."""
    others = join_names(dict.fromkeys(str(each) or "an unknown platform" for each in there))
    return NoSuchImage(
        f"{name} does not exist for {wanted}, but for {others}", advice="Ask for one of these platforms."
    )


class _Chooser:
    """Follows the indexes of one image, each of them once."""

    def __init__(
        self, name: str, document: Document, config: Document, present: Callable[[str], bool], limits: Limits
    ) -> None:
        self._name, self._document, self._config, self._present = name, document, config, present
        self._limits = limits
        self._seen, self._count = set[str](), 0

    def iterate_images(self, index: Index, depth: int = 1) -> Iterator[Descriptor]:
        """Yield the descriptors of the images of an index, in its order."""
        if depth > MAX_DEPTH:
            raise UnreadableImage(f"{self._name} is nested in more than {MAX_DEPTH} indexes")
        self._count += len(index.manifests)
        if self._count > MAX_MANIFESTS:
            raise UnreadableImage(f"{self._name} is an index of more than {MAX_MANIFESTS} manifests")
        for each in index.manifests:
            if each.digest in self._seen or not each.may_be_image or not self._present(each.digest):
                continue
            self._seen.add(each.digest)
            inner = None if each.media_type in MANIFEST_TYPES else self._fetch(each)
            if isinstance(inner, Index):
                yield from self.iterate_images(inner, depth + 1)
            else:
                yield each

    def fetch_manifest(self, image: Descriptor) -> Manifest:
        """Fetch the manifest of an image."""
        found = self._fetch(image)
        if isinstance(found, Index):
            raise UnreadableImage(f"{self._name} has an index where a manifest was announced")
        return found

    def find_platform(self, image: Descriptor) -> Platform:
        """Return an image's platform, from its config if its descriptor has none."""
        if image.platform:
            return image.platform
        described, name = self.fetch_manifest(image).config, f"A config of {self._name}"
        config = parse_config(fetch_document(described, self._config, name), name, self._limits)
        return Platform(config.os or UNKNOWN, config.architecture or UNKNOWN, config.variant)

    def _fetch(self, image: Descriptor) -> Manifest | Index:
        name = f"A manifest of {self._name}"
        return parse_document(fetch_document(image, self._document, name), name, self._limits)


def fetch_document(descriptor: Descriptor, document: Document, name: str) -> bytes:
    """Fetch the document that a descriptor refers to, and check it.

    Raises:
        UnreadableImage: The document is too long, missing or damaged.
    """
    if descriptor.size > MAX_DOCUMENT_BYTES:
        raise UnreadableImage(f"{name} has {descriptor.size} bytes, which is too long")
    check_algorithm(descriptor, name)
    data = document(descriptor.digest)
    check_document(data, descriptor, name)
    return data
