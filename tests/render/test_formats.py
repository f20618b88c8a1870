"""The formats of each command, and what they ask for and show."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.summaries import summary
from weighbridge.errors import SettingsError
from weighbridge.model.report import Report
from weighbridge.render import formats
from weighbridge.report.comparison import Comparison, compare_reports
from weighbridge.report.records import dump_json
from weighbridge.report.summary import Summary

PROJECT = Path(__file__).parents[2]


def test_formats_of_the_smoke_test() -> None:
    """The smoke test has a format for people, for scripts and for CI."""
    assert list(formats.PROOFS) == ["terminal", "json", "junit"]


@pytest.mark.parametrize("table", [formats.REPORTS, formats.PROOFS])
def test_formats(table: dict[str, object]) -> None:
    """The terminal is the first format; an unknown one is refused with a list of all."""
    assert formats.choose(table, next(iter(table))) is table["terminal"]
    with pytest.raises(SettingsError, match=rf"^Unknown format xml[.] Choose from {', '.join(table)}[.]$"):
        formats.choose(table, "xml")


TABLES = (formats.SETUPS, formats.BUILDS, formats.REPORTS, formats.DIFFERENCES, formats.PROOFS, formats.TRENDS)


@pytest.mark.parametrize("render", [render for table in TABLES for render in table.values()], ids=repr)
def test_each_format_can_be_loaded_beforehand(render: formats.Renderer) -> None:
    """Its module has the function that the table names."""
    assert render.load().__module__ == f"weighbridge.render.{render.module}"


def test_formats_of_a_report_are_loaded_beforehand(tmp_path: Path) -> None:
    """In a new interpreter, only those that are wanted."""
    code = (
        "import sys\nfrom weighbridge.render import formats\nfrom weighbridge.render.outputs import Outputs\n"
        f"Outputs(formats.REPORTS, ['json', 'svg:{tmp_path}/x.svg']).load()\n"
        "print(*(name in sys.modules for name in ('weighbridge.render.json', 'weighbridge.render.svg.report', 'rich')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert done.stdout == "True True False\n"


@pytest.mark.parametrize("name", sorted(set(formats.REPORTS) - {"html"}))
def test_only_a_page_asks_for_files_and_history(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the page reads files and history, which take long to compute."""
    formats.REPORTS[name](replace(summary(), trees=_refused, history=_refused))
    assert capsys.readouterr().out


COMPARED = {f"weighbridge.report.{name}" for name in ("comparison", "difference", "growth")}
TABLE = "weighbridge.image.packages.ecosystems"
FIRST = """
import io, sys
from weighbridge.render import formats
from weighbridge.report.records import parse_json
from weighbridge.report.summary import Summary

formats.REPORTS[sys.argv[1]](Summary(report=parse_json(sys.stdin.buffer.read())), io.StringIO())
print(*sys.modules)
"""


@pytest.mark.parametrize("name", sorted(formats.REPORTS))
def test_first_report_loads_no_more_than_it_shows(name: str) -> None:
    """No parser is loaded, and without a baseline nothing that compares, but by the page with its chart of records."""
    record = dump_json(summary().report)
    done = subprocess.run(
        [sys.executable, "-c", FIRST, name], input=record, capture_output=True, text=True, check=True, cwd=PROJECT
    )
    loaded = {*done.stdout.split()}
    assert "weighbridge.render.formats" in loaded
    assert {each for each in loaded if each.startswith("weighbridge.image.packages.")} <= {TABLE}
    assert (loaded & COMPARED) == (COMPARED if name == "html" else set())


def _refused() -> NoReturn:
    raise AssertionError


PRELUDE, DEED = "--mount=type=secret,id=ca set -eux; export A=b; ", "make everything"


def instructed() -> Summary:
    """Return a summary in which the instruction of every layer that is ours has a prelude, and causes are layers."""
    whole = summary()
    assert whole.baseline

    def with_prelude(report: Report) -> Report:
        images = []
        for image in report.images:
            first, *ours = image.layers
            own = tuple(replace(layer, instruction=f"RUN {PRELUDE}{DEED}") for layer in ours)
            rebuilds = tuple(replace(each, layers=own) for each in image.rebuilds)
            images.append(replace(image, layers=(first, *own), ledger=(), rebuilds=rebuilds))
        return replace(report, images=tuple(images))

    report, before = with_prelude(whole.report), with_prelude(whole.baseline.report)
    found = tuple(each for each in compare_reports(before, report) if isinstance(each, Comparison))
    return replace(whole, report=report, baseline=replace(whole.baseline, report=before, comparisons=found))


@pytest.mark.parametrize(("name", "least"), [("terminal", 4), ("markdown", 3), ("html", 4)])
def test_instructions_are_shown_without_their_prelude(name: str, least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers, causes and rebuilds say what an instruction does; a page also has the whole, for those who open it."""
    monkeypatch.setenv("COLUMNS", "200")
    stream = io.StringIO()
    formats.REPORTS[name](instructed(), stream)
    text = stream.getvalue()
    assert text.count(f"RUN {DEED}") >= least
    opened = text.count(f"</summary><code>RUN {PRELUDE}{DEED}</code>")
    assert text.count(PRELUDE) == opened
    assert bool(opened) is (name == "html")


def test_instructions_are_whole_for_programs() -> None:
    """JSON is the record: it has each instruction as the image tells it."""
    stream = io.StringIO()
    formats.REPORTS["json"](instructed(), stream)
    assert f"RUN {PRELUDE}{DEED}" in stream.getvalue()
    assert f"RUN {DEED}" not in stream.getvalue()


def test_difference_without_preludes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two images compared tell what their layers' instructions do, and to programs the whole."""
    monkeypatch.setenv("COLUMNS", "200")
    whole = instructed()
    assert whole.baseline
    change = next(each for each in whole.baseline.comparisons if each.delta_bytes)
    formats.DIFFERENCES["terminal"](change)
    shown = capsys.readouterr().out
    assert f"RUN {DEED}" in shown
    assert PRELUDE not in shown
    formats.DIFFERENCES["json"](change)
    assert f"RUN {PRELUDE}{DEED}" in capsys.readouterr().out
