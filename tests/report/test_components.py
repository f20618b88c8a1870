"""What an image is made of: components with all that is theirs, and sums that close."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.support.ledgers import image_of, ledger_rows, row
from weighbridge.model.report import Base, Image, LedgerRow
from weighbridge.report import components
from weighbridge.report.components import Inventory


def found(image: Image) -> Inventory:
    """Return the inventory of an image that has a ledger."""
    result = components.take_inventory(image)
    assert result is not None
    return result


def told(*rows: LedgerRow) -> dict[tuple[str, str, str | None], tuple[int, int, int]]:
    """Return bytes, bytecode and bytes in the base, by kind, name and version."""
    base = Base(reference="python:3.13", layers=1, shipped_bytes=0)
    components = found(image_of("a", *rows, base=base)).components
    return {(x.kind, x.name, x.version): (x.bytes, x.bytecode_bytes, x.base_bytes) for x in components}


@given(st.lists(ledger_rows(), max_size=12))
def test_inventory_closes(rows: list[LedgerRow]) -> None:
    """For any rows, each byte belongs to a component, to no component or to waste, and each component occurs once."""
    result = found(image_of("a", *rows))
    assert result.components_bytes + result.unowned_bytes + result.wasted_bytes == sum(each.bytes for each in rows)
    names = [(each.kind, each.name, each.version) for each in result.components]
    assert len(names) == len(set(names))
    assert sum(each.base_bytes for each in result.components) == sum(x.bytes for x in rows if x.category == "base")


def test_package_of_base_and_ours_is_one() -> None:
    """What the base has of a package and what our layers have are one component; another version is another one."""
    rows = row("base", "pip", 70, "25.0", "python"), row("python", "pip", 5, "25.0"), row("python", "pip", 3, "26.0")
    assert told(*rows) == {("python", "pip", "25.0"): (75, 0, 70), ("python", "pip", "26.0"): (3, 0, 0)}


def test_bytecode_counts_to_its_owner() -> None:
    """Bytecode goes to the distribution before the Debian package of its name, and to the application by folder."""
    rows = (
        row("base", "pip", 70, "25.0", "debian"),
        row("python", "pip", 5, "25.0"),
        row("bytecode", "pip", 11),
        row("application", "/app", 40),
        row("bytecode", "/app", 7),
        row("bytecode", "/app/old", 2),
        row("bytecode", "/opt/x", 1),
    )
    assert told(*rows) == {
        ("python", "pip", "25.0"): (5, 11, 0),
        ("debian", "pip", "25.0"): (70, 0, 70),
        ("application", "/app", None): (40, 9, 0),
    }
    assert found(image_of("a", *rows)).unowned_bytes == 1


def test_base_has_what_no_package_of_it_has() -> None:
    """Files of the base that nobody owns are the base's own, with bytecode that has no owner; waste is no component."""
    rows = (
        row("base", "/etc", 9, kind="unowned"),
        row("base", "/srv", 4, kind="application"),
        row("base", "/usr/lib/python3.13", 2, kind="bytecode"),
        row("wasted", "replaced", 1),
    )
    assert told(*rows) == {("base", "python:3.13", None): (13, 2, 15)}


def test_record_that_does_not_tell_the_manager() -> None:
    """Packages of the base are then of unknown kind; bytecode and folders are recognized by version and name."""
    rows = row("base", "pip", 70, "25.0"), row("base", "pip", 30), row("base", "/etc", 9), row("base", "odd", 1)
    assert told(*rows) == {
        ("unknown", "odd", None): (1, 0, 1),
        ("unknown", "pip", "25.0"): (70, 30, 100),
        ("base", "python:3.13", None): (9, 0, 9),
    }


def test_record_without_a_ledger() -> None:
    """Nothing is made up."""
    assert components.take_inventory(replace(image_of("a"), shipped_bytes=1)) is None
    assert found(image_of("a")).components == ()
