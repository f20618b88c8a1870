"""What else than images registries and layouts keep in an image's form: signatures, attestations, charts, programs.

Media types: those that cosign, in-toto, Notary, Helm, WebAssembly, SPDX and CycloneDX have for themselves. An artifact
names its kind in its `artifactType`, in its config's media type or in those of its layers (OCI image-spec, manifest.md,
"Guidelines for Artifact Usage").
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from weighbridge.errors import LimitExceeded, UnreadableImage
from weighbridge.model.limits import DEFAULT, Limits
from weighbridge.quoting import quote
from weighbridge.sources.oci.descriptors import CONFIG_TYPES, Descriptor
from weighbridge.sources.oci.documents import Config, parse_config
from weighbridge.sources.oci.manifests import Manifest

_PREDICATE = "in-toto.io/predicate-type"
_SIGNED = "It belongs to an image: weigh that one{}."
_TAG = re.compile(r"sha256-([0-9a-f]{64})\.(?:sig|att|sbom)\b")
"""The tag under which cosign keeps what belongs to the image of that digest."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of artifact."""

    name: str
    types: re.Pattern[str]
    """Media types that tell it."""
    advice: str
    """What to do instead; `{}` stands for the image that the artifact belongs to, where that is known."""


_KINDS = (
    _Kind(
        "a cosign signature",
        re.compile(
            r"application/vnd\.dev\.cosign\.(?:simplesigning|artifact\.sig)\b.*|application/vnd\.dev\.sigstore\..*"
        ),
        _SIGNED,
    ),
    _Kind("an in-toto attestation", re.compile(r"application/vnd\.in-toto(?:\.\w+)?\+(?:json|dsse)"), _SIGNED),
    _Kind("an attestation", re.compile(r"application/vnd\.dsse\.envelope\.v1\+json"), _SIGNED),
    _Kind("a Notary signature", re.compile(r"application/vnd\.cncf\.notary\..*"), _SIGNED),
    _Kind(
        "a software bill of materials",
        re.compile(r"(?:application|text)/(?:spdx|vnd\.cyclonedx|vnd\.syft)\b.*"),
        _SIGNED,
    ),
    _Kind(
        "a Helm chart",
        re.compile(r"application/vnd\.cncf\.helm\..*"),
        "`helm template` shows which images it starts: weigh these.",
    ),
    _Kind(
        "a WebAssembly module",
        re.compile(
            r"application/(?:vnd\.)?wasm\b.*|application/vnd\.w(?:asm|3c)\..*wasm.*|application/vnd\.module\.wasm\b.*"
        ),
        "It has no layers that a container would see; its blobs are its whole weight.",
    ),
)


def refuse_artifact(reference: str, manifest: Manifest) -> None:
    """Refuse a manifest that says of itself that it is no image.

    Raises:
        UnreadableImage: It says so; the message tells what it is, and the advice what to weigh instead.
    """
    types = (manifest.artifact_type, manifest.config.media_type, *(layer.media_type for layer in manifest.layers))
    kind = _find_kind(types)
    if kind is None:
        return
    predicate = next((text for layer in manifest.layers if (text := layer.get_annotation(_PREDICATE))), "")
    what = f"{kind.name} ({quote(predicate)})" if predicate else kind.name
    raise UnreadableImage(f"{reference} is {what}, not an image", advice=_advise(kind, reference, manifest))


def parse_image_config(reference: str, manifest: Manifest, data: bytes, limits: Limits = DEFAULT) -> Config:
    """Return the config to which a manifest leads.

    Raises:
        UnreadableImage: It is damaged, or by its media type and its fields it is no image's config at all.
    """
    is_said_to_be = manifest.config.media_type in ("", *CONFIG_TYPES)
    try:
        config = parse_config(data, f"The config of {reference}", limits)
    except LimitExceeded:
        raise
    except UnreadableImage as error:
        if is_said_to_be:
            raise
        raise _describe_unknown(reference, manifest) from error
    if not is_said_to_be and not config.rootfs.diff_ids:
        raise _describe_unknown(reference, manifest)
    return config


def _describe_unknown(reference: str, manifest: Manifest) -> UnreadableImage:
    kind = quote(manifest.artifact_type or manifest.config.media_type)
    advice = "Weigh an image; whoever made this artifact knows what reads it."
    return UnreadableImage(f"{reference} is not a container image, but {kind}", advice=advice)


def describe_others(descriptors: Iterable[Descriptor]) -> str:
    """Return what an index holds that is no image, for people: `a cosign signature, application/x`; empty: nothing."""
    found = dict[str, None]()
    for each in descriptors:
        kind = _find_kind((each.artifact_type, each.media_type))
        told = each.get_annotation(_PREDICATE) or each.get_annotation("vnd.docker.reference.type")
        name = kind.name if kind else told.replace("-manifest", "") or each.artifact_type or each.media_type
        found[quote(name) if name else "an unknown document"] = None
    return ", ".join(found)


def _find_kind(types: Iterable[str]) -> _Kind | None:
    found = [each for each in types if each]
    return next((kind for kind in _KINDS if any(kind.types.fullmatch(each) for each in found)), None)


def _advise(kind: _Kind, reference: str, manifest: Manifest) -> str:
    digest = manifest.subject.digest if manifest.subject else ""
    if not digest and (tag := _TAG.search(reference)):
        digest = f"sha256:{tag[1]}"
    return kind.advice.format(f", {digest}" if digest else "")
