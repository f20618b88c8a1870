"""The whole output of a report, on a terminal and in a pipe."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from json import loads as json_of

import pytest

from weighbridge.model.report import (
    Base,
    EngineIdentity,
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
from weighbridge.render.terminal import report
from weighbridge.report import records
from weighbridge.report.summary import Summary


def layer(index: int, size: int, instruction: str, *, in_base: bool | None = False) -> Layer:
    """Return a layer."""
    return Layer(
        index=index,
        diff_id=f"sha256:{index}",
        instruction=instruction,
        in_base=in_base,
        shipped_bytes=size,
        live_bytes=size,
        wasted_bytes=0,
        pull_bytes=size // 3,
        blob="sha256:b" if index == 3 else None,
        file_count=size // 10_000,
    )


LAYERS = (
    layer(0, 78_612_345, "ADD rootfs.tar.xz / # debian trixie", in_base=True),
    layer(
        1,
        36_500_000,
        "RUN set -eux; apt-get update; apt-get install -y --no-install-recommends ca-certificates netbase",
    ),
    layer(2, 64_000_000, "COPY --from=builder /venv /venv"),
    layer(3, 41_200, "COPY backend /app/backend"),
    layer(4, 0, "WORKDIR /app"),
)
MULTI = Image(
    variant="multi",
    reference="backend:multi",
    source="docker",
    id="sha256:1",
    platform="linux/amd64",
    shipped_bytes=sum(each.shipped_bytes for each in LAYERS),
    live_bytes=sum(each.shipped_bytes for each in LAYERS) - 1_234_567,
    wasted_bytes=1_234_567,
    pull=Pull(bytes=59_712_345, basis="estimated"),
    ledger=(
        LedgerRow(category="base", name="libc6", version="2.41", bytes=78_612_345),
        LedgerRow(category="debian", name="ca-certificates", version="2025", bytes=35_265_433),
        LedgerRow(category="python", name="sqlalchemy", version="2.1", bytes=40_000_000),
        LedgerRow(category="python", name="pydantic-core", version="2.5", bytes=24_000_000),
        LedgerRow(category="application", name="/app", version=None, bytes=41_200),
        LedgerRow(category="wasted", name="deleted-directory", version=None, bytes=1_234_567),
    ),
    waste=(
        Waste(
            cause="deleted-directory",
            bytes=1_230_000,
            shipped_by=1,
            killed_by=2,
            path="/var/lib/apt/lists",
            file_count=12,
            remedy="This is apt's lists.",
        ),
        Waste(
            cause="replaced", bytes=4_567, shipped_by=2, killed_by=2, path="/x", file_count=1, remedy="Ship it once."
        ),
    ),
    file_count=9_412,
    base=Base(reference="debian:trixie-slim", layers=1, shipped_bytes=78_612_345),
    layers=LAYERS,
)
SINGLE = replace(
    MULTI,
    variant="single",
    shipped_bytes=675_900_000,
    live_bytes=None,
    wasted_bytes=None,
    pull=None,
    ledger=(),
    waste=(),
    file_count=21_003,
    base=None,
    layers=(layer(0, 675_900_000, "RUN all", in_base=None),),
)
REPORT = Report(
    recorded_at="2026-11-23T10:00:00Z",
    commit=None,
    dirty=False,
    engine=EngineIdentity(version="28.5.2", store="overlay2", platform="linux/amd64"),
    images=(SINGLE, MULTI),
    sharing=Sharing(
        shipped_bytes=776_441_200,
        pull_bytes=1,
        unique=(
            OwnBytes(variant="single", shipped_bytes=675_900_000, pull_bytes=1),
            OwnBytes(variant="multi", shipped_bytes=100_541_200, pull_bytes=1),
        ),
        twins=(Twins(first="single:0", second="multi:2", shipped_bytes=64_000_000, why="times differ"),),
    ),
)


def drawn(told: Report | Summary) -> str:
    """Return the terminal's output, without blanks at the ends of lines."""
    stream = io.StringIO()
    report.render(told if isinstance(told, Summary) else Summary(report=told), stream)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


AT_80 = """\
Ship       multi: ~59.7 MB to pull, 179 MB shipped. It ships the fewest bytes of
           both, and none was tried: prove it with `invoke smoke`.
Cut first  Nothing is certainly removable. The largest part that could go is
           Python package sqlalchemy: 40.0 MB (22% of it). Drop it from the
           requirements if nothing that runs imports it.

What each variant weighs
                      Over                                      Of the
 Variant  Shipped     base      Pull    Waste     Live   Files  largest
 ────────────────────────────────────────────────────────────────────────────
 single    676 MB  unknown   unknown  unknown  unknown  21,003  100% ████████
 multi     179 MB   101 MB  ~59.7 MB  1.23 MB   178 MB   9,412   27% ██▏

Shared layers once: 776 MB. Each alone: single 676 MB, multi 101 MB.
Sharing lost: single:0 and multi:2 hold the same 64.0 MB; times differ.

single: 676 MB in 1 layer, base unknown or changed since the build

 Layer   Shipped      Pull   Share      From      Instruction
 ──────────────────────────────────────────────────────────────────────────────
     0    676 MB   ~225 MB   ████████   unknown   RUN all

multi: who owns the bytes

 Owner               Bytes   Share    The largest
 ──────────────────────────────────────────────────────────────────────────────
 base image        78.6 MB   █████▎   libc6 78.6 MB
 Python packages   64.0 MB   ████▎    sqlalchemy 40.0 MB, pydantic-core 24.0 MB
 Debian packages   35.3 MB   ██▍      ca-certificates 35.3 MB
 application       41.2 kB   ▏        /app 41.2 kB
 wasted            1.23 MB   ▏        deleted-directory 1.23 MB

multi: 179 MB in 5 layers, on debian:trixie-slim

 Layer   Shipped       Pull   Share      From   Instruction
 ──────────────────────────────────────────────────────────────────────────────
     0   78.6 MB   ~26.2 MB   ████████   base   ADD rootfs.tar.xz / # debian t…
     1   36.5 MB   ~12.2 MB   ███▊       ours   RUN apt-get update; apt-get in…
     2   64.0 MB   ~21.3 MB   ██████▌    ours   COPY --from=builder /venv /venv
     3   41.2 kB    13.7 kB   ▏          ours   COPY backend /app/backend
     4       0 B       ~0 B              ours   WORKDIR /app

multi: 1.23 MB wasted
  1.23 MB  deleted directory, layer 1 → 2: /var/lib/apt/lists, 12 files
           This is apt's lists.
  4.57 kB  replaced, layer 2 → 2: /x, 1 file
           Ship it once.

Shipped: sizes of all regular files in all layers; MB = 10^6 bytes.
Pull: what a node fetches; ~ is an estimate of gzip -6, usually within 2 %.
Read from the layers themselves, with engine 28.5.2, store overlay2.
"""


def test_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The advice and the table come first, then each variant's layers; long instructions end in an ellipsis."""
    monkeypatch.setenv("COLUMNS", "80")
    assert drawn(REPORT) == AT_80.rstrip("\n")


CHANGED = replace(
    REPORT,
    images=(
        replace(
            MULTI,
            rebuilds=(
                Rebuild(
                    change=None,
                    seconds=0.94,
                    steps_run=0,
                    steps_cached=12,
                    layers=(),
                    pull=Pull(bytes=0, basis="exact"),
                ),
                Rebuild(
                    change="code",
                    seconds=1.65,
                    steps_run=4,
                    steps_cached=8,
                    layers=(LAYERS[3],),
                    pull=Pull(bytes=22_733, basis="exact"),
                ),
                Rebuild(
                    change="lock",
                    seconds=10.4,
                    steps_run=9,
                    steps_cached=3,
                    layers=LAYERS[2:4],
                    pull=Pull(bytes=21_342_133, basis="estimated"),
                ),
            ),
        ),
    ),
)
CHANGED_AT_80 = """
What a change costs, with a warm cache

 Variant   Change    Seconds   Run   Cached       Pull   Layers re-shipped
 ──────────────────────────────────────────────────────────────────────────────
 multi     nothing       0.9     0       12        0 B   none
 multi     code          1.6     4        8    22.7 kB   1: COPY backend /app/…
 multi     lock         10.4     9        3   ~21.3 MB   2: COPY --from=builde…
"""


def test_rebuilds_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of changes comes after the comparison, with a legend at the end; neither appears without rebuilds."""
    monkeypatch.setenv("COLUMNS", "80")
    text = drawn(CHANGED)
    assert CHANGED_AT_80 in text
    assert text.index("What each variant weighs") < text.index("What a change costs") < text.index("multi: who owns")
    assert max(map(len, text.splitlines())) <= 80
    assert "Run, Cached: steps. " in text
    assert not re.search("a change|code +change|rebuild", drawn(REPORT).lower())


def test_rebuilds_are_recorded() -> None:
    """Rebuilds read back unchanged; records of versions without them have none."""
    assert records.parse_json(records.dump_json(CHANGED)) == CHANGED
    older = json_of(records.dump_json(CHANGED))
    for image in older["images"]:
        del image["rebuilds"]
    assert records.parse_object(older) == replace(CHANGED, images=(MULTI,))


def test_at_120_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wider terminal has longer sentences and instructions, and more columns."""
    monkeypatch.setenv("COLUMNS", "120")
    wide = (
        drawn(REPORT)
        .replace("apt-get install -y --no-install-recommends ca-cert…", "apt-get in…")
        .replace("─" * 118, "─" * 78)
    )
    narrow = AT_80.rstrip("\n").replace("# debian t…", "# debian trixie")
    table = "What each variant weighs"
    assert wide[wide.index(table) :] == narrow[narrow.index(table) :]
    assert wide[: wide.index(table)].split() == narrow[: narrow.index(table)].split()


@pytest.mark.parametrize("columns", [72, 80, 100, 200])
def test_report_fits(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """No line is wider than the terminal, for names of reasonable length and sizes of gigabytes."""
    monkeypatch.setenv("COLUMNS", str(columns))
    heavy = replace(MULTI, variant="production", shipped_bytes=123 * 10**9, file_count=1_234_567)
    lines = drawn(replace(REPORT, images=(SINGLE, MULTI, heavy))).splitlines()
    assert max(map(len, lines)) <= columns


def test_pipe_is_as_wide_as_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe without COLUMNS the tables are 100 columns wide and have no control sequences."""
    monkeypatch.delenv("COLUMNS", raising=False)
    text = drawn(REPORT)
    assert max(map(len, text.splitlines())) == 99
    assert "\x1b" not in text


def test_no_images() -> None:
    """A report without images is printed without a division by zero."""
    empty = replace(REPORT, images=(), sharing=None, engine=None)
    assert drawn(empty).splitlines()[:3] == ["Ship none  There is no image.", "", "What each variant weighs"]


def test_image_without_bytes() -> None:
    """An image without bytes has no share and no bar."""
    nothing = replace(SINGLE, shipped_bytes=0, file_count=0, layers=())
    lines = drawn(replace(REPORT, images=(nothing,), sharing=None)).splitlines()
    assert lines[0] == "Ship  single: 0 B shipped. No smoke test has tried it: prove it with `invoke smoke`."
    assert [line.split() for line in lines if line.startswith(" single")] == [["single", "0", "B", "0"]]


def test_markup_in_an_instruction_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Square brackets in an instruction are not styles."""
    monkeypatch.setenv("COLUMNS", "100")
    image = replace(MULTI, layers=(layer(0, 1, 'RUN [ -f /x ] && echo "[red]" [/bold]'),))
    assert 'RUN [ -f /x ] && echo "[red]" [/bold]' in drawn(replace(REPORT, images=(image,)))


@pytest.mark.parametrize("name", ["docker:o:minimal", "docker:[bold]x[/]", "registry:localhost:5000/a:smile:b"])
def test_names_are_no_markup(name: str) -> None:
    """Names are printed unchanged in headings, including colons and brackets."""
    text = drawn(replace(REPORT, images=(replace(MULTI, variant=name),)))
    assert f"{name}: who owns the bytes" in text
