"""Parses the JSON documents in a `docker save` archive: manifest.json, and the configs that it names.

Fields: OCI image-spec, config.md; for manifest.json, Docker Image Specification v1.2. Unknown fields are ignored.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from weighbridge.errors import UnreadableImage
from weighbridge.quoting import quoted

T = TypeVar("T")

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True)


class ManifestEntry(_Document):
    """One image of an archive."""

    config: str = Field(alias="Config")
    """Name of the member that holds the config."""
    repo_tags: tuple[str, ...] | None = Field(alias="RepoTags", default=None)
    layers: tuple[str, ...] | None = Field(alias="Layers", default=None)
    """Names of members, lowest layer first."""


class RootFS(_Document):
    """The layers of an image, lowest first."""

    diff_ids: tuple[Digest, ...]


class Step(_Document):
    """One entry of the history."""

    created_by: str = ""
    comment: str = ""
    empty_layer: bool = False


class Execution(_Document):
    """How the engine starts a container of the image."""

    labels: dict[str, str] | None = Field(alias="Labels", default=None)
    working_dir: str | None = Field(alias="WorkingDir", default=None)


class Config(_Document):
    """An image's config."""

    architecture: str
    os: str
    variant: str = ""
    config: Execution | None = None
    rootfs: RootFS
    history: tuple[Step, ...] | None = None


_MANIFEST = TypeAdapter(tuple[ManifestEntry, ...])
_CONFIG = TypeAdapter(Config)


def parse_manifest(text: bytes) -> tuple[ManifestEntry, ...]:
    """Parse manifest.json into the images that it lists."""
    return parsed(_MANIFEST, text, "manifest.json")


def parse_config(text: bytes, name: str) -> Config:
    """Parse an image's config; `name` is what an error calls it."""
    return parsed(_CONFIG, text, name)


def parsed(adapter: TypeAdapter[T], text: bytes, name: str) -> T:
    """Parse a JSON document with an adapter.

    Raises:
        UnreadableImage: The text is not such a document; `name` is what the error calls it.
    """
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole document"
        raise UnreadableImage(f"{name} is damaged: {quoted(place)}: {quoted(first['msg'])}") from error
