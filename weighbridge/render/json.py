"""Writes results for machines: only JSON, nothing else on the stream."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, TextIO

from weighbridge.model.report import FORMAT_VERSION
from weighbridge.report.records import dump_json

if TYPE_CHECKING:  # one value is rendered; the modules of the others are not loaded for it
    from weighbridge.model.build import BuildResult, Setup
    from weighbridge.model.smoke import Proof
    from weighbridge.report.comparison import Comparison
    from weighbridge.report.summary import Summary
    from weighbridge.report.trend import Trend


def render(summary: Summary, stream: TextIO | None = None) -> None:
    """Write the record."""
    (stream or sys.stdout).write(dump_json(summary.report))


def render_difference(comparison: Comparison, stream: TextIO | None = None) -> None:
    """Write what changed from one image to another."""
    value = {
        "format": FORMAT_VERSION,
        **asdict(comparison.difference),
        "own_delta_bytes": comparison.growth.own_bytes,
        "noise_bytes": comparison.noise_bytes,
    }
    (stream or sys.stdout).write(json.dumps(value, indent=2) + "\n")


def render_setup(setup: Setup, stream: TextIO | None = None) -> None:
    """Write what `invoke engine` found or made."""
    (stream or sys.stdout).write(json.dumps({"format": FORMAT_VERSION, **asdict(setup)}, indent=2) + "\n")


def render_build(result: BuildResult, stream: TextIO | None = None) -> None:
    """Write what was built, one object per variant."""
    variants = [
        {
            "variant": each.variant,
            "image_id": each.image_id,
            "seconds": each.seconds,
            "steps_run": each.count("done"),
            "steps_cached": each.count("cached"),
            "weight": asdict(result.weights[each.variant]) if each.variant in result.weights else None,
            "pushed": result.pushed.get(each.variant),
        }
        for each in result.built
    ]
    value = {
        "format": FORMAT_VERSION,
        "base": result.base,
        "replaced": list(result.replaced),
        "large_contexts": [asdict(each) for each in result.large_contexts],
        "variants": variants,
    }
    (stream or sys.stdout).write(json.dumps(value, indent=2) + "\n")


def render_proofs(proofs: Sequence[Proof], stream: TextIO | None = None) -> None:
    """Write the results of the smoke test, one object per variant."""
    from weighbridge.model.smoke import serialize_proof  # noqa: PLC0415 - as above

    variants = [serialize_proof(proof) for proof in proofs]
    (stream or sys.stdout).write(json.dumps({"format": FORMAT_VERSION, "variants": variants}, indent=2) + "\n")


def render_trend(trend: Trend, stream: TextIO | None = None) -> None:
    """Write all points of all variants, the oldest first."""
    (stream or sys.stdout).write(json.dumps({"format": FORMAT_VERSION, **asdict(trend)}, indent=2) + "\n")
