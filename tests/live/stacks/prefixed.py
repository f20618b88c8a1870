"""The API as behind a proxy that removes /api, which its OpenAPI document names as its server."""

from __future__ import annotations

from words.service import app  # type: ignore[import-not-found]  # it is in the image

app.root_path = "/api"
