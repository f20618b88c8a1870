"""Small images, and reports of them, for tests of baselines and budgets."""

from __future__ import annotations

from typing import Any

from weighbridge.model.report import Base, Image, Layer, LedgerRow, Pull, Report, Waste

MB = 1_000_000
OFFICIAL = "python:3.13-slim"


def image(
    variant: str = "multi", *, base_mb: int = 100, redis_mb: int = 30, version: str = "8.0", **fields: Any
) -> Image:
    """Return an image: a layer of its base, one of a package and one of 10 MB of waste, sizes in MB, pull a third."""
    sizes = {"ADD rootfs /": base_mb * MB, "COPY /venv /venv": redis_mb * MB, "RUN  useradd x": 10 * MB}
    layers = tuple(
        Layer(
            index=at,
            diff_id=f"sha256:{name}-{size}",
            instruction=name,
            in_base=at == 0,
            shipped_bytes=size,
            live_bytes=size,
            wasted_bytes=0,
            pull_bytes=size // 3,
            blob=f"sha256:{at}-{size}",
            file_count=1,
        )
        for at, (name, size) in enumerate(sizes.items())
    )
    shipped = sum(sizes.values())
    values: dict[str, Any] = {
        "variant": variant,
        "reference": f"backend:{variant}",
        "source": "docker",
        "id": f"sha256:{variant}-{base_mb}-{redis_mb}",
        "platform": "linux/amd64",
        "shipped_bytes": shipped,
        "live_bytes": shipped - 10 * MB,
        "wasted_bytes": 10 * MB,
        "pull": Pull(bytes=sum(each // 3 for each in sizes.values()) + 1000, basis="exact"),
        "file_count": 3,
        "base": Base(reference=OFFICIAL, layers=1, shipped_bytes=base_mb * MB),
        "layers": layers,
        "ledger": (
            LedgerRow(category="base", name="libc6", version="2.41", bytes=base_mb * MB),
            LedgerRow(category="python", name="redis", version=version, bytes=redis_mb * MB),
            LedgerRow(category="wasted", name="replaced", version=None, bytes=10 * MB),
        ),
        "waste": (
            Waste(
                cause="replaced",
                bytes=10 * MB,
                shipped_by=1,
                killed_by=2,
                path="/etc/\nx",
                file_count=1,
                remedy="Leave it alone.",
            ),
        ),
    }
    return Image(**(values | fields))


def report(*images: Image, **fields: Any) -> Report:
    """Return a report of these images."""
    values: dict[str, Any] = {
        "recorded_at": "2026-11-20T10:00:00Z",
        "commit": "3f2a9c1" + 33 * "0",
        "dirty": False,
        "engine": None,
    }
    return Report(**(values | {"images": images} | fields))
