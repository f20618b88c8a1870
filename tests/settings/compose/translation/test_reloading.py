"""A command loses what starts its server anew when the code changes, and nothing else."""

from __future__ import annotations

import pytest

from weighbridge.settings.compose.translation.reloading import drop_reload


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["uvicorn", "a:a", "--reload"], ["uvicorn", "a:a"]),
        (["uvicorn", "--reload", "--reload-dir", "src", "a:a", "--reload-exclude=x"], ["uvicorn", "a:a"]),
        (["gunicorn", "--reload-engine", "poll", "a:a"], ["gunicorn", "a:a"]),
        (["fastapi", "dev", "main.py"], ["fastapi", "run", "main.py"]),
        (["uv", "run", "/app/bin/fastapi", "dev"], ["uv", "run", "/app/bin/fastapi", "run"]),
        (["serve", "dev", "--reloaded", "--reload-x"], ["serve", "dev", "--reloaded", "--reload-x"]),
        (["sh", "-c", "x && uvicorn a:a --reload --port 1"], ["sh", "-c", "x && uvicorn a:a --port 1"]),
        (["sh", "-c", "uvicorn --reload-dir a --reload a:a"], ["sh", "-c", "uvicorn a:a"]),
        (["sh", "-c", "cd fastapi-dev; fastapi  dev a"], ["sh", "-c", "cd fastapi-dev; fastapi  run a"]),
        ([], []),
    ],
)
def test_commands(words: list[str], kept: list[str]) -> None:
    """Options go with their values, in words and in lines for a shell; `fastapi dev` becomes `fastapi run`."""
    assert [*drop_reload(words)] == kept
