"""Every command that compares images refuses the same pairs, with the same reason."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend import service
from backend.store import Store
from tests.support.images import Entry, ImageSpec, docker_25, tar_of
from weighbridge.cache import Cache
from weighbridge.commands import diff, weigh
from weighbridge.commands import trend as trend_command
from weighbridge.commands.report import summarize
from weighbridge.errors import NotComparable, SettingsError
from weighbridge.image.base_image import FROM_LABEL, NAME_LABEL, TOP_LABEL
from weighbridge.model.report import Report
from weighbridge.render.terminal import report as terminal
from weighbridge.report import baseline, budgets, records, trend
from weighbridge.settings.project import Settings
from weighbridge.settings.project import check as settings_check
from weighbridge.sources.locations import ARCHIVE, Location

SIZES = {"system": 900, "tools": 500, "app": 70, "larger": 90}
SYSTEM, TOOLS, APP, LARGER = ((Entry(name, b"1" * size),) for name, size in SIZES.items())
SETTINGS = settings_check({"variants": {"app": {}}, "budgets": {"default": {"growth": {"bytes": "1 MB"}}}})
Pair = tuple[ImageSpec, ImageSpec]


def spec(
    *layers: tuple[Entry, ...],
    base: str = "",
    depth: int = 0,
    is_read: bool = False,
    architecture: str = "amd64",
    variant: str = "",
) -> ImageSpec:
    """Return an image; if it has a base, its labels name the base and its first layers.

    With `is_read` they also say that the build read the base in its Dockerfile.
    """
    image = ImageSpec(tags=("app:1",), layers=layers, architecture=architecture, variant=variant)
    labels = {NAME_LABEL: base, TOP_LABEL: f"{depth} {image.diff_ids[depth - 1]}"} if base else {}
    return replace(image, labels=labels | ({FROM_LABEL: base} if is_read else {}))


PYTHON = spec(SYSTEM, TOOLS, APP, base="python:3.13", depth=2)
CASES: dict[str, tuple[Pair, tuple[str, str]]] = {
    "platforms": ((spec(SYSTEM, APP, architecture="arm64"), spec(SYSTEM, APP)), ("linux/arm64", "linux/amd64")),
    "variants of a platform": (
        (spec(APP, architecture="arm", variant="v6"), spec(APP, architecture="arm", variant="v7")),
        ("linux/arm/v6", "linux/arm/v7"),
    ),
    "ways to know a base": (
        (PYTHON, spec(SYSTEM, TOOLS, APP, base="python:3.13", depth=2, is_read=True)),
        ("the image's label", "the build's Dockerfile"),
    ),
    "bases": ((PYTHON, spec(SYSTEM, APP, base="debian:13", depth=1)), ("python:3.13", "debian:13")),
    "known and unknown base": ((PYTHON, spec(SYSTEM, TOOLS, APP)), ("python:3.13", "unknown")),
    "unknown and known base": ((spec(SYSTEM, TOOLS, APP), PYTHON), ("unknown", "python:3.13")),
}


@pytest.fixture
def archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Pair], tuple[Path, Path]]:
    """Return a function that writes both images as archives."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def write(pair: Pair) -> tuple[Path, Path]:
        paths = tmp_path / "before.tar", tmp_path / "after.tar"
        for path, image in zip(paths, pair, strict=True):
            path.write_bytes(tar_of(docker_25([image])))
        return paths

    return write


def report(path: Path, day: int) -> Report:
    """Return the report of an archive."""
    found = weigh.weigh({"app": Location(ARCHIVE, str(path))}, path.parent, cache=Cache(path.parent / "layers")).report
    return records.parse_object(json.loads(records.dump_json(found)) | {"recorded_at": f"2026-11-{day}T10:00:00Z"})


def refuse_diff(before: Path, after: Path) -> str:
    """Return the reason with which `invoke diff` refuses, and check its exit code."""
    with pytest.raises(NotComparable) as caught:
        diff.run(SETTINGS, before.parent, f"archive:{before}", f"archive:{after}", "json")
    assert isinstance(caught.value, SettingsError)
    assert caught.value.exit_code == 2
    return str(caught.value)


def refuse_baseline(before: Path, after: Path) -> str:
    """Return the reason with which `--baseline` refuses."""
    compared = baseline.compare(report(before, 20), report(after, 21), "main")
    assert compared.comparisons == ()
    return compared.refusals["app"]


def refuse_trend(before: Path, after: Path) -> str:
    """Return the reason of a trend's break."""
    (variant,) = trend.trace_variants([report(before, 20), report(after, 21)]).variants
    assert variant.points[1].change == trend.Change()
    (found,) = variant.points[1].breaks
    return found.why


def refuse_budget(before: Path, after: Path) -> str:
    """Return the only finding of a growth budget."""
    later = report(after, 21)
    compared = baseline.compare(report(before, 20), later, "main")
    (finding,) = budgets.check(later, SETTINGS, compared).images[0].findings
    assert (finding.rule, finding.level) == ("budget-growth-unjudged", "warning")
    return finding.message


def refuse_service(before: Path, after: Path) -> str:
    """Return the reason with which the service refuses."""
    store = Store(f"sqlite:///{before.parent}/service.db")
    sent = list[str]()
    ids = [
        service.add_report(store, records.dump_json(each).encode())[0]
        for each in (report(before, 20), report(after, 21))
    ]
    comparison = service.request_comparison(store, sent.append, *ids)
    service.run_comparison(store, comparison.id)
    done = service.get_comparison(store, comparison.id)
    store.close()
    assert done.status == "done"
    (row,) = json.loads(done.difference or b"")
    assert set(row) == {"variant", "refusal"}
    return str(row["refusal"])


@pytest.mark.parametrize("refuse", [refuse_diff, refuse_baseline, refuse_trend, refuse_budget, refuse_service])
@pytest.mark.parametrize("case", list(CASES))
def test_unlike_images_are_refused(
    archives: Callable[[Pair], tuple[Path, Path]], case: str, refuse: Callable[[Path, Path], str]
) -> None:
    """Every command that compares images refuses the same pairs, and names what differs in both images."""
    pair, words = CASES[case]
    told = refuse(*archives(pair))
    assert all(each in told for each in words)
    assert told.index(words[0]) < told.index(words[1])


def test_images_of_one_kind_are_compared(
    archives: Callable[[Pair], tuple[Path, Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Images that can be compared are compared, with the noise limit of the settings."""
    before, after = archives((PYTHON, spec(SYSTEM, TOOLS, LARGER, base="python:3.14", depth=2)))
    settings = settings_check({"variants": {"app": {}}, "budgets": {"noise": "21 B"}})
    diff.run(settings, before.parent, f"archive:{before}", f"archive:{after}", "json")
    value: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (value["delta_bytes"], value["own_delta_bytes"], value["base_delta_bytes"]) == (20, 20, 0)
    assert value["noise_bytes"] == 21


def test_noise_of_the_settings_reaches_the_trend(
    archives: Callable[[Pair], tuple[Path, Path]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The trend takes the noise limit of the settings, also if no record has one of their variants."""
    folder = records.prepare_folder(tmp_path / "records")
    for day, path in enumerate(archives((PYTHON, PYTHON)), 20):
        records.save(report(path, day), folder)
    for variant in ("app", "other"):
        values = {"variants": {variant: {}}, "budgets": {"noise": "21 B"}, "reports": {"directory": "records"}}
        trend_command.run(settings_check(values), tmp_path, (), "json")
        drawn: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert (drawn["noise_bytes"], [each["variant"] for each in drawn["variants"]]) == (21, ["app"])


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        ("20 B", r"app \+20 B since main, [-\w, ]+; largest cause"),
        ("21 B", r"almost none since main, [-\w, ]+: app \+20 B"),
    ],
)
def test_noise_of_the_settings_reaches_the_report(
    archives: Callable[[Pair], tuple[Path, Path]], capsys: pytest.CaptureFixture[str], noise: str, words: str
) -> None:
    """Every format of the report uses the noise limit of the settings."""
    before, after = archives((PYTHON, spec(SYSTEM, TOOLS, LARGER, base="python:3.13", depth=2)))
    settings: Settings = settings_check({"variants": {"app": {}}, "budgets": {"noise": noise}})
    later = report(after, 21)
    terminal.render(summarize(later, report(before, 20), "main", settings, folder=None, trees=dict))
    text = " ".join(capsys.readouterr().out.split())
    assert re.search(words, text)
