"""The reports that the bench fills a database with are reports like others."""

from __future__ import annotations

from pathlib import Path

from backend.store import Store
from benchmarks import crowd
from benchmarks.service_stack import VARIANT


def test_filled_reports_are_listed(tmp_path: Path) -> None:
    """All of them, newest first, under the variant that the bench asks for."""
    url = f"sqlite:///{tmp_path}/w.db"
    crowd.fill(url, 5500)
    store = Store(url)
    found = store.reports(variant=VARIANT, before=None, limit=6000)
    store.close()

    assert len({report.id for report in found}) == 5500
    assert found == sorted(found, key=lambda report: (report.recorded_at, report.id), reverse=True)
    assert {report.variants for report in found} == {((VARIANT, 1),)}
