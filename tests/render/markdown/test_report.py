"""The Markdown report, read by GitHub's own parser: it is complete, below its limit, and free of markup from images."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.gfm import HELD, shown, texts
from weighbridge.model.report import Base, Finding, Image, Layer, LedgerRow, Pull, Rebuild, Report, Waste
from weighbridge.model.smoke import Standing, StartCosts
from weighbridge.render.markdown import report as markdown
from weighbridge.report import baseline
from weighbridge.report.comparison import Comparison, compare_images
from weighbridge.report.summary import Baseline, Summary


def layer(index: int, count: int, instruction: str, *, in_base: bool = False) -> Layer:
    """Return a layer that takes a third of its bytes to pull."""
    return Layer(
        index=index,
        diff_id=f"sha256:{index}{count}",
        instruction=instruction,
        in_base=in_base,
        shipped_bytes=count,
        file_count=1,
        pull_bytes=count // 3,
    )


def row(category: str, name: str, version: str | None, count: int) -> LedgerRow:
    """Return a row of a ledger."""
    return LedgerRow(category=category, name=name, version=version, bytes=count)


def image(variant: str, ledger: tuple[LedgerRow, ...], waste: tuple[Waste, ...] = ()) -> Image:
    """Return an image with a layer of its base and a layer of its own."""
    base = sum(each.bytes for each in ledger if each.category == "base")
    own = sum(each.bytes for each in ledger) - base
    layers = (layer(0, base, "ADD root.tar /", in_base=True), layer(1, own, "COPY /out /"))
    return Image(
        variant=variant,
        reference=f"backend:{variant}",
        source="docker",
        id=f"sha256:{base}{own}",
        platform="linux/amd64",
        shipped_bytes=base + own,
        file_count=2,
        base=Base(reference="python:3.13", layers=1, shipped_bytes=base),
        layers=layers,
        wasted_bytes=sum(each.bytes for each in waste),
        pull=Pull(bytes=(base + own) // 3, basis="estimated"),
        ledger=ledger,
        waste=waste,
    )


def report(*images: Image) -> Report:
    """Return a report."""
    return Report(
        recorded_at="2026-11-24T10:00:00Z", commit="3f2a9c1" + 33 * "0", dirty=False, engine=None, images=images
    )


LEDGER = (
    row("base", "libc6", "2.41", 80_000_000),
    row("base", "base-files", "13.8+deb13u1", 400_000),
    row("debian", "libpq5", "17.2", 900_000),
    row("python", "numpy", "2.1", 30_000_000),
    row("application", "/app", None, 100_000),
)
BEFORE = report(image("multi", LEDGER))
CHOWN = Waste(
    cause="metadata-only",
    bytes=30_000_000,
    shipped_by=1,
    killed_by=2,
    path="/venv",
    file_count=2_000,
    remedy="Give the files their owner where they are copied: COPY --chown.",
)


def changed(**rows: LedgerRow | None) -> Image:
    """Return the image with these rows, which replace rows of the same name."""
    kept = [rows.pop(each.name.replace("-", "_"), each) for each in LEDGER]
    return image("multi", tuple(each for each in (*kept, *rows.values()) if each))


def chowned() -> Image:
    """Return the image with one more layer that changes the owner of all files."""
    after = image("multi", (*LEDGER, row("wasted", "metadata-only", None, 30_000_000)), (CHOWN,))
    own = after.layers[1].shipped_bytes - 30_000_000
    layers = (after.layers[0], layer(1, own, "COPY /out /"), layer(2, 30_000_000, "RUN chown -R app /venv"))
    return replace(after, layers=layers)


REGRESSIONS = {
    "dependency": (changed(numpy=row("python", "numpy", "2.2", 42_000_000)), "numpy 2.1 → 2.2 (+12.0 MB)"),
    "chown": (chowned(), "waste (metadata only) by RUN chown -R app /venv (+30.0 MB)"),
    "apt": (changed(vim=row("debian", "vim-runtime", "9.1", 36_000_000)), "vim-runtime none → 9.1 (+36.0 MB)"),
    "base": (
        changed(
            libc6=row("base", "libc6", "2.42", 83_000_000),
            base_files=row("base", "base-files", "13.8+deb13u2", 400_100),
        ),
        "the base image Debian 13.1 → 13.2 (+3.00 MB)",
    ),
}


def summary(after: Report, before: Report | None = BEFORE) -> Summary:
    """Return a report beside an earlier one."""
    since = baseline.compare(before, after, "main, 1234567, 2026-11-20") if before else None
    return Summary(report=after, baseline=since)


def first_screen(text: str) -> str:
    """Return the part that is visible before anything is unfolded."""
    return shown(text[: text.index("<details>")]).text


def test_whole_document() -> None:
    """Marker, verdict, table and findings come first, then the folded details; the ledger adds up."""
    after, _ = REGRESSIONS["dependency"]
    finding = Finding(rule="budget-shipped", level="error", message="shipped 123 MB, 3.4 MB over the limit of 120 MB")
    code = Rebuild(
        change="code", seconds=3.24, steps_run=1, steps_cached=9, layers=(), pull=Pull(bytes=48_000, basis="exact")
    )
    standing = Standing(
        ok=True, at="2026-11-24T09:00:00Z", rules=45, failed=(), figures=StartCosts(api_ready_seconds=0.41)
    )
    drawn = replace(
        summary(report(replace(after, findings=(finding,), rebuilds=(code,)))), standings={"multi": standing}
    )
    stream = io.StringIO()
    markdown.render(drawn, stream)
    assert (
        stream.getvalue()
        == """\
<!-- weighbridge:report -->

### Over budget: <code>multi</code>. <code>multi</code> grew by 12.0 MB because of \
<code>numpy</code> <code>2.1 → 2.2</code> (+12.0 MB)

| Variant | Shipped | Pull | Over base | Waste | Change | Code change | API ready | Smoke | Findings |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
| **<code>multi</code>** | 123 MB | ~41.1 MB | 43.0 MB | 0 B | +12.0 MB | 48.0 kB, 3.2 s \
| 0.4 s | ✓ 45 of 45 rules hold | 1 error |

- **error** <code>multi</code>: shipped 123 MB, 3.4 MB over the limit of 120 MB
- <code>multi</code> +12.0 MB, mainly because of <code>numpy</code> <code>2.1 → 2.2</code> (+12.0 MB)

<sub>Measured 2026-11-24T10:00:00Z at <code>3f2a9c1</code>; change since <code>main, 1234567, 2026-11-20</code>. \
MB = 10^6 bytes. `~` is an estimate of gzip -6, usually within 2 %.</sub>

<details><summary><b><code>multi</code></b>: 123 MB, 2 layers, +12.0 MB since the baseline</summary>

**+12.0 MB** since <code>main, 1234567, 2026-11-20</code>: base image 0 B, all else +12.0 MB. \
A node that has the earlier image pulls ~14.3 MB.

| Change | Owner | Version |
|---:|---|---|
| +12.0 MB | Python package <code>numpy</code> | <code>2.1 → 2.2</code> |
| **+12.0 MB** | **in all** |  |

| Layer | Shipped | Pull | From | Instruction |
|---:|---:|---:|---|---|
| 0 | 80.4 MB | ~26.8 MB | base | <code>ADD root.tar /</code> |
| 1 | 43.0 MB | ~14.3 MB | ours | <code>COPY /out /</code> |

</details>
"""
    )


@pytest.mark.parametrize(("after", "why"), REGRESSIONS.values(), ids=REGRESSIONS)
def test_first_screen_names_the_cause(after: Image, why: str) -> None:
    """The heading and the variant's line name what made an image grow."""
    text = first_screen(markdown.build_document(summary(report(after))))
    heading = next(line for line in text.splitlines() if line.strip())
    assert heading.removesuffix("; all else 0 B").endswith(f"because of {why}")  # the base has a figure of its own
    assert text.count(why) == 2


@pytest.mark.parametrize(
    ("after", "before", "heading"),
    [
        (BEFORE, None, "No baseline, so nothing is compared"),
        (BEFORE, BEFORE, "Unchanged in size since main, 1234567, 2026-11-20"),
        (
            report(changed(libpq5=row("debian", "libpq5", "17.3", 900_028))),
            BEFORE,
            "Almost unchanged since main, 1234567, 2026-11-20: multi +28 B",
        ),
        (
            report(changed(numpy=row("python", "numpy", "2.0", 10_000_000))),
            BEFORE,
            "multi shrank by 20.0 MB because of numpy 2.1 → 2.0 (-20.0 MB)",
        ),
        (
            report(replace(BEFORE.images[0], variant="new")),
            BEFORE,
            "Nothing can be compared with main, 1234567, 2026-11-20",
        ),
        (report(), None, "No baseline, so nothing is compared"),
    ],
    ids=["none", "same", "noise", "shrank", "new", "empty"],
)
def test_verdict(after: Report, before: Report | None, heading: str) -> None:
    """The heading says what happened, even if nothing did."""
    text = shown(markdown.build_document(summary(after, before))).text
    assert text.split("\n")[1 if text.startswith("\n") else 0] == heading


def test_without_a_baseline_it_says_what_to_ship_and_to_cut() -> None:
    """Without a baseline the report says what to ship and what to cut."""
    standing = Standing(ok=True, at="2026-11-24T09:00:00Z", rules=45, failed=(), waived=2)
    alone = Summary(report=BEFORE, standings={BEFORE.images[0].variant: standing})
    text = first_screen(markdown.build_document(alone))
    assert "ship multi: 43 of 45 smoke rules hold, 2 waived. Its smoke test passed." in text
    assert "cut first Nothing is certainly removable. The largest part that could go is " in text
    assert "✓ 43 of 45 rules hold, 2 waived" in text
    assert "ship multi" not in first_screen(markdown.build_document(summary(BEFORE, BEFORE)))


def test_what_does_not_run_is_told_first() -> None:
    """A failed smoke test is in the heading with its rules below; a refused comparison has its reason."""
    standing = Standing(ok=False, at="2026-11-24T09:00:00Z", rules=45, failed=("worker ready", "api live"))
    refused = Baseline(label="main", report=BEFORE, comparisons=(), refusals={"multi": "another platform"})
    text = first_screen(
        markdown.build_document(Summary(report=BEFORE, baseline=refused, standings={"multi": standing}))
    )
    assert text.strip().startswith("Does not run: multi. Nothing can be compared with main")
    assert "does not run multi: worker ready, api live" in text
    assert "not compared multi: another platform" in text
    assert "✗ 2 of 45 rules fail" in text


def test_record_without_ledger_tells_layers() -> None:
    """Without a ledger, the added and removed layers add up to the change."""
    before, after = (replace(each, ledger=()) for each in (BEFORE.images[0], REGRESSIONS["dependency"][0]))
    compared = compare_images("multi", before, after)
    assert isinstance(compared, Comparison)
    found = Baseline(label="old", report=BEFORE, comparisons=(compared,))
    text = shown(markdown.build_document(Summary(report=report(after), baseline=found))).text
    assert "multi grew by 12.0 MB because of the layer COPY /out / (+43.0 MB)" in text
    assert re.search(r"\+43\.0 MB\s+layer COPY /out /\s+-31\.0 MB\s+layer COPY /out /\s+\+12\.0 MB\s+in all", text)


WORST = "@|漢\U0010ffff"
"""What takes most room."""


def worst(variants: int, rows: int, *, seed: str = WORST) -> Summary:
    """Return a summary with many parts and long names."""
    long = seed * 100
    ledger = tuple(row("python", f"{number}{long}", f"{number}{long}", 1_000_000 + number) for number in range(rows))
    old = tuple(row("python", f"{number}{long}", long, 1_000) for number in range(rows))
    waste = tuple(replace(CHOWN, path=long, remedy=long, bytes=10_000 + number) for number in range(rows))
    findings = tuple(Finding(rule="budget-shipped", level="error", message=long) for _ in range(rows))
    images, before = [], []
    for number in range(variants):
        name = f"{number:03}{long}"
        layers = tuple(layer(index, 1_000 + index, long) for index in range(rows))
        images.append(replace(image(name, ledger, waste), layers=layers, findings=findings))
        before.append(image(name, old))
    standing = Standing(ok=False, at="2026-11-24T09:00:00Z", rules=45, failed=(long, long))
    found = replace(summary(report(*images), report(*before)), standings={each.variant: standing for each in images})
    assert found.baseline
    return replace(found, baseline=replace(found.baseline, label=long, refusals={long: long}))


@pytest.mark.parametrize(
    ("variants", "rows"),
    [(1, 1), (1, 400), (3, 100), (30, 30), pytest.param(100, 40, marks=pytest.mark.slow), (400, 0), (0, 0)],
)
def test_never_longer_than_a_comment_may_be(variants: int, rows: int) -> None:
    """However much there is, the document is below 60 kB, complete, and says what it leaves out."""
    drawn = worst(variants, rows)
    text = markdown.build_document(drawn)
    assert len(text.encode()) <= 60_000
    assert text.startswith(markdown.MARKER)
    assert text.count("<details>") == text.count("</details>")
    left = re.search(r"details of (\d+) variants?, (.*) together", text)
    assert text.count("<details>") + (int(left[1]) if left else 0) == variants
    if variants > 25:
        assert f"and {variants - 25} more" in text
    if variants == 3:
        assert "smaller changes" in text


@settings(max_examples=settings.default.max_examples // 4)  # type: ignore[union-attr] # each is a document
@given(st.integers(0, 20), st.integers(0, 30), texts)
def test_any_report_fits_and_stays_in_its_place(variants: int, rows: int, seed: str) -> None:
    """Whatever images contain, each cell stays in its row, and their text never becomes markup."""
    text = markdown.build_document(worst(variants, min(rows, 60 // (variants + 1)), seed=seed[:20]))
    assert len(text.encode("utf-8", "replace")) <= 60_000
    ours = {"h3", "strong", "ul", "li", "p", "sub", "details", "summary", "b", "hr"}
    assert set(shown(text).tags) <= HELD | ours


@pytest.mark.parametrize("count", [3, 20, 21, 22, 300])
def test_ledger_closes(count: int) -> None:
    """The rows of the difference add up to the change; rows that are left out are summed up in one row."""
    grown = tuple(row("python", f"p{number}", None, 1_000 * (number + 1)) for number in range(count))
    text = markdown.build_document(summary(report(image("multi", (*LEDGER, *grown)))))
    table = text[text.index("| Change |") : text.index("| Layer |")]
    told = [cell.strip(" *+") for cell in re.findall(r"^\| ([^|]*B\S*) \|", table, re.MULTILINE)]
    units = {"kB": 1_000, "MB": 1_000_000}
    counts = [float(number) * units[unit] for number, unit in (each.split() for each in told)]
    assert sum(counts[:-1]) == pytest.approx(counts[-1], rel=0.01)
    assert len(counts) <= 20 + 2
