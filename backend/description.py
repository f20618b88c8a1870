"""Describes the API as OpenAPI: what the framework finds by itself, and the limits that `contract` holds records to."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from backend.access import Access
from backend.contract import (
    MAX_COMMIT_CHARACTERS,
    MAX_IMAGES,
    MAX_ROWS,
    MAX_VARIANT_CHARACTERS,
    TIME_PATTERN,
    find_kinds,
    find_numbers,
)
from weighbridge.model.report import FORMAT_VERSION

_SCHEME = "token"


def install(app: FastAPI, access: Access) -> None:
    """Let an application describe itself so. The description is made on first use."""
    generate = app.openapi

    def describe() -> dict[str, Any]:
        if not app.openapi_schema:
            described = generate()
            _limit_records(described["components"]["schemas"])
            _require_tokens(described, access)
            app.openapi_schema = described
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # as FastAPI's documentation says


def _limit_records(schemas: dict[str, Any]) -> None:
    """Add the limits of `contract.check` that a schema can express.

    It cannot say that a time has passed, or that two images have two names.
    """
    for kind in find_kinds():
        for name, most in find_numbers(kind):
            for option in _find_options(schemas[kind.__name__]["properties"][name]):
                option |= {"minimum": 0, "maximum": most}
    report, image, rebuild = (schemas[name]["properties"] for name in ("Report", "Image", "Rebuild"))
    report["format"] |= {"minimum": FORMAT_VERSION, "maximum": FORMAT_VERSION}
    report["recorded_at"] |= {"pattern": TIME_PATTERN, "description": "UTC, in the past."}
    report["commit"]["anyOf"][0] |= {"maxLength": MAX_COMMIT_CHARACTERS}
    report["images"] |= {"maxItems": MAX_IMAGES, "description": "Each has another `variant`."}
    image["variant"] |= {"maxLength": MAX_VARIANT_CHARACTERS}
    for name, most in MAX_ROWS.items():
        image[name] |= {"maxItems": most}
    rebuild["layers"] |= {"maxItems": MAX_ROWS["layers"]}


def _find_options(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of a field's schema that are numbers."""
    options = schema.get("anyOf", [schema])
    return [option for option in options if option.get("type") in {"integer", "number"}]


def _require_tokens(described: dict[str, Any], access: Access) -> None:
    """Say which requests need a token here."""
    described["components"]["securitySchemes"] = {_SCHEME: {"type": "http", "scheme": "bearer"}}
    for path, operations in described["paths"].items():
        if path == "/metrics" and access.metrics_need_token:
            operations["get"]["security"] = [{_SCHEME: []}]
        if not path.startswith("/v1/"):
            continue
        for method, operation in operations.items():
            if access.needs_token("read" if method == "get" else "write"):
                operation["security"] = [{_SCHEME: []}]
