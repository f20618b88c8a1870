"""Which variant to ship and what to cut: by bytes, by what was proven, and never by figures of unlike basis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from weighbridge.model.report import Base, Basis, Finding, Image, Layer, LedgerRow, Pull, Report, Waste, WasteCause
from weighbridge.model.smoke import Standing
from weighbridge.report.advice import Cut, choose_cut, choose_image, explain_choice
from weighbridge.report.summary import Summary


def image(variant: str, pull: int | None, *, shipped: int = 100_000_000, basis: Basis = "estimated") -> Image:
    """Return an image that pulls so many MB."""
    return Image(
        variant=variant,
        reference=variant,
        source="docker",
        id=variant,
        platform="linux/amd64",
        shipped_bytes=shipped,
        file_count=1,
        base=Base(reference="debian", layers=1, shipped_bytes=1),
        layers=(),
        pull=None if pull is None else Pull(bytes=pull * 10**6, basis=basis),
    )


BIG, MIDDLE, SMALL = image("big", 190), image("middle", 57), image("small", 25)


def summary(*images: Image, tried: Mapping[str, bool] | None = None) -> Summary:
    """Return a summary of images and of who passed."""
    report = Report(recorded_at="2026-11-24T10:00:00Z", commit=None, dirty=False, engine=None, images=images)
    standings = {
        variant: Standing(ok=ok, at="2026-11-24T10:00:00Z", rules=45, failed=() if ok else ("worker ready",))
        for variant, ok in (tried or {}).items()
    }
    return Summary(report=report, standings=standings)


@pytest.mark.parametrize(
    ("tried", "choice", "why"),
    [
        ({}, "small", "It is the smallest to pull of all 3, and none was tried: prove it with `invoke smoke`."),
        (
            {"big": True, "middle": True, "small": True},
            "small",
            "It is the smallest to pull of the 3 whose smoke test passed.",
        ),
        (
            {"big": True, "middle": True, "small": False},
            "middle",
            "It is the smallest to pull of the 2 whose smoke test passed. small is smaller, but its smoke test fails.",
        ),
        (
            {"middle": True},
            "middle",
            "It is the only one whose smoke test passed. small is smaller and was not tried; `invoke smoke` does.",
        ),
        (
            {"small": False},
            "middle",
            (
                "It is the smallest to pull of the 2 that did not fail, and none was tried:"
                " prove it with `invoke smoke`. small is smaller, but its smoke test fails."
            ),
        ),
        (
            {"small": False, "big": False},
            "middle",
            (
                "All others fail their smoke test, and it was never tried: prove it with `invoke smoke`."
                " small is smaller, but its smoke test fails."
            ),
        ),
        (
            {"big": False, "middle": False, "small": False},
            None,
            "No variant passes its smoke test: `invoke smoke` says what fails.",
        ),
    ],
)
def test_to_ship(tried: dict[str, bool], choice: str | None, why: str) -> None:
    """What passed comes before what was not tried, what failed is never named, and the smallest wins."""
    told = summary(BIG, SMALL, MIDDLE, tried=tried)
    chosen = choose_image(told)
    assert (chosen.variant if chosen else None, explain_choice(told)) == (choice, why)


def test_alone() -> None:
    """One image is compared with none; what is no variant is not sent to the smoke test, which knows variants only."""
    assert explain_choice(summary(SMALL, tried={"small": True})) == "Its smoke test passed."
    assert explain_choice(summary(SMALL)) == "No smoke test has tried it: prove it with `invoke smoke`."
    assert not explain_choice(summary(replace(SMALL, variant="archive:x.tar")))
    assert explain_choice(summary()) == "There is no image."


def test_two_are_both() -> None:
    """Of exactly two images, the sentence says `both`."""
    assert "of both, and none was tried" in explain_choice(summary(SMALL, BIG))


def test_errors_come_last() -> None:
    """An image with an error is named only where every image that passed has one, and then that is said."""
    faulty = replace(SMALL, findings=(Finding(rule="budget-pull", level="error", message="x"),))
    warned = replace(MIDDLE, findings=(Finding(rule="budget-pull", level="warning", message="x"),))
    told = summary(BIG, faulty, warned, tried=dict.fromkeys(("big", "middle", "small"), True))
    assert choose_image(told) == warned
    assert explain_choice(told).endswith("small is smaller, but has errors.")
    alone = summary(faulty, tried={"small": True})
    assert choose_image(alone) == faulty
    assert explain_choice(alone) == "Its smoke test passed. It has 1 error, listed below."


@pytest.mark.parametrize("other", [image("big", 20, basis="exact", shipped=10**9), image("big", None, shipped=10**9)])
def test_unlike_pulls_are_not_compared(other: Image) -> None:
    """Where pulls are of unlike basis, or one is unknown, shipped bytes decide, and the reason says so."""
    told = summary(other, SMALL)
    assert choose_image(told) == SMALL
    assert explain_choice(told).startswith("It ships the fewest bytes of both")


def waste(cause: WasteCause, size: int, path: str, remedy: str = "Do x.", layers: tuple[int, int] = (2, 3)) -> Waste:
    """Return wasted bytes."""
    return Waste(
        cause=cause,
        bytes=size,
        shipped_by=layers[0],
        killed_by=layers[1],
        path=path,
        file_count=1,
        remedy=remedy,
    )


def owned(*rows: tuple[str, str, int]) -> tuple[LedgerRow, ...]:
    """Return a ledger."""
    return tuple(LedgerRow(category=category, name=name, version=None, bytes=size) for category, name, size in rows)


LEDGER = owned(
    ("base", "libc6", 50_000_000),
    ("debian", "libpq5", 3_000_000),
    ("python", "sqlalchemy", 4_000_000),
    ("python", "pydantic-core", 5_000_000),
    ("bytecode", "sqlalchemy", 3_000_000),
    ("wasted", "replaced", 9_000_000),
)


@pytest.mark.parametrize(
    ("cause", "deed"),
    [
        ("metadata-only", "shipped by layer 2 and, byte for byte, again by layer 3"),
        ("replaced", "shipped by layer 2 and replaced by layer 3"),
        ("deleted-directory", "shipped by layer 2 and deleted by layer 3"),
    ],
)
def test_waste_is_cut_first(cause: WasteCause, deed: str) -> None:
    """What one change to an instruction saves is one cut, of all that it would save."""
    rows = (waste(cause, 900_000, "/venv/lib"), waste(cause, 200_000, "/venv/bin"))
    found = choose_cut(replace(SMALL, waste=rows, ledger=LEDGER))
    assert found == Cut(bytes=1_100_000, what=f"/venv/lib and 1 more, {deed}", remedy="Do x.", sure=True)


def test_waste_that_does_not_pay_is_left() -> None:
    """Below 1 % of the image, or inside the base image, waste is not what to cut; the largest owner is."""
    rows = (waste("replaced", 999_999, "/a"), waste("replaced", 30_000_000, "/b", layers=(0, 0)))
    found = choose_cut(replace(SMALL, waste=rows, ledger=LEDGER))
    assert found is not None
    assert (found.bytes, found.what, found.sure) == (7_000_000, "Python package sqlalchemy", False)


def test_build_tools_are_one_cut() -> None:
    """Compilers and headers are one cut, whatever they are called; libraries that run are not part of it."""
    names = ("gcc-14-x86-64-linux-gnu", "g++-14", "cpp-14", "binutils", "libpq-dev", "linux-libc-dev", "libasan8")
    tools = owned(*(("debian", name, 1_000_000) for name in names), ("debian", "gcc-14-x86-64-linux-gnu", 2_000_000))
    runs = owned(("debian", "libgcc-s1", 60_000_000), ("debian", "libstdc++6", 9), ("base", "gcc-14-base", 9))
    found = choose_cut(replace(SMALL, ledger=(*runs, *tools)))
    assert found is not None
    assert (found.bytes, found.what) == (9_000_000, "build tools (gcc-14-x86-64-linux-gnu and 6 more)")


@pytest.mark.parametrize(
    ("rows", "what", "size"),
    [
        ([("python", "redis", 5), ("debian", "redis", 6)], "Debian package redis", 6),
        ([("python", "redis", 5), ("bytecode", "redis", 2), ("debian", "redis", 6)], "Python package redis", 7),
        ([("application", "/app", 40), ("bytecode", "/app", 1)], "/app", 41),
        ([("python", "a", 3), ("bytecode", "/opt/x", 4)], "bytecode of /opt/x", 4),
    ],
)
def test_owners_of_one_name(rows: list[tuple[str, str, int]], what: str, size: int) -> None:
    """Owners of two categories are two, though they share a name; bytecode goes with the one it was compiled from."""
    found = choose_cut(replace(SMALL, ledger=owned(*rows)))
    assert found is not None
    assert (found.what, found.bytes) == (what, size)


def test_name_that_another_ecosystem_requires() -> None:
    """A package may be the largest part although another ecosystem has a package of its name that is required."""
    rows = (
        LedgerRow(category="debian", name="click", version="1", bytes=1, required_by=("x",)),
        LedgerRow(category="python", name="click", version="1", bytes=5, required_by=()),
    )
    found = choose_cut(replace(SMALL, ledger=rows))
    assert found is not None
    assert (found.what, found.bytes) == ("Python package click", 5)


def test_nothing_to_cut() -> None:
    """An image that is its base image and no more has nothing to cut, and one without a ledger tells nothing."""
    assert choose_cut(replace(SMALL, ledger=owned(("base", "libc6", 5)))) is None
    assert choose_cut(SMALL) is None
    assert choose_cut(replace(SMALL, shipped_bytes=0, layers=())) is None


def test_base_that_is_unknown() -> None:
    """What a base wastes by itself cannot be told from ours, and its packages may be what makes it run."""
    layer = Layer(index=0, diff_id="", instruction="", in_base=None, shipped_bytes=100_000_000, file_count=1)
    rows = (waste("replaced", 30_000_000, "/b", layers=(0, 0)),)
    found = choose_cut(replace(SMALL, base=None, layers=(layer,), waste=rows))
    assert found is None or not found.sure


def test_package_that_nothing_requires() -> None:
    """Such a package is a sure cut, with what only it needs; it counts from 1 % of the image, as others do."""
    rows = [
        LedgerRow(category="python", name="httpx", version="1", bytes=900_000, required_by=(), requested=False),
        LedgerRow(
            category="python", name="certifi", version="1", bytes=200_000, required_by=("httpx",), requested=False
        ),
        *LEDGER,
    ]
    found = choose_cut(replace(SMALL, ledger=tuple(rows)))
    assert found is not None
    assert (found.bytes, found.sure) == (1_100_000, True)
    assert found.headline == "Python package httpx, which nothing requires, with 1 package that only it needs (certifi)"
    rest = choose_cut(replace(SMALL, ledger=tuple(rows[1:])))
    assert rest is not None
    assert not rest.sure


def test_what_is_required_is_never_named() -> None:
    """The largest part is one that nothing else requires: nobody can take pydantic out of FastAPI."""
    rows = [
        LedgerRow(
            category="python", name="pydantic", version="2", bytes=9_000_000, required_by=("fastapi",), requested=True
        ),
        LedgerRow(category="bytecode", name="pydantic", version=None, bytes=9_000_000),
        LedgerRow(category="python", name="fastapi", version="1", bytes=1_000_000, required_by=(), requested=True),
    ]
    found = choose_cut(replace(SMALL, ledger=tuple(rows)))
    assert found is not None
    assert found.headline == "Nothing is certainly removable. The largest part that could go is Python package fastapi"
    assert choose_cut(replace(SMALL, ledger=tuple(rows[:2]))) is None
