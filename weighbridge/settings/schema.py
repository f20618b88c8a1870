"""Builds the JSON Schema of the settings, by which an editor completes and checks them as they are written.

It says what each key may hold. What two keys must not be together, only the validator knows.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from weighbridge.settings.project import Settings
from weighbridge.settings.values import Section, Size

Schema = dict[str, Any]


def build_schema() -> Schema:
    """Return the schema of `weighbridge.yaml` (JSON Schema, draft 2020-12)."""
    schema = Settings.model_json_schema(schema_generator=_Generator)
    return {"$schema": _Generator.schema_dialect, **schema, "title": "Settings of Weighbridge"}


class _Generator(GenerateJsonSchema):
    """Adds what our docstrings say of each key, sizes as people write them, and single values in place of sections."""

    def encode_default(self, dft: Any) -> Any:
        return dft.written if isinstance(dft, Size) else super().encode_default(dft)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema)
        model = schema["cls"]
        for name, text in _iterate_docstrings(model):
            key = model.model_fields[name].alias or name if name in model.model_fields else name
            if key in found.get("properties", {}):
                found["properties"][key]["description"] = text
        for each in found.get("properties", {}).values():
            each.pop("title", None)
        found.pop("title", None)
        if not issubclass(model, Section) or not model.takes_single_value:
            return found
        singles = [each for each in found["properties"]["hard"]["anyOf"] if each.get("type") != "null"]
        several = {**found, "anyOf": [_require("soft"), _require("hard")]}
        return {"anyOf": [*singles, several]}


def _require(name: str) -> Schema:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def _iterate_docstrings(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Yield name -> docstring of each field of a class and of those that it inherits from."""
    for each in reversed(model.__mro__):
        if issubclass(each, Section) and each is not Section and "[" not in each.__name__:
            body = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0]
            yield from _read_docstrings(body)


def _read_docstrings(body: ast.stmt) -> Iterator[tuple[str, str]]:
    statements = body.body if isinstance(body, ast.ClassDef) else []
    for field, text in pairwise(statements):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            value = text.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield field.target.id, " ".join(value.value.split()).replace("None:", "null:")
