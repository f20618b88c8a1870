"""The first screen of a report at 80 and at 120 columns, in a terminal and in a pipe."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from weighbridge.model.report import Base, Finding, Image, KnownBy, Layer, LedgerRow, Pull, Rebuild, Report, Waste
from weighbridge.model.smoke import Standing, StartCosts
from weighbridge.render.overview import describe_base
from weighbridge.render.terminal import report as terminal
from weighbridge.report.comparison import Comparison, compare_reports
from weighbridge.report.summary import Baseline, Summary

CHOWN = Waste(
    cause="metadata-only",
    bytes=33_000_000,
    shipped_by=1,
    killed_by=2,
    path="/venv",
    file_count=900,
    remedy="Only chown changed these files, not their bytes: use `COPY --chown=…` instead.",
)
LABEL = "main, 3f2a9c1, 2026-11-20"


def row(category: str, name: str, size: int, version: str | None = None) -> LedgerRow:
    """Return a row of a ledger."""
    return LedgerRow(category=category, name=name, version=version, bytes=size)


LEDGER = (
    row("base", "libc6", 110_000_000, "2.41-12"),
    row("base", "base-files", 2_000_000, "13.8+deb13u1"),
    row("debian", "libpq5", 4_000_000, "17.12"),
    row("python", "sqlalchemy", 30_000_000, "2.1.8"),
    row("python", "click", 10_000_000, "8.1"),
)


def image(variant: str, ledger: tuple[LedgerRow, ...], waste: tuple[Waste, ...] = ()) -> Image:
    """Return an image with three layers and these owners."""
    whole = sum(each.bytes for each in ledger)
    base = sum(each.bytes for each in ledger if each.category == "base")
    sizes = (base, whole - base - 1_000, 1_000)
    steps = ("ADD root.tar /", "COPY /venv /venv", "RUN chown -R app /venv")
    layers = tuple(
        Layer(
            index=index,
            diff_id=f"sha256:{variant}{index}{size}",
            instruction=step,
            in_base=index == 0,
            shipped_bytes=size,
            live_bytes=size,
            wasted_bytes=0,
            pull_bytes=size // 3,
            file_count=100,
        )
        for index, (size, step) in enumerate(zip(sizes, steps, strict=True))
    )
    lost = sum(each.bytes for each in waste)
    return Image(
        variant=variant,
        reference=f"backend:{variant}",
        source="docker",
        id=f"sha256:{whole}",
        platform="linux/amd64",
        shipped_bytes=whole,
        live_bytes=whole - lost,
        wasted_bytes=lost,
        file_count=6_263,
        pull=Pull(bytes=whole // 3, basis="estimated"),
        base=Base(reference="python:3.13-slim", layers=1, shipped_bytes=base),
        layers=layers,
        ledger=ledger,
        waste=waste,
    )


def report(*images: Image) -> Report:
    """Return a report of these images."""
    return Report(recorded_at="2026-11-24T10:00:00Z", commit=None, dirty=False, engine=None, images=images)


def since(before: Report, after: Report, **refusals: str) -> Summary:
    """Return the later report with the earlier as its baseline."""
    found = [each for each in compare_reports(before, after) if isinstance(each, Comparison)]
    comparisons = tuple(each for each in found if each.variant not in refusals)
    baseline = Baseline(label=LABEL, report=before, comparisons=comparisons, refusals=refusals)
    return Summary(report=after, baseline=baseline)


def standing(*failed: str, ready: float | None = 1.23, waived: int = 0, untried: int = 0) -> Standing:
    """Return how a smoke test went."""
    figures, at = StartCosts(api_ready_seconds=ready), "2026-11-24T10:00:00Z"
    return Standing(ok=not failed, at=at, rules=45, failed=failed, waived=waived, untried=untried, figures=figures)


def rebuilt(found: Image, pull: int, seconds: float) -> Image:
    """Return an image with the cost of a change of its code."""
    cost = Pull(bytes=pull, basis="exact")
    change = Rebuild(change="code", seconds=seconds, steps_run=1, steps_cached=2, layers=found.layers[2:], pull=cost)
    return replace(found, rebuilds=(change,))


def drawn(summary: Summary) -> str:
    """Return the terminal's output, without blanks at the ends of lines."""
    stream = io.StringIO()
    terminal.render(summary, stream)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def first_screen(summary: Summary) -> str:
    """Return the output before the details of the first variant."""
    text = drawn(summary)
    return text[: text.index("What a change costs")]


MULTI = image("multi", LEDGER)
MINIMAL = replace(image("minimal", LEDGER[2:]), base=Base(reference="scratch", layers=0, shipped_bytes=0))
SINGLE = image("single", (*LEDGER, row("debian", "gcc-14", 400_000_000), row("debian", "libc6-dev", 12_000_000)))
GROWN = image(
    "multi",
    (
        row("base", "libc6", 113_000_000, "2.41-13"),
        row("base", "base-files", 2_000_000, "13.8+deb13u2"),
        row("debian", "libpq5", 4_000_000, "17.13"),
        row("python", "sqlalchemy", 39_100_000, "2.1.9"),
        *(row("python", f"new-{number:02}", 10_000 + number) for number in range(12)),
    ),
)
OVER = Finding(rule="budget-pull", level="error", message="pull ~189 MB is over 150 MB")
NEAR = Finding(rule="budget-growth", level="warning", message="growth of 2.22 MB is over 1 MB")
NOW = report(
    replace(rebuilt(SINGLE, 41_600_000, 61.2), findings=(OVER,)),
    replace(rebuilt(GROWN, 41_600, 1.64), findings=(NEAR,)),
    rebuilt(MINIMAL, 41_600, 1.7),
)
WHOLE = replace(
    since(report(SINGLE, MULTI, MINIMAL), NOW, single="its pull was exact there and is estimated here"),
    standings={"single": standing("worker ready", "api ready", untried=3), "multi": standing(waived=2)},
)
AT_80 = """\
Ship       multi: ~52.7 MB to pull, 158 MB shipped; 43 of 45 smoke rules hold, 2
           waived. It is the only one whose smoke test passed. minimal is
           smaller and was not tried; `invoke smoke` does.
Cut first  Nothing is certainly removable. The largest part that could go is
           Python package sqlalchemy: 39.1 MB (25% of it). Drop it from the
           requirements if nothing that runs imports it.
Growth     multi +2.22 MB since main, 3f2a9c1, 2026-11-20; largest cause:
           sqlalchemy 2.1.8 → 2.1.9 (+9.10 MB).

What each variant weighs
                      Over                      Code    API  Smoke
 Variant  Shipped     base      Pull  Waste   change  ready  rules       Growth
 ──────────────────────────────────────────────────────────────────────────────
 single    568 MB   456 MB   ~189 MB    0 B  41.6 MB  1.2 s  ✗ 2 fail   refused
 multi     158 MB  43.2 MB  ~52.7 MB    0 B  41.6 kB  1.2 s  ✓ 43/45   +2.22 MB
 minimal  44.0 MB  44.0 MB  ~14.7 MB    0 B  41.6 kB      –  never          0 B

Smoke test of single: 2 of 45 rules fail, 3 not tried; of multi: 43 of 45 rules
hold, 2 waived.

✗ error    single: pull ~189 MB is over 150 MB
! warning  multi: growth of 2.22 MB is over 1 MB

multi: +2.22 MB (156 MB to 158 MB) since main, 3f2a9c1, 2026-11-20

   Change   Owner        Name                    What changed
 ──────────────────────────────────────────────────────────────────────────────
 -10.0 MB   python       click                   8.1 → none
 +9.10 MB   python       sqlalchemy              2.1.8 → 2.1.9
 +3.00 MB   base image   Debian 13.1 → 13.2      libc6 +3.00 MB
 +10.0 kB   python       new-11
 +10.0 kB   python       new-10
 +10.0 kB   python       new-09
 +10.0 kB   python       new-08
 +10.0 kB   python       new-07
 +10.0 kB   python       new-06
 +10.0 kB   python       new-05
 +50.0 kB                and 6 smaller changes
 +2.22 MB   in all

The base image changed by +3.00 MB, the rest by -780 kB.
A node that has the earlier image pulls ~52.7 MB for this one.

single is not compared: its pull was exact there and is estimated here
Unchanged in size since main, 3f2a9c1, 2026-11-20: minimal.

"""  # noqa: RUF001 - the dash of what is not known
AT_120 = """\
Ship       multi: ~52.7 MB to pull, 158 MB shipped; 43 of 45 smoke rules hold, 2 waived. It is the only one whose smoke
           test passed. minimal is smaller and was not tried; `invoke smoke` does.
Cut first  Nothing is certainly removable. The largest part that could go is Python package sqlalchemy: 39.1 MB (25% of
           it). Drop it from the requirements if nothing that runs imports it.
Growth     multi +2.22 MB since main, 3f2a9c1, 2026-11-20; largest cause: sqlalchemy 2.1.8 → 2.1.9 (+9.10 MB).

What each variant weighs
                      Over                      Code             API  Smoke                               Of the
 Variant  Shipped     base      Pull  Waste   change  Rebuild  ready  rules       Growth     Live  Files  largest
 ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
 single    568 MB   456 MB   ~189 MB    0 B  41.6 MB   61.2 s  1.2 s  ✗ 2 fail   refused   568 MB  6,263  100% ████████
 multi     158 MB  43.2 MB  ~52.7 MB    0 B  41.6 kB    1.6 s  1.2 s  ✓ 43/45   +2.22 MB   158 MB  6,263   28% ██▎
 minimal  44.0 MB  44.0 MB  ~14.7 MB    0 B  41.6 kB    1.7 s      –  never          0 B  44.0 MB  6,263    8% ▋

Smoke test of single: 2 of 45 rules fail, 3 not tried; of multi: 43 of 45 rules hold, 2 waived.

"""  # noqa: RUF001 - as above


def test_first_screen_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first screen has the verdict, all variants, the findings, and causes of growth that add up."""
    monkeypatch.setenv("COLUMNS", "80")
    assert first_screen(WHOLE) == AT_80


def test_first_screen_at_120_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wider terminal has more columns: the rebuild's seconds, live bytes, files and a bar."""
    monkeypatch.setenv("COLUMNS", "120")
    assert first_screen(WHOLE).startswith(AT_120)


@pytest.mark.parametrize("columns", ["80", "120"])
def test_terminal_shows_the_same(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    """A terminal adds styles but no words; a pipe has no styles."""
    monkeypatch.setenv("COLUMNS", columns)
    piped = drawn(WHOLE)
    assert "\x1b" not in piped
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    shown = drawn(WHOLE)
    assert "\x1b[1mminimal\x1b[0m" in shown or "\x1b[1mmulti" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert [line.rstrip() for line in plain.splitlines()] == piped.splitlines()


@pytest.mark.parametrize("columns", range(74, 201, 7))
def test_columns_that_have_no_room_are_left_out(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """The most important columns are whole at every width and for every name; no line is too wide."""
    monkeypatch.setenv("COLUMNS", str(columns))
    named = replace(NOW.images[1], variant="docker:registry.example/team/backend:multi")
    for summary in (WHOLE, Summary(report=replace(NOW, images=(named,)))):
        lines = drawn(summary).splitlines()
        assert max(map(len, lines)) <= columns
        table = lines[lines.index("What each variant weighs") :]
        heads = next(line.split() for line in table if line.startswith(" Variant"))
        assert heads[:2] == ["Variant", "Shipped"]
        assert "Pull" in heads
        figures = [line.split(" MB")[1:] for line in table[: 5 + len(summary.report.images)]]
        assert not any("…" in part for parts in figures for part in parts)


def test_columns_without_data_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns for smoke tests, growth and the cost of a change appear only with data."""
    monkeypatch.setenv("COLUMNS", "200")
    bare, told = drawn(Summary(report=report(MULTI))), drawn(WHOLE)
    for name in ("Smoke", "API", "Growth", "Code", "Rebuild", "Of the"):
        assert not re.search(rf"\b{name}", bare), name
        assert re.search(rf"\b{name}", told), name


def test_smoke_in_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passed, failed and untested variants differ by characters and words, not only by colour."""
    monkeypatch.setenv("COLUMNS", "80")
    text = drawn(WHOLE)
    table = text[text.index("What each variant weighs") : text.index("✗ error")]
    cells = {line.split()[0]: line for line in table.splitlines() if " MB " in line}
    assert "✗ 2 fail" in cells["single"]
    assert "✓ 43/45" in cells["multi"]
    assert "never" in cells["minimal"]


def test_nothing_to_ship(monkeypatch: pytest.MonkeyPatch) -> None:
    """If all variants fail, the first screen says so."""
    monkeypatch.setenv("COLUMNS", "120")
    summary = Summary(report=report(MULTI), standings={"multi": standing("worker ready", ready=None)})
    told = "Ship none  No variant passes its smoke test: `invoke smoke` says what fails."
    assert drawn(summary).splitlines()[0] == told


def test_new_variant_has_no_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variant that the baseline does not have is new; an unchanged one has a line."""
    monkeypatch.setenv("COLUMNS", "100")
    before, after = report(MULTI), report(MULTI, MINIMAL)
    text = drawn(since(before, after, minimal="the baseline has no such variant"))
    assert re.search(r"^ minimal .* new\b", text, re.MULTILINE)
    assert f"Growth     none since {LABEL}." in text
    assert f"Unchanged in size since {LABEL}: multi." in text


def test_noise_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change below the noise limit is a line, not a table."""
    monkeypatch.setenv("COLUMNS", "100")
    slight = image("multi", (*LEDGER, row("bytecode", "click", 300)))
    text = drawn(since(report(MULTI), report(slight)))
    assert f"Almost unchanged since {LABEL}: multi +300 B." in text
    assert "What changed" not in text


def test_nothing_can_be_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason why a variant is not compared is printed, and its growth is not a number."""
    monkeypatch.setenv("COLUMNS", "100")
    text = drawn(since(report(MULTI), report(GROWN), multi="the platform was linux/arm64"))
    assert f"Growth     unknown: nothing can be compared with {LABEL}." in text
    assert "multi is not compared: the platform was linux/arm64" in text
    assert re.search(r"^ multi .* refused\b", text, re.MULTILINE)


def test_variant_that_the_baseline_lacks_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new variant has no growth, and is not listed as refused."""
    monkeypatch.setenv("COLUMNS", "100")
    text = drawn(since(report(MULTI), report(GROWN, MINIMAL), minimal="the baseline has no such variant"))
    assert re.search(r"^ minimal .* new\b", text, re.MULTILINE)


def test_head_of_the_names_is_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """The heading of the names is whole, even above shorter names and at any width."""
    told = since(report(replace(MULTI, variant="app")), report(replace(GROWN, variant="app")))
    told = replace(told, standings={"app": standing()})
    for columns in range(80, 121):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert "\n Variant " in drawn(told)


def changed(*rows: LedgerRow, waste: tuple[Waste, ...] = ()) -> Image:
    """Return the image with these rows, which replace those of the same owners."""
    kept = [each for each in LEDGER if (each.category, each.name) not in {(row.category, row.name) for row in rows}]
    return image("multi", (*kept, *rows), waste)


REGRESSIONS: dict[str, tuple[Callable[[], Image], str]] = {
    "dependency": (lambda: changed(row("python", "sqlalchemy", 52_000_000, "3.0")), r"sqlalchemy 2\.1\.8 → 3\.0"),
    "chown": (lambda: changed(row("wasted", "metadata-only", 33_000_000), waste=(CHOWN,)), r"chown"),
    "apt": (lambda: changed(row("debian", "ffmpeg", 80_000_000, "7.1")), r"ffmpeg none → 7\.1"),
    "base": (lambda: changed(row("base", "libc6", 140_000_000, "2.42-1")), r"the base image \(\+30\.0 MB\)"),
}


@pytest.mark.parametrize("name", REGRESSIONS)
@pytest.mark.parametrize("columns", ["80", "120"])
def test_cause_is_in_the_first_lines(monkeypatch: pytest.MonkeyPatch, name: str, columns: str) -> None:
    """The cause of growth is in the verdict, before any table."""
    monkeypatch.setenv("COLUMNS", columns)
    make, cause = REGRESSIONS[name]
    text = drawn(since(report(MULTI), report(make())))
    verdict = " ".join(text[: text.index("What each variant weighs")].split())
    assert re.search(rf"Growth multi \+\d+\.\d MB since .*{cause}", verdict)


def test_waste_is_told_with_its_remedy_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a `chown -R`, the verdict names the files that are shipped twice, and the remedy."""
    monkeypatch.setenv("COLUMNS", "120")
    text = drawn(Summary(report=report(REGRESSIONS["chown"][0]())))
    verdict = " ".join(text[: text.index("What each variant weighs")].split())
    assert "Cut first /venv, shipped by layer 1 and, byte for byte, again by layer 2: 33.0 MB (17% of it)." in verdict
    assert "use `COPY --chown=…` instead." in verdict


def test_names_from_images_move_no_cursor() -> None:
    """Control characters and changes of text direction are shown as visible placeholders."""
    name = "ev\x1b[31mil\u202e"
    bad = image("multi", (*LEDGER, row("python", name, 90_000_000)), (replace(CHOWN, path=f"/{name}"),))
    text = drawn(since(report(MULTI), report(replace(bad, variant=name), bad), **{name: name}))
    assert text.count("ev\ufffd[31mil\ufffd") > 5
    assert all(sign.isprintable() for sign in text if sign != "\n")


@pytest.mark.parametrize(
    ("known_by", "words"),
    [
        (None, "on debian:slim"),
        ("dockerfile", "on debian:slim"),
        ("label", "on debian:slim"),
        ("layers", "on debian:slim (by its layers)"),
    ],
)
def test_base_and_how_it_is_known(known_by: KnownBy | None, words: str) -> None:
    """The report marks a base that was found by its layers, and not one that the image or its build names."""
    base = Base(reference="debian:slim", layers=1, shipped_bytes=1, known_by=known_by)
    assert describe_base(replace(image("multi", LEDGER), base=base)) == words
    standin = replace(base, stands_for="debian:1")
    assert describe_base(replace(image("multi", LEDGER), base=standin)) == f"{words}, a stand-in for debian:1"
    assert describe_base(replace(image("multi", LEDGER), base=None)) == "base unknown or changed since the build"
