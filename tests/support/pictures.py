"""Images for pictures, and a picture read as XML."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TextIO
from xml.etree import ElementTree as ET

from weighbridge.model.report import Base, Image, Layer, LedgerRow, Pull, Report
from weighbridge.model.smoke import Standing, StartCosts
from weighbridge.report.summary import Summary

SPACE = "{http://www.w3.org/2000/svg}"


GOOD = Standing(ok=True, at="2026-11-24T09:00:00Z", rules=45, failed=(), figures=StartCosts(api_ready_seconds=0.41))


BAD = Standing(ok=False, at="2026-11-24T09:00:00Z", rules=45, failed=("api live",))


def image(variant: str, own: int, base: int = 80_000_000) -> Image:
    """Return an image of one layer."""
    layer = Layer(
        index=0, diff_id=f"sha256:{own}", instruction="COPY", in_base=False, shipped_bytes=base + own, file_count=1
    )
    return Image(
        variant=variant,
        reference=variant,
        source="docker",
        id=f"sha256:{own}",
        platform="linux/amd64",
        shipped_bytes=base + own,
        file_count=1,
        base=Base(reference="python:3.13", layers=0, shipped_bytes=base),
        layers=(layer,),
        wasted_bytes=0,
        pull=Pull(bytes=own // 3, basis="estimated"),
        ledger=(
            LedgerRow(category="base", name="libc6", version="2.41", bytes=base),
            LedgerRow(category="python", name="numpy", version="2.1", bytes=own),
        ),
    )


def report(*images: Image) -> Report:
    """Return a report."""
    return Report(recorded_at="2026-11-24T10:00:00Z", commit=None, dirty=False, engine=None, images=images)


IMAGES = image("single", 400_000_000), image("multi", 40_000_000), image("minimal", 60_000_000, 0)


SUMMARY = Summary(report=report(*IMAGES), standings={"single": BAD, "multi": GOOD})


def drawn(render: Callable[[Summary, TextIO], None], summary: Summary) -> ET.Element:
    """Return the root of the picture, and see that it is XML in ASCII that asks for nothing."""
    stream = io.StringIO()
    render(summary, stream)
    text = stream.getvalue()
    assert text.isascii()
    root = ET.fromstring(text)  # noqa: S314 - our own document
    for element in root.iter():
        assert element.tag.removeprefix(SPACE) in {"svg", "title", "desc", "style", "rect", "line", "text"}
        assert not {name for name in element.attrib if "href" in name or name.startswith("on")}
    (style,) = root.findall(f"{SPACE}style")
    assert "url(" not in (style.text or "")
    assert "@import" not in (style.text or "")
    return root


def texts(root: ET.Element) -> list[str]:
    """Return what stands in the picture."""
    return [element.text or "" for element in root.iter(f"{SPACE}text")]
