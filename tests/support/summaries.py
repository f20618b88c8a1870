"""A summary that fills every part of the HTML report, for the tests of its text and of its behaviour in a browser."""

from __future__ import annotations

from dataclasses import replace

from weighbridge.model.report import (
    Base,
    EngineIdentity,
    Finding,
    Image,
    Layer,
    LedgerRow,
    OwnBytes,
    Pull,
    Rebuild,
    Report,
    Sharing,
    Twins,
    Waste,
)
from weighbridge.model.smoke import Standing, StartCosts
from weighbridge.model.tree import Node
from weighbridge.report.comparison import Comparison, compare_reports
from weighbridge.report.summary import Baseline, Summary

MB = 1_000_000


def summary(text: str = "redis") -> Summary:
    """Return a summary in which every text that comes from outside is, or has in it, this one."""
    small, large = _image("multi", text, 20 * MB), _image(f"single {text}", text, 90 * MB)
    after = _report("2026-11-24T10:00:00Z", (large, small), text)
    before = _report("2026-11-20T10:00:00Z", (_image("multi", text, 15 * MB, base=60 * MB, version="7.0"),), text)
    compared = compare_reports(before, _report("2026-11-24T10:00:00Z", (small,), text))
    return Summary(
        report=after,
        baseline=Baseline(
            label=f"main {text}",
            report=replace(before, images=(*before.images, large)),
            comparisons=tuple(each for each in compared if isinstance(each, Comparison)),
            refusals={f"single {text}": f"its base is {text}."},
        ),
        standings={
            "multi": Standing(
                ok=True,
                at="2026-11-24T09:00:00Z",
                rules=41,
                failed=(),
                figures=StartCosts(api_ready_seconds=1.6),
            ),
            f"single {text}": Standing(ok=False, at="2026-11-24T09:00:00Z", rules=41, failed=(text, "worker ready")),
        },
        history=lambda: (before,),
    )


def trees(text: str = "redis") -> dict[str, Node]:
    """Return the files of the smaller image: two layers, of which the second has a package with two folders."""
    orm = Node(
        name="orm",
        bytes=12 * MB,
        category="python",
        files=2,
        children=(
            Node(name=f"{text}.py", bytes=9 * MB, category="python"),
            Node(name="query.py", bytes=3 * MB, category="python"),
        ),
    )
    package = Node(
        name=f"{text} 8.0",
        bytes=20 * MB,
        category="python",
        files=3,
        children=(orm, Node(name="core.py", bytes=8 * MB, category="python")),
    )
    base = Node(name="0: ADD root.tar /", bytes=70 * MB, category="base")
    layer = Node(name=f"1: COPY {text}", bytes=20 * MB, category="python", files=3, children=(package,))
    return {"multi": Node(name="", bytes=90 * MB, children=(base, layer), files=4)}


def _image(variant: str, text: str, own: int, *, base: int = 70 * MB, version: str = "8.0") -> Image:
    layers = (
        _layer(0, base, f"ADD {text} /", text, in_base=True),
        _layer(1, own, f"COPY {text}", text, in_base=False),
    )
    waste = Waste(
        cause="replaced", bytes=2 * MB, shipped_by=0, killed_by=1, path=f"/{text}", file_count=2, remedy=f"Drop {text}."
    )
    return Image(
        variant=variant,
        reference=text,
        source="docker",
        id=f"sha256:{variant}",
        platform="linux/amd64",
        shipped_bytes=base + own,
        live_bytes=base + own - 2 * MB,
        wasted_bytes=2 * MB,
        pull=Pull(bytes=(base + own) // 3, basis="estimated"),
        file_count=100,
        base=Base(reference=f"python{text}", layers=1, shipped_bytes=base),
        layers=layers,
        ledger=(
            LedgerRow(category="base", name="libc6", version="2.41", bytes=base - 10 * MB),
            LedgerRow(category="base", name=f"base {text}", version=text, bytes=10 * MB),
            LedgerRow(category="python", name=text, version=version, bytes=own - 5 * MB),
            LedgerRow(category="application", name=f"/app/{text}", version=None, bytes=3 * MB),
            LedgerRow(category="wasted", name=text, version=None, bytes=2 * MB),
        ),
        waste=(waste,),
        findings=(Finding(rule=f"budget {text}", level="warning", message=f"Too large: {text}"),),
        rebuilds=(
            Rebuild(
                change="code",
                seconds=2.5,
                steps_run=1,
                steps_cached=9,
                layers=layers[1:],
                pull=Pull(bytes=3000, basis="estimated"),
            ),
            Rebuild(change=text, seconds=20.5, steps_run=5, steps_cached=5, layers=(), pull=None),
        ),
    )


def _layer(index: int, size: int, instruction: str, text: str, *, in_base: bool) -> Layer:
    return Layer(
        index=index,
        diff_id=f"sha256:{text}{index}{size}",
        instruction=instruction,
        in_base=in_base,
        shipped_bytes=size,
        live_bytes=size,
        wasted_bytes=0,
        pull_bytes=size // 3,
        file_count=50,
    )


def _report(recorded_at: str, images: tuple[Image, ...], text: str) -> Report:
    return Report(
        recorded_at=recorded_at,
        commit=recorded_at.replace("-", "")[:8] * 5,
        dirty=False,
        engine=EngineIdentity(version=text, store=text, platform="linux/amd64"),
        images=images,
        sharing=Sharing(
            shipped_bytes=200 * MB,
            pull_bytes=1,
            unique=(OwnBytes(variant=text, shipped_bytes=1, pull_bytes=1),),
            twins=(Twins(first=text, second=text, shipped_bytes=1, why=text),),
        ),
    )
