"""What a posted record may be: every limit at the limit and one beyond it, and each refusal in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend import contract
from backend.errors import Invalid
from weighbridge.model.report import Finding, Layer, LedgerRow, Pull, Rebuild

Record = Callable[..., dict[str, Any]]
LAYER = {"index": 0, "diff_id": "sha256:aa", "instruction": "RUN", "in_base": None, "shipped_bytes": 1, "file_count": 1}
ROWS: dict[str, dict[str, Any]] = {
    "layers": LAYER,
    "ledger": {"category": "debian", "name": "redis", "version": None, "bytes": 1},
    "waste": {
        "cause": "replaced",
        "bytes": 1,
        "shipped_by": 0,
        "killed_by": 1,
        "path": "/x",
        "file_count": 1,
        "remedy": "Stop.",
    },
    "findings": {"rule": "secret", "level": "error", "message": "A key"},
    "rebuilds": {"change": None, "seconds": 1.5, "steps_run": 1, "steps_cached": 2, "layers": [], "pull": None},
}
MOST = {"layers": 1_000, "ledger": 20_000, "waste": 10_000, "findings": 1_000, "rebuilds": 32}
LARGEST = 9_223_372_036_854_775_807


def refusal(value: Any) -> str:
    """Return the words by which a record is refused."""
    with pytest.raises(Invalid) as caught:
        contract.check(value)
    return str(caught.value)


# What is read.


def test_record_of_the_least_fields(record: Record) -> None:
    """A record needs no optional field, not even its format, and each is then what its kind says."""
    value = record()
    del value["format"]
    report = contract.check(value)
    assert (report.format, report.recorded_at, report.commit, report.dirty) == (
        1,
        "2026-11-23T10:00:00Z",
        "c0ffee",
        False,
    )
    (image,) = report.images
    assert (image.variant, image.shipped_bytes, image.base, image.pull) == ("multi", 100, None, None)
    assert [layer.diff_id for layer in image.layers] == ["sha256:aa"]
    assert (image.ledger, image.waste, image.findings, image.rebuilds) == ((), (), (), ())


def test_rows_are_read(record: Record) -> None:
    """Every kind of row comes back with its fields, and the images keep their order."""
    value = record(image={name: [row] for name, row in ROWS.items()} | {"pull": {"bytes": 7, "basis": "exact"}})
    value["images"].append(value["images"][0] | {"variant": "second"})
    first, second = contract.check(value).images
    assert (first.variant, second.variant) == ("multi", "second")
    assert first.layers == (
        Layer(index=0, diff_id="sha256:aa", instruction="RUN", in_base=None, shipped_bytes=1, file_count=1),
    )
    assert first.ledger == (LedgerRow(category="debian", name="redis", version=None, bytes=1),)
    assert (first.waste[0].path, first.waste[0].killed_by) == ("/x", 1)
    assert first.findings == (Finding(rule="secret", level="error", message="A key"),)
    assert first.rebuilds == (Rebuild(change=None, seconds=1.5, steps_run=1, steps_cached=2, layers=(), pull=None),)
    assert first.pull == Pull(bytes=7, basis="exact")


def test_record_without_images(record: Record) -> None:
    """A record may have no image at all, but must say so."""
    assert contract.check(record(images=[])).images == ()
    value = record()
    del value["images"]
    assert refusal(value) == "images: Field required"


@pytest.mark.parametrize("unread", [None, 10**400, "\ud800", float("nan"), [[{}]], {"format": 2}])
def test_fields_of_others_may_be_anything(record: Record, unread: Any) -> None:
    """A field that this version does not know may hold any JSON, even what could not be read."""
    value = record(image={"novelty": unread}, novelty=unread)
    assert contract.check(value) == contract.check(record())


def test_integer_in_another_spelling(record: Record) -> None:
    """To JSON, 100.0 and 100 are one number; the report has the integer."""
    (image,) = contract.check(record(format=1.0, image={"shipped_bytes": 100.0, "file_count": 3e0})).images
    assert (image.shipped_bytes, type(image.shipped_bytes), image.file_count) == (100, int, 3)


# What is refused.


@pytest.mark.parametrize("value", [None, 5, "x", [], True])
def test_body_that_is_no_object(value: Any) -> None:
    """A body that is no object is refused as a whole."""
    assert refusal(value) == "The body: Input should be an object"


@pytest.mark.parametrize("value", [None, 5, "x", []])
def test_image_that_is_no_object(record: Record, value: Any) -> None:
    """An image that is no object is refused by its number."""
    images = [*record()["images"], value]
    assert refusal(record(images=images)) == "images.1: Input should be an object"


@pytest.mark.parametrize(
    ("told", "shown"), [(2, "2"), (None, "None"), ("1", "1"), ("x" * 20, "x" * 20), ("x" * 21, "x" * 20)]
)
def test_format_of_another_version(record: Record, told: Any, shown: str) -> None:
    """Only records of format 1 are read; the refusal shows at most twenty characters of another one."""
    assert refusal(record(format=told)) == f"format: this service reads 1, not {shown}"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dirty": 0}, "dirty: Input should be a valid boolean"),
        ({"dirty": "false"}, "dirty: Input should be a valid boolean"),
        ({"commit": 5}, "commit: Input should be a valid string"),
        ({"recorded_at": None}, "recorded_at: Input should be a valid string"),
        ({"engine": {"version": "29"}}, "engine.store: Field required"),
        (
            {"sharing": {"shipped_bytes": "1", "pull_bytes": 1, "unique": [], "twins": []}},
            "sharing.shipped_bytes: Input should be a valid integer",
        ),
    ],
)
def test_field_of_another_type(record: Record, fields: dict[str, Any], words: str) -> None:
    """A text is no number and a number no truth: the first field of another type is named."""
    assert refusal(record(**fields)) == words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"shipped_bytes": "100"}, "images.0.shipped_bytes: Input should be a valid integer"),
        ({"layers": None}, "images.0.layers: must be a list"),
        ({"ledger": {}}, "images.0.ledger: must be a list"),
        ({"layers": [LAYER, 5]}, "images.0.layers.1: Input should be an object"),
        ({"layers": [LAYER | {"file_count": 1.5}]}, "images.0.layers.0.file_count: Input should be a valid integer"),
        ({"rebuilds": [{"layers": 5}]}, "images.0.rebuilds.0.layers: must be a list"),
        ({"rebuilds": [5]}, "images.0.rebuilds.0: Input should be an object"),
        ({"pull": {"bytes": 1, "basis": "guessed"}}, "images.0.pull.basis: Input should be 'exact' or 'estimated'"),
    ],
)
def test_field_of_an_image(record: Record, fields: dict[str, Any], words: str) -> None:
    """A fault within an image is named by the image's number and the way to the field."""
    assert refusal(record(image=fields)) == words


def test_first_fault_is_told(record: Record) -> None:
    """Of several faults the answer names the first: an image's lists before its fields, images in their order."""
    value = record(image={"layers": [5], "variant": 5})
    assert refusal(value) == "images.0.variant: Input should be a valid string"
    assert refusal(value | {"dirty": None}) == "dirty: Input should be a valid boolean"
    assert refusal(record(image={"variant": 5, "ledger": 5})) == "images.0.ledger: must be a list"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-11-23",
        "2026-11-23T10:00:00",
        "2026-11-23T10:00:00z",
        "2026-11-23 10:00:00Z",
        "2026-11-23T10:00:00+00:00",
        "2026-11-23T12:00:00+02:00",
        "2026-11-23T10:00:00.5Z",
        "2026-11-23T10:00Z",
        "20261123T100000Z",
        "1969-12-31T23:59:59Z",
        "2026-11-23T10:00:00Z\n",
        "2026-02-30T10:00:00Z",
    ],
)
def test_times_have_one_spelling(record: Record, text: str) -> None:
    """A time in another spelling would be sorted wrongly among the others, so only one is accepted."""
    assert refusal(record(recorded_at=text)) == "recorded_at: must be a UTC time such as 2026-11-23T10:00:00Z"


@pytest.mark.parametrize("text", ["2026-11-23T10:00:00Z", "1999-12-31T23:59:59Z", "2024-02-29T00:07:08Z"])
def test_times_that_are_right(record: Record, text: str) -> None:
    """Each part of a time is read as what it is, a leap day too."""
    assert contract.check(record(recorded_at=text)).recorded_at == text


# Limits.


def test_images_at_their_limit(record: Record) -> None:
    """A record has at most a hundred images."""
    images = [record()["images"][0] | {"variant": str(number)} for number in range(101)]
    assert len(contract.check(record(images=images[:100])).images) == 100
    assert refusal(record(images=images)) == "images: must have at most 100 entries, not 101"
    assert refusal(record(images={})) == "images: must be a list"


@pytest.mark.parametrize("name", MOST)
def test_rows_at_their_limit(record: Record, name: str) -> None:
    """An image has at most so many rows of a kind; the refusal names the image and how many there are."""
    most, row = MOST[name], ROWS[name]
    (image,) = contract.check(record(image={name: [row] * most})).images
    assert len(getattr(image, name)) == most
    images = [*record()["images"], record(image={name: [5] * (most + 1), "variant": None})["images"][0]]
    assert refusal(record(images=images)) == f"images.1.{name}: must have at most {most} entries, not {most + 1}"


def test_layers_of_a_rebuild_at_their_limit(record: Record) -> None:
    """A rebuild has at most as many layers as an image; the refusal names the rebuild."""
    rebuilds = [ROWS["rebuilds"], ROWS["rebuilds"] | {"layers": [LAYER] * 1_000}]
    assert len(contract.check(record(image={"rebuilds": rebuilds})).images[0].rebuilds[1].layers) == 1_000
    rebuilds[1] = ROWS["rebuilds"] | {"layers": [LAYER] * 1_001}
    words = "images.0.rebuilds.1.layers: must have at most 1000 entries, not 1001"
    assert refusal(record(image={"rebuilds": rebuilds})) == words


def test_names_at_their_limit(record: Record) -> None:
    """A variant's name has at most two hundred characters, because the database indexes it."""
    assert contract.check(record(image={"variant": "é" * 200})).images[0].variant == "é" * 200
    assert refusal(record(image={"variant": "é" * 201})) == "images.0.variant: must have at most 200 characters"


def test_commit_that_is_too_long(record: Record) -> None:
    """A list shows a hundred of them, so one has at most 200 characters."""
    assert contract.check(record(commit="é" * 200)).commit == "é" * 200
    assert contract.check(record(commit=None)).commit is None
    assert refusal(record(commit="é" * 201)) == "commit: must have at most 200 characters"


@pytest.mark.parametrize("size", [0, 1, LARGEST])
def test_sizes_that_fit(record: Record, size: int) -> None:
    """A size may be anything that the database's integers hold, nothing included."""
    assert contract.check(record(image={"shipped_bytes": size})).images[0].shipped_bytes == size


@pytest.mark.parametrize("size", [-1, LARGEST + 1])
def test_sizes_that_do_not_fit(record: Record, size: int) -> None:
    """A size below zero, or too large for the database, is refused with both limits."""
    words = "images.0.shipped_bytes: must be between 0 and 9223372036854775807"
    assert refusal(record(image={"shipped_bytes": size})) == words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"file_count": -1}, "file_count: must be between 0 and 1000000000"),
        ({"file_count": 10**9 + 1}, "file_count: must be between 0 and 1000000000"),
        ({"wasted_bytes": -1}, f"wasted_bytes: must be between 0 and {LARGEST}"),
        ({"pull": {"bytes": -1, "basis": "exact"}}, f"pull.bytes: must be between 0 and {LARGEST}"),
        ({"layers": [LAYER, LAYER | {"index": -1}]}, "layers.1.index: must be between 0 and 1000000000"),
        ({"layers": [LAYER | {"live_bytes": 2**63}]}, f"layers.0.live_bytes: must be between 0 and {LARGEST}"),
        ({"ledger": [ROWS["ledger"] | {"bytes": -5}]}, f"ledger.0.bytes: must be between 0 and {LARGEST}"),
        ({"waste": [ROWS["waste"] | {"killed_by": -1}]}, "waste.0.killed_by: must be between 0 and 1000000000"),
        ({"rebuilds": [ROWS["rebuilds"] | {"seconds": -0.5}]}, "rebuilds.0.seconds: must be between 0 and 10000000"),
        (
            {"rebuilds": [ROWS["rebuilds"] | {"layers": [LAYER | {"file_count": -1}]}]},
            "rebuilds.0.layers.0.file_count: must be between 0 and 1000000000",
        ),
        (
            {"base": {"reference": "x", "layers": -1, "shipped_bytes": 0}},
            "base.layers: must be between 0 and 1000000000",
        ),
    ],
)
def test_numbers_that_nothing_can_have(record: Record, fields: dict[str, Any], words: str) -> None:
    """A count below zero, or of more than there can be, is refused wherever it stands."""
    assert refusal(record(image=fields)) == f"images.0.{words}"


def test_numbers_of_the_whole(record: Record) -> None:
    """Also those that are not an image's."""
    own = {"variant": "multi", "shipped_bytes": 1, "pull_bytes": -1}
    sharing = {"shipped_bytes": 1, "pull_bytes": 1, "unique": [own], "twins": []}
    assert refusal(record(sharing=sharing)) == f"sharing.unique.0.pull_bytes: must be between 0 and {LARGEST}"


def test_variants_are_there_once(record: Record) -> None:
    """Two images of one name could not be told apart later."""
    images = [*record()["images"], *record(image={"variant": "other"})["images"], *record()["images"]]
    assert refusal(record(images=images)) == "images.2.variant: 'multi' is there twice"


def test_times_in_the_future(record: Record) -> None:
    """A clock may be somewhat ahead, and no more; the refusal says what to look at."""
    now = datetime.now(UTC)
    near, far = (f"{now + ahead:%Y-%m-%dT%H:%M:%SZ}" for ahead in (timedelta(minutes=50), timedelta(minutes=70)))
    assert contract.check(record(recorded_at=near)).recorded_at == near
    words = "recorded_at: must not be in the future; is the clock right where this was measured?"
    assert refusal(record(recorded_at=far)) == refusal(record(recorded_at="9999-01-01T00:00:00Z")) == words
