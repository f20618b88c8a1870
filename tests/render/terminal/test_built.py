"""What was built, what it weighs, and what a build needs."""

from __future__ import annotations

import io

from weighbridge.model.build import BuildResult, Built, LargeContext, Setup, Step, StepState, Weight
from weighbridge.model.report import Pull
from weighbridge.render.terminal import built


def build(variant: str, *states: StepState) -> Built:
    """Return a variant that was built in these steps."""
    steps = tuple(Step(name="[1/1] RUN true", state=state) for state in states)
    return Built(variant=variant, image_id=f"sha256:{'0123456789abcdef' * 4}", seconds=12.34, steps=steps)


def weigh(change: int | None, since: str) -> Weight:
    """Return a weight with that change."""
    pull = Pull(bytes=57_000_000, basis="estimated")
    return Weight(shipped_bytes=157_000_000, pull=pull, change_bytes=change, since=since, noise_bytes=6)


def draw(result: BuildResult) -> list[str]:
    """Return the lines without blanks at their ends."""
    stream = io.StringIO()
    built.render(result, stream)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_built() -> None:
    """The table shows seconds and bytes; the base and what the change was measured against follow."""
    weights = {"multi": weigh(1_200_000, "2026-01-01T00:00:00Z"), "minimal": weigh(0, "2026-01-01T00:00:00Z")}
    result = BuildResult(
        built=(build("multi", "done", "done", "cached"), build("minimal", "cached")),
        base="weighbridge/python:3.13, our stand-in",
        replaced=("weighbridge/x:1, our stand-in for x:1, built because x:1 cannot be pulled",),
        large_contexts=(
            LargeContext(
                folder=".",
                bytes=944_000_000,
                used_bytes=2_100_000,
                largest={".venv": 600_000_000, "data": 300_000_000},
                ignore_file=".dockerignore",
            ),
        ),
        weights=weights,
        pushed={"multi": "localhost:5000/shop@sha256:0"},
    )
    assert draw(result) == [
        "Built",
        "",
        " Variant   Image id       Seconds   Run   Cached   Shipped       Pull     Change",
        " ───────────────────────────────────────────────────────────────────────────────",
        " multi     0123456789ab      12.3     2        1    157 MB   ~57.0 MB   +1.20 MB",
        " minimal   0123456789ab      12.3     0        1    157 MB   ~57.0 MB        0 B",
        "",
        "Base: weighbridge/python:3.13, our stand-in",
        "FROM: weighbridge/x:1, our stand-in for x:1, built because x:1 cannot be pulled",
        (
            "Context: . holds 944 MB, of which .venv is 600 MB and data is 300 MB; the image uses at most 2.10 MB "
            "of it; put .venv and data into .dockerignore, unless a step needs it"
        ),
        "Change: since 2026-01-01T00:00:00Z",
        "multi    localhost:5000/shop@sha256:0",
    ]


def test_no_change_to_tell() -> None:
    """Without a record there is no figure but a reason; an image that the engine does not have has no weight."""
    weights = {
        "a": weigh(None, "because there is no record of it"),
        "b": weigh(6, "2026-01-01T00:00:00Z"),
    }
    lines = draw(BuildResult(built=(build("a"), build("b"), build("c")), base="x", weights=weights, pushed={}))
    assert [line.split()[-1] for line in lines[4:7]] == ["-", "B", "-"]
    assert lines[6].split()[-3:] == ["-", "-", "-"]
    assert lines[-2:] == [
        "Change of a: not known, because there is no record of it",
        "Change of b: since 2026-01-01T00:00:00Z",
    ]


def test_change_below_the_noise_limit() -> None:
    """A smaller change than counts is called almost none; no change at all is not."""
    since = "2026-01-01T00:00:00Z"
    weights = {"a": weigh(-5, since), "b": weigh(6, since), "c": weigh(0, since)}
    lines = draw(BuildResult(built=(build("a"), build("b"), build("c")), base="x", weights=weights, pushed={}))
    assert lines[-2:] == [f"Change of a: almost none since {since}", f"Change of b, c: since {since}"]


def test_setup() -> None:
    """Each part is on a line of its own, with its description beside it."""
    stream = io.StringIO()
    built.render_setup(Setup(engine="Docker 28.5.2", builder="[x]", bases={"python": "python:3.13"}), stream)
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    assert lines == ["Engine   Docker 28.5.2", "Builder  [x]", "Python   python:3.13"]
