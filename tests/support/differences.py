"""A difference of two images that has something of everything."""

from __future__ import annotations

from weighbridge.model.report import Pull
from weighbridge.report.comparison import NOISE_BYTES, Comparison
from weighbridge.report.difference import LayerDifference, LedgerDifference, VariantDifference
from weighbridge.report.growth import explain_growth


def explain(difference: VariantDifference, noise_bytes: int = NOISE_BYTES) -> Comparison:
    """Return a comparison that found this difference."""
    return Comparison(difference=difference, growth=explain_growth(difference), noise_bytes=noise_bytes)


def row(category: str, name: str, sizes: tuple[int, int], versions: tuple[str | None, str | None]) -> LedgerDifference:
    """Return a row of a ledger's difference."""
    return LedgerDifference(
        category=category,
        name=name,
        before_version=versions[0],
        after_version=versions[1],
        before_bytes=sizes[0],
        after_bytes=sizes[1],
        delta_bytes=sizes[1] - sizes[0],
    )


CHANGE = VariantDifference(
    variant="old -> new",
    before_bytes=184_000_000,
    after_bytes=196_200_000,
    delta_bytes=12_200_000,
    base_delta_bytes=10_000,
    layers=(
        LayerDifference(instruction="ADD root.tar /", diff_id="a", change="same", shipped_bytes=78_500_000),
        LayerDifference(instruction="COPY /venv /venv", diff_id="b", change="added", shipped_bytes=56_000_000),
        LayerDifference(instruction="COPY /venv /venv", diff_id="c", change="removed", shipped_bytes=43_800_000),
    ),
    ledger=(
        row("python", "pillow", (0, 14_200_000), (None, "12.1.0")),
        row("python", "a-distribution-with-a-very-long-name", (3_000_000, 1_000_000), ("1.0", "2.0")),
        row("debian", "libpq5", (375_000, 375_000), ("17.12", "17.13")),
        row("wasted", "deleted-directory", (20_000, 10_000), (None, None)),
        row("base", "libc6", (12_000_000, 12_010_000), ("2.41-1", "2.41-2")),
        row("base", "base-files", (1_000, 1_000), ("13.8+deb13u1", "13.8+deb13u2")),
    ),
    cost=Pull(bytes=18_300_000, basis="exact"),
)
