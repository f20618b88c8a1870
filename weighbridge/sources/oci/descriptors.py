"""Descriptors: what one document of a registry or a layout says of another, or of a blob.

Fields: OCI image-spec, descriptor.md; Docker's manifests and indexes have the same ones. Null stands for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from weighbridge.model.platform import UNKNOWN, Platform
from weighbridge.sources.oci.documents import FrozenModel, Text, Texts

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
CONFIG_TYPES = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
_ATTESTATION = "vnd.docker.reference.type"
_UNKNOWN = Platform(UNKNOWN, UNKNOWN)


def _read_platform(value: Any) -> Any:
    """Return a descriptor's platform; None where it tells none."""
    if not isinstance(value, Mapping):
        return None
    parts = {name: value.get(name) for name in ("os", "architecture", "variant")}
    return {name: part for name, part in parts.items() if isinstance(part, str)} or None


def _read_urls(value: Any) -> Any:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


class Descriptor(FrozenModel):
    """What one document says of another, or of a blob."""

    digest: Annotated[str, Field(pattern=r"^[a-z0-9]+([+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$")]
    size: Annotated[int, Field(ge=0, lt=2**63)]
    media_type: Text = Field(alias="mediaType", default="")
    artifact_type: Text = Field(alias="artifactType", default="")
    platform: Annotated[Platform | None, BeforeValidator(_read_platform)] = None
    urls: Annotated[tuple[str, ...], BeforeValidator(_read_urls)] = ()
    """From where else to fetch it, of a blob that the registry must not hand out."""
    annotations: Texts = Field(default_factory=dict)

    @property
    def may_be_image(self) -> bool:
        """Whether it describes an image or an index, as far as it says: no attestation, no chart, no signature."""
        return (
            self.media_type in ("", *INDEX_TYPES, *MANIFEST_TYPES)
            and (self.artifact_type or CONFIG_TYPES[0]) in CONFIG_TYPES
            and self.platform != _UNKNOWN
            and _ATTESTATION not in self.annotations
        )

    @property
    def is_foreign(self) -> bool:
        """Whether it is a layer that the registry may leave to others to hand out, such as Windows' own."""
        return bool(self.urls) or "foreign" in self.media_type or "nondistributable" in self.media_type

    def get_annotation(self, name: str) -> str:
        """Return the annotation of that name, empty where there is none."""
        return self.annotations.get(name, "")
