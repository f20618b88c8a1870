"""What scripts get: the whole output of each kind, and nothing else."""

from __future__ import annotations

import io
import json as standard_json
from dataclasses import replace

import pytest

from tests.support.differences import CHANGE, explain
from tests.support.proofs import FAILED, REFUSED, WAIVED
from tests.support.summaries import summary
from weighbridge.model.smoke import Proof
from weighbridge.render import formats, json
from weighbridge.render.terminal import report
from weighbridge.report import records


def test_proofs(capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts get every check, how many had which outcome, the figures and the format's version, but no log."""
    json.render_proofs([WAIVED, replace(FAILED, logs={"api": "secret"})])
    out = capsys.readouterr().out
    found = standard_json.loads(out)
    assert found["format"] == 1
    assert [(each["variant"], each["ok"], each["seconds"]) for each in found["variants"]] == [
        ("single", True, 17.31),
        ("multi", False, 63.5),
    ]
    assert found["variants"][1]["checks"][4] == {
        "role": "worker",
        "rule": "ready",
        "ok": False,
        "outcome": "failed",
        "detail": REFUSED,
        "seconds": 60.04,
        "from_base": False,
    }
    assert found["variants"][1].keys() == {
        *("variant", "ok", "seconds", "profile", "image_id", "images", "rules", "figures", "checks")
    }
    assert found["variants"][0]["rules"] == {"tried": 7, "held": 6, "failed": 0, "waived": 1, "untried": 0, "noted": 0}
    assert found["variants"][1]["rules"] == {"tried": 6, "held": 3, "failed": 2, "waived": 1, "untried": 1, "noted": 0}
    assert found["variants"][1]["figures"]["worker_ready_seconds"] is None
    assert found["variants"][0]["figures"]["api_memory_bytes"] == 71_234_000
    assert "secret" not in out
    assert "Traceback" not in out


def test_report(capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON is the record and nothing else, and reads back as the same report."""
    json.render(summary())
    out, err = capsys.readouterr()
    assert records.parse_json(out) == summary().report
    assert out == records.dump_json(summary().report)
    assert not err


def test_stream_is_written_to_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """A renderer that is given a stream does not write to standard output."""
    stream = io.StringIO()
    json.render(summary(), stream)
    json.render_proofs([Proof(variant="multi", seconds=1, checks=())], stream)
    report.render(summary(), stream)
    assert capsys.readouterr() == ("", "")


def test_difference() -> None:
    """JSON has every field, and the version of the format."""
    stream = io.StringIO()
    json.render_difference(explain(CHANGE, 500), stream)
    value = standard_json.loads(stream.getvalue())
    assert value["format"] == 1
    assert (value["own_delta_bytes"], value["noise_bytes"]) == (12_190_000, 500)
    assert value["cost"] == {"bytes": 18_300_000, "basis": "exact"}
    assert [each["name"] for each in value["ledger"]] == [each.name for each in CHANGE.ledger]
    assert set(formats.DIFFERENCES) == {"terminal", "json"}
