"""The values of a report are frozen, and the names of a record's fields are a contract."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import sys
from typing import Any

import pytest

from weighbridge.model import report

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
    """A value cannot be changed, or made with positional arguments."""
    assert value.__dataclass_params__.frozen
    assert all(field.kw_only for field in dataclasses.fields(value))


@pytest.mark.parametrize("value", RECORD)
def test_record_keeps_its_fields(value: Any) -> None:
    """The fields of format 1 stay: removing or changing one needs a new format; new fields may be added."""
    assert set(RECORD[value].split()) <= {field.name for field in dataclasses.fields(value)}


def test_model_needs_the_standard_library_alone() -> None:
    """The model is copied into the image, so it imports only the standard library."""
    tree = ast.parse(inspect.getsource(report))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.mark.parametrize("value", VALUES)
def test_annotations_are_no_texts(value: Any) -> None:
    """Pydantic, which reads records, finds types, and need not compile texts at each start."""
    assert [each.name for each in dataclasses.fields(value) if isinstance(each.type, str)] == []
