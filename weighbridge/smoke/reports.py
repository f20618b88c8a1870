"""Two small reports to post, which differ by a number of bytes that is known without measuring."""

from __future__ import annotations

from weighbridge.model import Image, Layer, Report
from weighbridge.records import to_json

VARIANT = "smoke"
BASE_BYTES = 100_000_000
BEFORE_BYTES = BASE_BYTES + 5_000_000
AFTER_BYTES = BASE_BYTES + 7_345_678
DELTA_BYTES = 2_345_678


def before() -> str:
    """Return the record of an image with two layers."""
    return _record("2026-01-01T00:00:00Z", "b", BEFORE_BYTES)


def after() -> str:
    """Return the record of the same image with its last layer replaced."""
    return _record("2026-01-02T00:00:00Z", "c", AFTER_BYTES)


def _record(recorded_at: str, last: str, shipped_bytes: int) -> str:
    layers = (_layer(0, "a", BASE_BYTES), _layer(1, last, shipped_bytes - BASE_BYTES))
    image = Image(
        variant=VARIANT,
        reference=f"smoke:{VARIANT}",
        source="archive",
        id=f"sha256:{last * 64}",
        platform="linux/amd64",
        shipped_bytes=shipped_bytes,
        file_count=sum(layer.file_count for layer in layers),
        base=None,
        layers=layers,
    )
    return to_json(Report(recorded_at=recorded_at, commit=None, dirty=False, engine=None, images=(image,)))


def _layer(index: int, digit: str, shipped_bytes: int) -> Layer:
    return Layer(
        index=index,
        diff_id=f"sha256:{digit * 64}",
        instruction="COPY . /app",
        in_base=False,
        shipped_bytes=shipped_bytes,
        file_count=1,
    )
