"""The recorded regressions are what an engine builds: a new build of the quickest one gives what its record says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live import regressions
from tests.live.conftest import made
from weighbridge.build import bases
from weighbridge.engine.client import DockerEngine
from weighbridge.model.report import Image, Report
from weighbridge.render.verdict import describe_cause
from weighbridge.report import baseline, records
from weighbridge.report.summary import Summary

pytestmark = pytest.mark.engine


def test_recorded_chown_is_built_again(engine: DockerEngine, python_base: bases.BaseImage, tmp_path: Path) -> None:  # noqa: ARG001 - there must be a base
    """The same bytes by the same cause, wherever the base's own packages have come to since."""
    with made(engine, tmp_path) as project:
        regressions.prepare(engine, project)
        before, after = (regressions.record(engine, project, name) for name in (regressions.BEFORE, "chown"))
    kept = [_recorded(name) for name in (regressions.BEFORE, "chown")]
    assert _told(before, after) == _told(*kept)
    assert _own(before) == _own(kept[0])
    assert _own(after) == _own(kept[1])


def _recorded(name: str) -> Report:
    return records.parse_json((regressions.RECORDS / f"{name}.json").read_bytes(), name)


def _told(before: Report, after: Report) -> tuple[int, str]:
    compared = baseline.compare(before, after, "before")
    (found,) = compared.comparisons
    return found.delta_bytes, describe_cause(Summary(report=after, baseline=compared), found)


def _own(report: Report) -> list[tuple[str, int, int | None]]:
    """Return the layers over the base, which are the same whenever they are built."""
    image: Image = report.images[0]
    return [(each.instruction, each.shipped_bytes, each.wasted_bytes) for each in image.layers if not each.in_base]
