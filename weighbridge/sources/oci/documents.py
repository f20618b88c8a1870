"""Parses the JSON documents in a `docker save` archive: manifest.json, and the configs that it names.

Fields: OCI image-spec, config.md; for manifest.json, Docker Image Specification v1.2. Unknown fields are ignored.

Most builders are written in Go, which leaves empty fields out or writes them as null. So null means the same as nothing
here, and a field on which no figure depends makes no image unreadable, whatever it holds. Lists that may be long fail
at their first fault: pydantic would otherwise keep a description of each, which takes a hundred times the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)

from weighbridge.errors import UnreadableImage
from weighbridge.model.limits import DEFAULT, Limits
from weighbridge.quoting import quote
from weighbridge.sources.budget import Resource, check_count

T = TypeVar("T")

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


def _read_text(value: Any) -> Any:
    return value if isinstance(value, str) else ""


def _read_texts(value: Any) -> Any:
    """Return what of a JSON object is text, null being empty text."""
    pairs = value.items() if isinstance(value, Mapping) else ()
    return {name: text or "" for name, text in pairs if text is None or isinstance(text, str)}


def _read_object(value: Any) -> Any:
    return value if isinstance(value, Mapping) else {}


def _read_steps(value: Any, info: ValidationInfo) -> Any:
    _check_items("history_steps", value, info)
    return [_read_object(each) for each in value] if isinstance(value, list) else []


def read_list(value: Any) -> Any:
    """Return an empty list for null, and anything else as it is."""
    return [] if value is None else value


def read_layers(value: Any, info: ValidationInfo) -> Any:
    """Return a list with an item for each layer of one image.

    Raises:
        LimitExceeded: It is longer than the limit, which `parse_json` passes as context.
    """
    _check_items("layers", value, info)
    return read_list(value)


def _check_items(resource: Resource, value: Any, info: ValidationInfo) -> None:
    """Check the length of a list before pydantic makes an object of each item, which takes a hundred times as much.

    Raises:
        LimitExceeded: It is longer than the limit of one image.
    """
    if isinstance(value, list):
        name, limits = info.context or ("The document", DEFAULT)
        check_count(resource, len(value), limits, name)


Text = Annotated[str, BeforeValidator(_read_text)]
"""Text on which no figure depends: whatever else stands there is no text."""
Texts = Annotated[Mapping[str, str], BeforeValidator(_read_texts)]
"""Text by name, likewise."""


class FrozenModel(BaseModel):
    """A document in JSON, or a part of one; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True)


class ManifestEntry(FrozenModel):
    """One image of an archive."""

    config: str = Field(alias="Config")
    """Name of the member that holds the config."""
    repo_tags: Annotated[tuple[str, ...], FailFast(), BeforeValidator(read_list)] = Field(alias="RepoTags", default=())
    layers: Annotated[tuple[str, ...], FailFast(), BeforeValidator(read_layers)] = Field(alias="Layers", default=())
    """Names of members, lowest layer first."""


class RootFS(FrozenModel):
    """The layers of an image, lowest first."""

    diff_ids: Annotated[tuple[Digest, ...], FailFast(), BeforeValidator(read_layers)] = ()
    """None at all in an image without layers."""


class Step(FrozenModel):
    """One entry of the history."""

    created_by: Text = ""
    comment: Text = ""
    empty_layer: Annotated[bool, BeforeValidator(lambda value: value is True)] = False


class Execution(FrozenModel):
    """How the engine starts a container of the image."""

    labels: Texts = Field(alias="Labels", default={})
    working_dir: Text = Field(alias="WorkingDir", default="")


class Config(FrozenModel):
    """An image's config."""

    architecture: Text = ""
    os: Text = ""
    variant: Text = ""
    config: Annotated[Execution, BeforeValidator(_read_object)] = Execution()
    rootfs: Annotated[RootFS, BeforeValidator(lambda value: {} if value is None else value)] = RootFS()
    history: Annotated[tuple[Step, ...], BeforeValidator(_read_steps)] = ()


_MANIFEST = TypeAdapter(Annotated[tuple[ManifestEntry, ...], FailFast()])
_CONFIG = TypeAdapter(Config)


def parse_manifest(text: bytes, limits: Limits = DEFAULT) -> tuple[ManifestEntry, ...]:
    """Parse manifest.json into the images that it lists; each has the limits to itself."""
    return parse_json(_MANIFEST, text, "manifest.json", limits)


def parse_config(text: bytes, name: str, limits: Limits = DEFAULT) -> Config:
    """Parse an image's config; `name` is what an error calls it."""
    return parse_json(_CONFIG, text, name, limits)


def parse_json(adapter: TypeAdapter[T], text: bytes, name: str, limits: Limits = DEFAULT) -> T:
    """Parse a JSON document with an adapter.

    Raises:
        LimitExceeded: It has more layers or history steps than one image may have.
        UnreadableImage: The text is not such a document; `name` is what the error calls it.
    """
    try:
        return adapter.validate_json(text, context=(name, limits))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole document"
        raise UnreadableImage(f"{name} is damaged: {quote(place)}: {quote(first['msg'])}") from error
