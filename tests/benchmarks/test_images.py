"""The comparison of images: the patterns, the targets, the tables. With an engine: tests/live/test_patterns.py."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import cast

import pytest

from benchmarks import image_report, images, memory, patterns, starts, suite
from benchmarks.image_results import Compared, ImageResults
from benchmarks.starts import Start
from tests.support.images import ImageSpec
from tests.support.shelf import Shelf
from weighbridge.engine.protocol import Engine
from weighbridge.errors import NoSuchImage, SettingsError
from weighbridge.model.report import Pull
from weighbridge.render.terminal import console
from weighbridge.settings.project import check

PROJECT = Path(__file__).parents[2]
MB = 10**6


def compared(
    name: str, *, shipped: int = 100 * MB, seconds: float = 1, memory: int = 100 * MB, is_ours: bool = False
) -> Compared:
    """Return an image whose second of three starts, by time and by memory, is the given one."""
    runs = tuple(Start(seconds=seconds * each, memory_bytes=memory * each) for each in (3, 1, 0))
    return Compared(
        name=name,
        is_ours=is_ours,
        shipped_bytes=shipped,
        pull=Pull(bytes=shipped // 3, basis="estimated"),
        starts={"api": runs, "worker": runs},
        again_seconds=(0.4, 9, 0.3),
        change_seconds=(3.5, 1, 4),
        change_pull=Pull(bytes=60_000, basis="estimated"),
    )


def results(*found: Compared, left_out: str = "") -> ImageResults:
    """Return what a comparison found."""
    return ImageResults(
        rounds=3,
        engine="Docker 28.5.2, overlay2",
        base="python:3.13-slim-trixie",
        images=found,
        left_out={"uv": left_out} if left_out else {},
    )


OURS = (
    compared("multi", shipped=90 * MB, seconds=0.6, is_ours=True),
    compared("minimal", shipped=80 * MB, seconds=0.5, memory=99 * MB, is_ours=True),
)
FULL = results(
    compared("single", seconds=0.1, is_ours=True),
    *OURS,
    compared("small", shipped=200 * MB, seconds=2),
    compared("quick", shipped=400 * MB),
    left_out="word " * 40,
)


def test_every_pattern_has_a_file_and_every_file_is_a_pattern() -> None:
    """The patterns are the Dockerfiles in the folder."""
    assert {path.name for path in patterns.FOLDER.iterdir()} == {f"{name}.Dockerfile" for name in patterns.NAMES}


@pytest.mark.parametrize("name", patterns.NAMES)
def test_pattern_is_comparable(name: str) -> None:
    """It tells what it follows and what was adapted, stands on the given base, and pulls nothing else."""
    text = (patterns.FOLDER / f"{name}.Dockerfile").read_text(encoding="utf-8")
    head = text[: text.index("ARG PYTHON_IMAGE=python:3.13-slim-trixie")]
    froms = [line.split()[1] for line in text.splitlines() if line.startswith("FROM ")]

    assert head.startswith("# After: ")
    assert "# Adapted: " in head
    assert "syntax=" not in text
    assert set(froms) <= {"${PYTHON_IMAGE}", "scratch"}
    assert froms[0] == "${PYTHON_IMAGE}"
    assert '"uvicorn", "backend.main:app"' in text.splitlines()[-1]


def test_targets() -> None:
    """Each compares a median with its limit, or with the peer that is best at it; variants are no peers."""
    found = [(each.name, round(each.measured or 0, 3), each.meets) for each in FULL.targets]
    expected = [
        ("minimal: shipped", 80 * MB, True),
        ("minimal: shipped, of the best peer's", 0.4, True),
        ("multi: shipped, of the best peer's", 0.45, True),
        ("minimal: pull", 26_666_666, True),
        ("multi: API start, of the best peer's", 0.6, False),
        ("multi: worker start, of the best peer's", 0.6, False),
        ("multi: API memory, of the best peer's", 1.0, True),
        ("multi: worker memory, of the best peer's", 1.0, True),
        ("minimal: API start, of the best peer's", 0.5, True),
        ("minimal: worker start, of the best peer's", 0.5, True),
        ("minimal: API memory, of the best peer's", 0.99, True),
        ("minimal: worker memory, of the best peer's", 0.99, True),
    ]

    assert found[:12] == expected
    for name, target in zip(("multi", "minimal"), (found[12:15], found[15:]), strict=True):
        assert target == [
            (f"{name}: pull after a changed line", 60_000, False),
            (f"{name}: build after a changed line", 3.5, False),
            (f"{name}: build after no change", 0.4, True),
        ]


@pytest.mark.parametrize("found", [results(), results(compared("small")), results(OURS[0])])
def test_what_is_missing_meets_nothing(found: ImageResults) -> None:
    """A target of a variant that is not there, or without any peer, is left open."""
    absent = [each for each in found.targets if each.name.startswith("minimal") or each.unit == "times"]

    assert {each.meets for each in absent} == {None}


def test_tables_fit_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything fits 80 columns, nothing but a long reason is cut, and verdicts are words."""
    monkeypatch.setenv("COLUMNS", "80")
    image_report.render(FULL)
    lines = capsys.readouterr().out.splitlines()
    text = "\n".join(lines)

    assert max(map(len, lines)) <= 80
    assert all(word in text for word in ("✓ meets", "✗ misses", "medians of 3, in turns", "60.0 kB", "0.50 s"))
    assert text.count("…") == 1
    assert "Left out: uv, because word" in text


def test_json_is_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON holds every run, every median and every verdict."""
    image_report.render_json(FULL)
    told = json.loads(capsys.readouterr().out)

    assert [(each["name"], each["kind"]) for each in told["images"]][2:4] == [
        ("minimal", "variant"),
        ("small", "pattern"),
    ]
    minimal = told["images"][2]
    assert minimal["starts"]["api"]["median_seconds"] == 0.5
    assert minimal["starts"]["worker"]["runs"][0] == {"seconds": 1.5, "memory_bytes": 297 * MB}
    assert minimal["line_changed"] == {
        "median_seconds": 3.5,
        "seconds": [3.5, 1, 4],
        "pull": {"bytes": 60_000, "basis": "estimated"},
    }
    assert len(told["targets"]) == 18
    assert told["targets"][4]["meets"] is False


def test_times_of_the_engine() -> None:
    """A time with nanoseconds, as engines tell it, is read to the microsecond."""
    assert starts._parse_time("1970-01-02T00:00:00.123456789Z") == pytest.approx(86400.123456, abs=1e-6)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs a Linux that adds mappings up")
def test_mappings_are_all_of_a_process() -> None:
    """What is read of single mappings adds up to what the kernel says of all of them."""
    with subprocess.Popen(["sh", "-c", "echo; read nothing"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()  # from now on it waits, and its memory stays as it is
        texts = [Path(f"/proc/{process.pid}", name).read_text(encoding="utf-8") for name in ("smaps", "smaps_rollup")]
        process.kill()
    single, ((_, whole),) = map(memory.parse_sections, texts)

    for kind in ("Rss", "Anonymous"):
        assert sum(sizes[kind] for _, sizes in single) == whole[kind]
    assert len({mapping for mapping, _ in single if mapping[2] != "0"}) > 5


def test_no_run_at_all() -> None:
    """A comparison of no run is an error of the user's."""
    settings = check({"variants": {"multi": {}}})
    with console.show_activity() as shown, pytest.raises(SettingsError, match="--runs 0"):
        images.compare(settings, PROJECT, shown, rounds=0)


def test_missing_variants_are_named_before_anything_is_measured() -> None:
    """The bench needs all variants in the engine, and says which task makes them."""
    engine = cast("Engine", Shelf([ImageSpec(tags=("backend:a",), layers=())], "docker_20"))
    settings = check({"repository": "backend", "variants": {"a": {}, "b": {}, "c": {}}})
    with pytest.raises(NoSuchImage) as caught:
        suite.choose_images(settings, engine)
    assert str(caught.value) == "The engine has no image backend:b, backend:c. Run `invoke build` first."
