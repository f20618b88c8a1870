"""What tests of a ledger's readers draw: images whose rows add up, of any category, kind and name."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from weighbridge.image.categories import CATEGORIES
from weighbridge.model.report import Base, Image, Layer, LedgerRow, Pull

_KINDS = [category for category in CATEGORIES if category not in ("base", "wasted")]
_NAMES = st.one_of(
    st.sampled_from(["redis", "libstdc++6", "base-files", "alpine-release", "/app", "/app/x", "/usr/lib", "wheel"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
_VERSIONS = st.one_of(st.none(), st.sampled_from(["1.0", "13.8+deb13u8", "1:2~rc1", "3.22.1-r0", "14ubuntu6"]))


@st.composite
def ledger_rows(draw: st.DrawFn) -> LedgerRow:
    """Return a row as some version of ours may have recorded it."""
    category = draw(st.sampled_from(list(CATEGORIES)))
    return LedgerRow(
        category=category,
        name=draw(_NAMES),
        version=draw(_VERSIONS),
        bytes=draw(st.integers(1, 10**9)),
        kind=draw(st.sampled_from([*_KINDS, None])) if category == "base" else None,
    )


def image_of(variant: str, *rows: LedgerRow, base: Base | None = None) -> Image:
    """Return an image that has these rows and no layers."""
    return Image(
        variant=variant,
        reference=f"backend:{variant}",
        source="docker",
        id=f"sha256:{variant}",
        platform="linux/amd64",
        shipped_bytes=sum(row.bytes for row in rows),
        file_count=len(rows),
        base=base,
        layers=(),
        ledger=rows,
        wasted_bytes=sum(row.bytes for row in rows if row.category == "wasted"),
        pull=Pull(bytes=1, basis="estimated"),
    )


def stand_on(image: Image, base: Base) -> Image:
    """Return the image on a base: a layer for each of its layers, the last with all its bytes."""
    sizes = [0] * (base.layers - 1) + [base.shipped_bytes]
    layers = [
        Layer(
            index=at, diff_id=f"sha256:{at}-{size}", instruction="ADD", in_base=True, shipped_bytes=size, file_count=1
        )
        for at, size in enumerate(sizes)
    ]
    return replace(image, base=base, layers=tuple(layers))


def row(category: str, name: str, size: int, version: str | None = None, kind: str | None = None) -> LedgerRow:
    """Return a row."""
    return LedgerRow(category=category, name=name, version=version, bytes=size, kind=kind)
