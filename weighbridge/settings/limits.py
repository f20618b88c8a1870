"""The section `limits`: how much one image may have before reading it stops."""

from typing import Annotated, Final

from pydantic import Field, field_validator

from weighbridge.model.limits import DEFAULT, Limits
from weighbridge.settings.values import Bytes, Section, Size

_MOST: Final = 2**53
"""More than this, no text of ours could name exactly, and no machine could read."""
Count = Annotated[int, Field(ge=1, le=_MOST)]


class ImageLimits(Section):
    """Limits of one image, not of one layer; see `model.limits.Limits`."""

    layers: Count = DEFAULT.layers
    history_steps: Count = DEFAULT.history_steps
    entries: Count = DEFAULT.entries
    """Files, links and folders."""
    unpacked: Bytes = Size(DEFAULT.unpacked_bytes, "256 GB")
    documents: Bytes = Size(DEFAULT.document_bytes, "256 MB")
    """Manifests, configs, package databases and paths."""
    seconds: Annotated[float, Field(gt=0, le=_MOST, allow_inf_nan=False)] = DEFAULT.seconds

    @field_validator("unpacked", "documents")
    @classmethod
    def _check_size(cls, value: Size) -> Size:
        if not 1 <= value.bytes <= _MOST:
            raise ValueError(f"{value.written} is not between 1 byte and {_MOST} bytes")
        return value

    def build_limits(self) -> Limits:
        """Return the limits as the sources take them."""
        return Limits(
            layers=self.layers,
            history_steps=self.history_steps,
            entries=self.entries,
            unpacked_bytes=self.unpacked.bytes,
            document_bytes=self.documents.bytes,
            seconds=self.seconds,
        )
