"""The description of the API is true: Schemathesis, which knows only the description, finds nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from backend.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.mark.services
@pytest.mark.parametrize("token", [None, "token"])
def test_schemathesis_finds_nothing(
    serving: Any, settings: Settings, redis_url: str, tmp_path: Path, token: str | None
) -> None:
    """With all its checks, over the whole API: open, and where reads and writes need a token."""
    access: dict[str, Any] = {"write_tokens": SecretStr(token), "reads_need_token": True} if token else {}
    options = ["--header", f"Authorization: Bearer {token}"] if token else []
    with serving(settings.model_copy(update={"redis_url": redis_url, **access})) as client:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{client.base_url}/openapi.json", *options]
        # U+0000 and halves of surrogates are refused, which a schema can say only with a pattern for every text.
        command += ["--checks", "all", "--generation-allow-x00", "false", "--max-examples", "5"]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(ROOT / "tests/support")},
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 0, done.stdout
    assert "10 selected / 10 total" in done.stdout


def test_limits_of_records_are_described(serving: Any, settings: Settings) -> None:
    """Each number has its bounds, and each list its longest length."""
    with serving(settings) as client:
        schemas = client.get("/openapi.json").json()["components"]["schemas"]
    image = schemas["Image"]["properties"]

    assert (image["file_count"]["minimum"], image["file_count"]["maximum"]) == (0, 10**9)
    assert image["live_bytes"]["anyOf"][0] == {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
    assert (image["layers"]["maxItems"], image["variant"]["maxLength"]) == (1000, 200)
    assert schemas["Report"]["properties"]["images"]["maxItems"] == 100
    assert schemas["Report"]["properties"]["commit"]["anyOf"][0] == {"type": "string", "maxLength": 200}
    assert "minimum" not in schemas["VariantDifference"]["properties"]["delta_bytes"]


def test_tokens_are_described_where_they_are_needed(serving: Any, settings: Settings) -> None:
    """Nowhere in an open service; for writes, if there is a token; for reads, if they need one."""
    found = []
    for access in (
        {},
        {"write_tokens": SecretStr("w")},
        {"write_tokens": SecretStr("w"), "reads_need_token": True},
    ):
        with serving(settings.model_copy(update=access)) as client:
            paths = client.get("/openapi.json").json()["paths"]
        found.append({f"{verb} {path}" for path, verbs in paths.items() for verb in verbs if "security" in verbs[verb]})
    writes = {"post /v1/reports", "post /v1/comparisons", "delete /v1/reports/{report_id}"}
    reads = {"get /v1/reports", "get /v1/reports/{report_id}", "get /v1/comparisons/{comparison_id}"}

    assert found == [set(), writes, writes | reads]
