"""A figure above its limit is a finding with the limit, the figure and its largest part; others are not findings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.support.reports import MB, image, report
from weighbridge.errors import OverBudget
from weighbridge.model.report import Finding, Image, LedgerRow, Pull, Waste, WasteCause
from weighbridge.report import baseline, budgets
from weighbridge.report.metrics import METRICS
from weighbridge.settings.budgets import Limits
from weighbridge.settings.project import Settings
from weighbridge.settings.project import check as settings_check

OTHER = Finding(rule="secret", level="error", message="A key lies in layer 1")
LARGEST = "; largest over the base: redis 8.0 (python), 30.0 MB"
PULL = "; largest over the base: layer 1, COPY /venv /venv, "


def limited(default: Any = None, **more: Any) -> Settings:
    """Return settings with these limits for every variant."""
    return settings_check({"variants": {"multi": {}, "single": {}}, "budgets": {"default": default or {}} | more})


def found(weighed: Image, default: Any, earlier: Image | None = None, **more: Any) -> list[tuple[str, str, str]]:
    """Return rule, level and message of each finding of one image, compared with an earlier one if there is one."""
    settings, noise = limited(default, **more), limited(default, **more).budgets.noise.bytes
    before = baseline.compare(report(earlier), report(weighed), "main, 3f2a9c1", noise) if earlier else None
    (checked,) = budgets.check(report(weighed), settings, before).images
    return [(each.rule, each.level, each.message) for each in checked.findings]


MESSAGES = (
    ("shipped", "120 MB", f"shipped: 140 MB is 20.0 MB over the limit of 120 MB{LARGEST}"),
    ("shipped", 120 * MB, f"shipped: 140 MB is 20.0 MB over the limit of 120 MB{LARGEST}"),
    ("shipped", "100 MiB", f"shipped: 140 MB is 35.1 MB over the limit of 100 MiB (105 MB){LARGEST}"),
    ("shipped", "139.9 MB", f"shipped: 140,000,000 B is 100 kB over the limit of 139.9 MB{LARGEST}"),
    ("live", "0.1 GB", f"live: 130 MB is 30.0 MB over the limit of 0.1 GB{LARGEST}"),
    ("over-base", "30 MB", f"over the base: 40.0 MB is 10.0 MB over the limit of 30 MB{LARGEST}"),
    ("pull", "40 MB", f"pull: 46.7 MB is 6.67 MB over the limit of 40 MB{PULL}10.0 MB"),
    ("waste", "1 MB", "waste: 10.0 MB is 9.00 MB over the limit of 1 MB; largest: /etc/ x (replaced), 10.0 MB"),
    (
        "layer",
        "20 MB",
        "largest layer: 30.0 MB is 10.0 MB over the limit of 20 MB; it is layer 1, COPY /venv /venv",
    ),
)


def test_every_limit_is_tried() -> None:
    """Each limit in the settings has a figure, in the same order, and a message here; growth has its own tests."""
    names = [metric.name for metric in METRICS]
    assert [*names, "growth"] == [*Limits.model_fields]
    assert {limit.replace("-", "_") for limit, *_ in MESSAGES} == {*names}


@pytest.mark.parametrize(("limit", "value", "message"), MESSAGES)
def test_limit_is_told(limit: str, value: Any, message: str) -> None:
    """The finding names figure, excess, limit in its own unit and the largest part, on one line."""
    assert found(image(), {limit.replace("-", "_"): value}) == [(f"budget-{limit}", "error", message)]
    soft = found(image(), {limit.replace("-", "_"): {"soft": value}})
    assert soft == [(f"budget-{limit}", "warning", message.replace("the limit", "the soft limit"))]


@given(st.integers(0, 200), st.integers(0, 200))
def test_levels(first: int, second: int) -> None:
    """Above the hard limit is an error, above only the soft one a warning; exactly at the limit is neither."""
    soft, hard = sorted((first, second + 201 if first == second else second))
    expected = [level for limit, level in ((hard, "error"), (soft, "warning")) if limit < 140][:1]
    told = found(image(), {"shipped": {"soft": f"{soft} MB", "hard": f"{hard} MB"}})
    assert [level for _, level, _ in told] == expected


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("98.9 MB", "100 MB is 1.10 MB over the limit of 98.9 MB"),
        ("99 MB", "100 MB is 1.00 MB over the limit of 99 MB"),
        (99_000_001, "100,000,000 B is 1.00 MB over the limit of 99.0 MB"),
        ("99999999 B", "100,000,000 B is 1 B over the limit of 99999999 B"),
    ],
)
def test_close_figures_are_told_in_bytes(limit: Any, told: str) -> None:
    """A figure that is over by less than a hundredth is told to the byte, since both would look the same."""
    ((*_, message),) = found(image(shipped_bytes=100 * MB), {"shipped": limit})
    assert message == f"shipped: {told}{LARGEST}"


def test_estimated_pull_is_told_as_such() -> None:
    """An estimated figure is marked as an estimate, and so are its excess and its layer."""
    layers = tuple(replace(layer, blob=None) for layer in image().layers)
    weighed = image(layers=layers, pull=Pull(bytes=45 * MB, basis="estimated"))
    message = f"pull: ~45.0 MB (estimated) is ~5.00 MB over the limit of 40 MB{PULL}~10.0 MB"
    assert found(weighed, {"pull": "40 MB"}) == [("budget-pull", "error", message)]


@pytest.mark.parametrize(
    ("limit", "fields", "why"),
    [
        ("over_base", {"base": None}, "over the base: its limit is not checked, because the base is unknown"),
        ("layer", {"layers": (replace(image().layers[0], in_base=None),)}, "largest layer: its limit is not checked"),
        ("live", {"live_bytes": None}, "live: its limit is not checked, because the record does not contain it"),
        ("waste", {"wasted_bytes": None}, "waste: its limit is not checked, because the record does not contain it"),
        ("pull", {"pull": None}, "pull: its limit is not checked, because the record does not contain it"),
    ],
)
def test_what_cannot_be_checked_is_told(limit: str, fields: dict[str, Any], why: str) -> None:
    """A limit on an unknown figure is a warning; it is not ignored."""
    ((_, level, message),) = found(image(**fields), {limit: "1 B"})
    assert level == "warning"
    assert message.startswith(why)


def test_image_of_nothing_has_no_largest_part() -> None:
    """Without layers and owners a finding names no largest part, and 0 bytes are over no limit."""
    bare = image(layers=(), ledger=(), waste=())
    limits = {"shipped": "1 MB", "pull": "1 MB", "waste": "1 MB", "layer": "0 B"}
    assert [message for *_, message in found(bare, limits)] == [
        "shipped: 140 MB is 139 MB over the limit of 1 MB",
        "pull: 46.7 MB is 45.7 MB over the limit of 1 MB",
        "waste: 10.0 MB is 9.00 MB over the limit of 1 MB",
    ]


def test_live_bytes_are_not_wasted_ones() -> None:
    """The largest part of the live bytes is a live owner, even if more bytes are wasted."""
    ((*_, message),) = found(image(redis_mb=5), {"live": "1 MB"})
    assert message.endswith("; largest over the base: redis 8.0 (python), 5.00 MB")


def test_variants_have_limits_of_their_own() -> None:
    """A variant's limit replaces the default, null removes it, and other images have no limits."""
    settings = limited(
        {"shipped": "1 MB", "waste": "1 MB"}, variants={"multi": {"shipped": "200 MB"}, "single": {"waste": None}}
    )
    checked = budgets.check(report(image("multi"), image("single"), image("docker:x")), settings)
    assert [[each.rule for each in image.findings] for image in checked.images] == [
        ["budget-waste"],
        ["budget-shipped"],
        [],
    ]


def test_findings_of_others_stay() -> None:
    """A second check replaces the findings of the first, and no others."""
    once = budgets.check(report(image(findings=(OTHER,))), limited({"shipped": "1 MB"}))
    assert [each.rule for each in once.images[0].findings] == ["secret", "budget-shipped"]
    assert budgets.check(once, limited({"shipped": "1 MB"})) == once
    assert budgets.check(once, limited()).images[0].findings == (OTHER,)


def test_main_that_was_over_already_is_told() -> None:
    """The finding says so if the baseline was already over the limit."""
    ((*_, message),) = found(image(redis_mb=31), {"shipped": "120 MB"}, image(redis_mb=30))
    assert message.startswith(
        "shipped: 141 MB is 21.0 MB over the limit of 120 MB; already over it in main, 3f2a9c1: 140 MB;"
    )
    ((*_, message),) = found(image(redis_mb=31), {"shipped": "140.5 MB"}, image(redis_mb=30))
    assert "main" not in message
    estimated = image(redis_mb=30, pull=Pull(bytes=45 * MB, basis="estimated"))
    ((*_, message),) = found(image(redis_mb=31), {"pull": "40 MB"}, estimated)
    assert "main" not in message  # exact beside estimated is no comparison


@pytest.mark.parametrize(
    ("earlier", "already"),
    [(120 * MB, ""), (120 * MB + 1, "; already over it in main, 3f2a9c1: 120 MB")],
)
def test_main_that_was_at_the_limit(earlier: int, already: str) -> None:
    """A baseline at the limit was not over it; one byte more was."""
    ((*_, message),) = found(image(), {"shipped": "120 MB"}, image(shipped_bytes=earlier))
    assert message == f"shipped: 140 MB is 20.0 MB over the limit of 120 MB{already}{LARGEST}"


def test_estimate_that_was_over_already() -> None:
    """An estimate beside an estimate is told, and as an estimate."""
    weighed, earlier = (image(pull=Pull(bytes=size * MB, basis="estimated")) for size in (45, 42))
    ((*_, message),) = found(weighed, {"pull": "40 MB"}, earlier)
    told = "pull: ~45.0 MB (estimated) is ~5.00 MB over the limit of 40 MB"
    assert message == f"{told}; already over it in main, 3f2a9c1: ~42.0 MB{PULL}10.0 MB"


def test_main_that_lacked_the_figure() -> None:
    """Of a baseline that did not measure a figure nothing is told."""
    ((*_, message),) = found(image(), {"live": "100 MB"}, image(live_bytes=None))
    assert message == f"live: 130 MB is 30.0 MB over the limit of 100 MB{LARGEST}"


GROWN = "growth since main, 3f2a9c1: 3.00 MB (7.5 %) of its own is "
CAUSE = "; largest: redis 8.0 -> 8.1 (python), +3.00 MB"


@pytest.mark.parametrize(
    ("limits", "level", "message"),
    [
        ({"bytes": "2 MB"}, "error", f"1.00 MB over the limit of 2 MB{CAUSE}"),
        ({"percent": 5}, "error", f"1.00 MB over the limit of 5 %{CAUSE}"),
        ({"bytes": "1 MB", "percent": 5}, "error", f"1.00 MB over the limit of 1 MB and 5 %{CAUSE}"),
        ({"bytes": {"soft": "2 MB", "hard": "4 MB"}}, "warning", f"1.00 MB over the soft limit of 2 MB{CAUSE}"),
        (
            {"bytes": {"soft": "2 MB", "hard": "4 MB"}, "percent": 5},
            "warning",
            f"1.00 MB over the soft limit of 2 MB and 5 %{CAUSE}",
        ),
        ({"bytes": "2 MB", "percent": {"soft": 5}}, "error", f"1.00 MB over the limit of 2 MB and 5 %{CAUSE}"),
    ],
)
def test_growth_is_told(limits: dict[str, Any], level: str, message: str) -> None:
    """The finding names both limits, and the package that grew most, with its versions."""
    told = found(image(redis_mb=33, version="8.1"), {"growth": limits}, image(redis_mb=30))
    assert told == [("budget-growth", level, GROWN + message)]


@pytest.mark.parametrize(("base", "words"), [(120, "grew by 20.0 MB"), (90, "shrank by 10.0 MB")])
def test_base_is_told_apart(base: int, words: str) -> None:
    """The base's change is in the message, but does not count in the figure."""
    ((*_, message),) = found(
        image(base_mb=base, redis_mb=33, version="8.1"), {"growth": {"bytes": "2 MB"}}, image(redis_mb=30)
    )
    assert message == f"{GROWN}1.00 MB over the limit of 2 MB{CAUSE}; the base {words} apart from that"


@pytest.mark.parametrize(
    ("delta", "drift"),
    [
        (0, ""),
        (1, "; the base grew by 1 B apart from that"),
        (-1, "; the base shrank by 1 B apart from that"),
    ],
)
def test_least_change_of_the_base(delta: int, drift: str) -> None:
    """A single byte by which the base changed is told; a base of the same size is not."""
    base, *rest = image(redis_mb=33).layers
    layers = (replace(base, diff_id="sha256:other", shipped_bytes=100 * MB + delta), *rest)
    weighed = image(redis_mb=33, version="8.1", layers=layers, shipped_bytes=143 * MB + delta)
    ((*_, message),) = found(weighed, {"growth": {"bytes": "2 MB"}}, image())
    assert message == f"{GROWN}1.00 MB over the limit of 2 MB{CAUSE}{drift}"


ADDED = "growth since main, 3f2a9c1: 40.0 MB of its own is 39.0 MB over the limit of 1 MB"


@pytest.mark.parametrize(
    ("rows", "largest"),
    [
        (image().ledger, ""),
        (image(version="8.1").ledger, ""),
        ((*image().ledger, LedgerRow(category="base", name="bash", version=None, bytes=1)), ""),
        (
            (*image().ledger, LedgerRow(category="debian", name="adduser", version=None, bytes=1)),
            "; largest: adduser (debian), +1 B",
        ),
        (image(redis_mb=32).ledger, "; largest: redis 8.0 (python), +2.00 MB"),
    ],
)
def test_largest_growth_of_an_owner(rows: tuple[LedgerRow, ...], largest: str) -> None:
    """The owner that grew most is named, if any grew outside the base; what was nothing has no share."""
    told = found(image(ledger=rows), {"growth": {"bytes": "1 MB"}}, image(shipped_bytes=100 * MB))
    assert told == [("budget-growth", "error", f"{ADDED}{largest}")]


@pytest.mark.parametrize(
    ("before", "after", "versions"),
    [
        ("8.0", "8.0", "8.0 "),
        ("8.0", "8.1", "8.0 -> 8.1 "),
        (None, "8.1", "none -> 8.1 "),
        ("8.0", None, "8.0 -> none "),
    ],
)
def test_versions_of_what_grew(before: str | None, after: str | None, versions: str) -> None:
    """The versions are told as they changed, one that is unknown as none."""
    old, new = (
        (LedgerRow(category="python", name="redis", version=version, bytes=size * MB),)
        for version, size in ((before, 30), (after, 33))
    )
    ((*_, message),) = found(image(redis_mb=33, ledger=new), {"growth": {"bytes": "2 MB"}}, image(ledger=old))
    assert message == f"{GROWN}1.00 MB over the limit of 2 MB; largest: redis {versions}(python), +3.00 MB"


def wasted(cause: WasteCause, size: int, killed_by: int) -> Waste:
    """Return so many MB of waste, made by a layer."""
    return Waste(
        cause=cause, bytes=size * MB, shipped_by=0, killed_by=killed_by, path="/x", file_count=1, remedy="Stop."
    )


@pytest.mark.parametrize(
    ("waste", "by"),
    [
        ((), "replaced (wasted)"),
        ((wasted("deleted-file", 9, 1),), "replaced (wasted)"),
        ((wasted("replaced", 9, 7),), "replaced (wasted)"),
        (
            (
                wasted("deleted-file", 9, 0),
                wasted("replaced", 3, 1),
                wasted("replaced", 4, 2),
                wasted("replaced", 2, 0),
            ),
            "replaced waste by RUN useradd x",
        ),
    ],
)
def test_waste_that_grew_most(waste: tuple[Waste, ...], by: str) -> None:
    """Waste is told by the instruction that made most of its cause, without what that sets up; or by its cause."""
    *first, last = image().layers
    layers = (*first, replace(last, instruction="RUN set -eux; useradd x"))
    ledger = tuple(replace(row, bytes=13 * MB) if row.category == "wasted" else row for row in image().ledger)
    weighed = image(layers=layers, ledger=ledger, waste=waste, shipped_bytes=143 * MB)
    ((*_, message),) = found(weighed, {"growth": {"bytes": "2 MB"}}, image())
    assert message == f"{GROWN}1.00 MB over the limit of 2 MB; largest: {by}, +3.00 MB"


@pytest.mark.parametrize(("grown", "count"), [(9_999, 0), (10_000, 1)])
def test_growth_at_the_noise(grown: int, count: int) -> None:
    """Growth as large as the noise limit is checked; one byte less never is, however low its own limit."""
    told = found(image(shipped_bytes=140 * MB + grown), {"growth": {"bytes": "1 B"}}, image())
    assert len(told) == count


@pytest.mark.parametrize(("own", "count"), [(1_100, 0), (1_101, 1)])
def test_growth_over_an_unknown_base(own: int, count: int) -> None:
    """Without a known base all bytes are the image's own: a tenth of them is within ten percent, a byte more is not."""
    limits = {"growth": {"percent": 10}}
    told = found(image(base=None, shipped_bytes=own), limits, image(base=None, shipped_bytes=1_000), noise="0 B")
    assert len(told) == count


MAYBE = st.none() | st.integers(0, 100)


@example(redis=(0, 5), base=0, limit=4, percent=None, noise=5)  # at the noise
@example(redis=(0, 5), base=0, limit=5, percent=None, noise=0)  # at the limit
@given(st.tuples(st.integers(0, 60), st.integers(0, 60)), st.integers(0, 200), MAYBE, MAYBE, st.integers(0, 10))
def test_growth_is_over_both(
    redis: tuple[int, int], base: int, limit: int | None, percent: int | None, noise: int
) -> None:
    """Growth is a finding only if it exceeds every given limit and the noise; the base does not matter."""
    growth = {"bytes": None if limit is None else f"{limit} MB", "percent": percent}
    assume(growth != {"bytes": None, "percent": None})
    before, after = redis
    told = found(image(base_mb=base, redis_mb=after), {"growth": growth}, image(redis_mb=before), noise=f"{noise} MB")
    own, whole = after - before, before + 10  # beside the package, 10 MB are wasted
    over_bytes, over_percent = limit is None or own > limit, percent is None or own * 100 > percent * whole
    assert bool(told) == (own >= noise and over_bytes and over_percent)


def test_growth_that_cannot_be_told() -> None:
    """Without a baseline growth is not checked; growth that cannot be compared is a finding with its reason."""
    limits = {"growth": {"bytes": "1 MB"}}
    assert found(image(), limits) == []
    start = "growth since main, 3f2a9c1: its limit is not checked, because "
    ((*_, message),) = found(image(), limits, image("single"))
    assert message == f"{start}the baseline has no such variant"
    ((rule, level, message),) = found(image(), limits, image(platform="linux/arm64"))
    assert (rule, level) == ("budget-growth-unjudged", "warning")
    assert message.startswith(f"{start}the earlier image is for linux/arm64, the later one for linux/amd64; ")


def test_nothing_above_a_limit_is_refused() -> None:
    """Warnings and other findings do not raise an error."""
    budgets.enforce(budgets.check(report(image(findings=(OTHER,))), limited({"shipped": {"soft": "1 MB"}})))


def test_first_is_named_and_the_rest_counted() -> None:
    """The error is one line with the variants, their limits and advice; the exit code is 6."""
    checked = budgets.check(report(image("multi"), image("single")), limited({"shipped": "120 MB"}))
    with pytest.raises(OverBudget) as caught:
        budgets.enforce(checked)
    advice = "Remove what the finding names, or raise the limit under budgets in the settings and note why."
    assert str(caught.value) == f"Over budget: multi (shipped), single (shipped). {advice}"
    assert caught.value.exit_code == 6
    with pytest.raises(OverBudget, match=r"^Over budget: multi \(shipped\)[.] "):
        budgets.enforce(replace(checked, images=checked.images[:1]))
    several = budgets.check(
        report(image("multi")), limited({"shipped": "120 MB", "over_base": "1 MB", "waste": "1 MB"})
    )
    with pytest.raises(OverBudget, match=r"^Over budget: multi \(shipped, waste, over-base\)[.] "):
        budgets.enforce(several)


def test_largest_layer_is_told_by_what_it_does() -> None:
    """The finding names what the layer's instruction does, not what it sets up before."""
    instruction = "RUN --mount=type=secret,id=ca set -eux; pip install redis"
    first, *rest = image().layers
    layers = (first, *(replace(layer, instruction=instruction) for layer in rest))
    ((*_, message),) = found(image(layers=layers), {"layer": "20 MB"})
    assert message.endswith("it is layer 1, RUN pip install redis")
