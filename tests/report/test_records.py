"""Saved records read back unchanged, and an error says what is not a record."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import NewerRecord, SettingsError, UnreadableRecord
from weighbridge.model.report import Base, EngineIdentity, Image, Layer, Report
from weighbridge.report import records

LAYER = Layer(index=0, diff_id="sha256:0", instruction="RUN é\n", in_base=True, shipped_bytes=2**40, file_count=3)
IMAGE = Image(
    variant="multi",
    reference="backend:multi",
    source="docker",
    id="sha256:1",
    platform="linux/amd64",
    shipped_bytes=2**40,
    file_count=3,
    base=Base(reference="debian:trixie-slim", layers=1, shipped_bytes=2**40),
    layers=(LAYER,),
)
REPORT = Report(
    recorded_at="2026-11-23T10:00:00Z",
    commit="0123456789abcdef0123456789abcdef01234567",
    dirty=True,
    engine=EngineIdentity(version="28.5.2", store="overlay2", platform="linux/amd64"),
    images=(IMAGE, replace(IMAGE, variant="single", base=None, layers=())),
)


def test_round_trip() -> None:
    """A record reads back as the value that was written, even without engine, commit and images."""
    bare = replace(REPORT, commit=None, engine=None, images=())
    for report in (REPORT, bare):
        assert records.parse_json(records.dump_json(report)) == report


# Seconds are finite, which their type does not say, and JSON has no other numbers.
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))


@given(st.builds(Report))
def test_round_trip_of_anything(report: Report) -> None:
    """Any text and any numbers in a report read back unchanged."""
    assert records.parse_json(records.dump_json(report)) == report


def changed(**fields: Any) -> str:
    """Return the record with fields added or replaced."""
    return json.dumps(json.loads(records.dump_json(REPORT)) | fields)


def test_unknown_fields_are_ignored() -> None:
    """A record of a later version still reads; its additional fields are ignored."""
    assert records.parse_json(changed(later={"a": 1})) == REPORT


def test_newer_format_is_told_apart() -> None:
    """A record of a newer format says that, whatever its fields are, and what to do; a huge number is cut."""
    numbers = "its format is 2, this version reads 1"
    wanted = rf"^x was written by a newer version of Weighbridge: {numbers}[.] Use that version[.]$"
    for text in (changed(format=2), json.dumps({"format": 2, "pictures": []})):
        with pytest.raises(NewerRecord, match=wanted):
            records.parse_json(text, "x")
    with pytest.raises(NewerRecord, match=r"its format is 1000+…, this"):
        records.parse_json(changed(format=10**3000), "x")
    assert records.parse_json(changed(format=1)) == REPORT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed(format=2), "written by a newer version of Weighbridge: its format is 2, this version reads 1[.] Use"),
        (changed(format=0), "x.json is not a record: format: 0 is not 1"),
        (changed(format="2"), "x.json is not a record: format: '2' is not 1"),
        (changed(format=[1] * 1000), "x.json is not a record: format: .1, 1, "),
        (changed(images=7), "x.json is not a record: images: "),
        (changed(images=[{}]), "x.json is not a record: images.0.variant: "),
        ("[]", "x.json is not a record: the whole: "),
        ("", "x.json is not JSON: "),
        ("{" * 100_000, "x.json is not JSON: "),
        ("[" * 100_000, "x.json is not JSON: "),
    ],
)
def test_what_is_no_record_is_told(text: str, message: str) -> None:
    """For each kind of invalid record, the error is one line with the file's name and the first wrong place."""
    with pytest.raises(UnreadableRecord, match=message) as caught:
        records.parse_json(text, "x.json")
    assert "\n" not in str(caught.value)


def test_what_the_quick_reader_refuses_is_read_the_long_way() -> None:
    """A lone surrogate and UTF-16, which Python's JSON accepts but the fast reader does not, are still read."""
    text = records.dump_json(REPORT)
    assert records.parse_json(text.encode("utf-16")) == REPORT
    odd = text.replace(REPORT.recorded_at, "\\ud800")
    assert records.parse_json(odd) == replace(REPORT, recorded_at="\ud800")


def test_bytes_that_are_no_text() -> None:
    """A binary file is not a record either."""
    with pytest.raises(UnreadableRecord, match="record is not JSON"):
        records.parse_json(b"\xff\xfe\x00")


def test_save_names_the_file_by_time_and_commit(tmp_path: Path) -> None:
    """The folder is made; the names of records sort by time; other users may read the file."""
    path = records.save(REPORT, records.prepare_folder(tmp_path / "new" / "reports"))
    assert path == tmp_path / "new/reports/20261123T100000Z-0123456789ab.json"
    assert records.parse_json(path.read_bytes()) == REPORT
    assert path.stat().st_mode & 0o777 == 0o644
    assert records.save(replace(REPORT, commit=None), tmp_path).name == "20261123T100000Z-uncommitted.json"


def test_two_records_of_one_second_both_stay(tmp_path: Path) -> None:
    """No record is overwritten: the later one gets a number."""
    first = records.save(REPORT, tmp_path)
    second = records.save(replace(REPORT, dirty=False), tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([first, second])
    assert records.parse_json(first.read_bytes()).dirty
    assert not records.parse_json(second.read_bytes()).dirty


def test_crash_before_the_end_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a crash during writing, neither the record nor its draft exists."""

    def crash(_handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        records.save(REPORT, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in place of the folder is a settings error, one line with the setting's name."""
    (tmp_path / "reports").write_text("")
    with pytest.raises(SettingsError, match=r"reports cannot be written: .*reports\.directory"):
        records.save(REPORT, tmp_path / "reports")


def test_history(tmp_path: Path) -> None:
    """All records are returned, oldest first by their own time; other files are named."""
    late = replace(REPORT, recorded_at="2026-11-20T05:00:00Z")
    early = replace(REPORT, recorded_at="2026-11-20T02:00:00Z", commit="1" * 40)
    for each in (late, early):
        records.save(each, tmp_path)
    (tmp_path / "20261120T020000Z-111111111111.json").rename(tmp_path / "z.json")
    (tmp_path / "b.json").write_bytes(b"\xff")
    (tmp_path / "a.json").mkdir()
    (tmp_path / "README.md").write_text("")
    assert records.read_history(tmp_path) == records.History(reports=(early, late), unreadable=("a.json", "b.json"))
    assert records.read_history(tmp_path / "missing") == records.History(reports=(), unreadable=())


def test_history_tells_newer_records_from_others_and_waits_for_nothing(tmp_path: Path) -> None:
    """A record of a newer version is listed as that; a FIFO, a folder and a file that is too long are no records."""
    kept = records.save(REPORT, tmp_path)
    (tmp_path / "newer.json").write_text(changed(format=2))
    os.mkfifo(tmp_path / "fifo.json")
    (tmp_path / "folder.json").mkdir()
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(records.LONGEST + 1)
    found = records.read_history(tmp_path)
    assert found.reports == (records.parse_json(kept.read_bytes()),)
    assert (found.unreadable, found.newer) == (("fifo.json", "folder.json", "huge.json"), ("newer.json",))
    assert [*found.describe_left_out()] == [
        "fifo.json is not a record and was left out",
        "folder.json is not a record and was left out",
        "huge.json is not a record and was left out",
        "newer.json was written by a newer version of Weighbridge and was left out; use that version to see it",
    ]
