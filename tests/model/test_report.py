"""The values that everything exchanges, and the record's field names, which are a contract."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import sys
from typing import Any

import pytest

from weighbridge.model import build, report
from weighbridge.model.engine import ContainerSpec

VALUES: list[Any] = [value for _, value in inspect.getmembers(report, dataclasses.is_dataclass)]

RECORD = {
    report.Report: "format recorded_at commit dirty engine images sharing",
    report.EngineIdentity: "version store platform",
    report.Image: "variant reference source id platform shipped_bytes file_count base layers live_bytes wasted_bytes "
    "pull ledger waste findings",
    report.Base: "reference layers shipped_bytes",
    report.Layer: "index diff_id instruction in_base shipped_bytes file_count live_bytes wasted_bytes pull_bytes blob",
    report.Pull: "bytes basis",
    report.LedgerRow: "category name version bytes kind",
    report.Waste: "cause bytes shipped_by killed_by path file_count remedy",
    report.Finding: "rule level message",
    report.Sharing: "shipped_bytes pull_bytes unique twins",
}


@pytest.mark.parametrize("value", VALUES)
def test_values_are_frozen(value: Any) -> None:
    """Nobody can change a value that others hold, or make one by position."""
    assert value.__dataclass_params__.frozen
    assert all(field.kw_only for field in dataclasses.fields(value))


@pytest.mark.parametrize("value", RECORD)
def test_record_keeps_its_fields(value: Any) -> None:
    """Fields of format 1 stay: a name that goes or changes needs a new format. New fields may follow."""
    assert set(RECORD[value].split()) <= {field.name for field in dataclasses.fields(value)}


def test_model_needs_the_standard_library_alone() -> None:
    """The model is carried into the image; it imports nothing that would have to be installed."""
    tree = ast.parse(inspect.getsource(report))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_containers_are_hardened_unless_told_otherwise() -> None:
    """A container that names no options has a read-only root, no capabilities, no new privileges, and limits."""
    spec = ContainerSpec(name="n", image="i", network="w")
    assert spec.read_only
    assert spec.drop_capabilities == ("ALL",)
    assert spec.security_options == ("no-new-privileges:true",)
    assert spec.memory_bytes > 0
    assert spec.pids_limit > 0


def test_title_of_a_step_is_one_short_line() -> None:
    """Blanks of continuation lines shrink, and what is too long ends in an ellipsis; a short name stays as it is."""
    long = build.Step(name="[builder 2/3] RUN apt-get update     && apt-get install " + "package " * 50)

    assert build.Step(name="[a 1/1] RUN x").title == "[a 1/1] RUN x"
    assert long.title.startswith("[builder 2/3] RUN apt-get update && apt-get install package")
    assert long.title.endswith(" …")
    assert len(long.title) <= 100
