"""What a repository has is kept in words, and each change is told with the line to change."""

from __future__ import annotations

import pytest

from weighbridge.settings.initial import seen

THEN = {"Dockerfile": {"ports": "8000", "command": "uvicorn a:app"}, "compose service web": {"is": "a role"}}


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (THEN, []),
        (
            {"Dockerfile": THEN["Dockerfile"]},
            [
                (
                    "compose service web is gone: change what the settings say of it, and remove "
                    "init.saw.compose service web."
                )
            ],
        ),
        (
            {**THEN, "compose service mail": {"is": "a service"}},
            [
                (
                    "compose service mail is new: see whether the settings have to name it, and add "
                    "init.saw.compose service mail: {is: a service}."
                )
            ],
        ),
        (
            {**THEN, "Dockerfile": {"ports": "9000", "command": "uvicorn a:app"}},
            [
                (
                    "Dockerfile: ports is now 9000, and was 8000: correct the settings, and set "
                    'init.saw.Dockerfile.ports: "9000".'
                )
            ],
        ),
        (
            {**THEN, "Dockerfile": {"ports": "8000", "health check": "x"}},
            [
                (
                    "Dockerfile: command is gone, and was uvicorn a:app: correct the settings, and remove "
                    "init.saw.Dockerfile.command."
                ),
                "Dockerfile: health check is now x: correct the settings, and set init.saw.Dockerfile.health check: x.",
            ],
        ),
    ],
)
def test_changes(now: seen.Seen, told: list[str]) -> None:
    """What is gone, what is new, and what is different."""
    assert [*seen.compare(THEN, now)] == told


def test_no_secret_is_kept() -> None:
    """A command's passwords, by a variable's value or in a URL, are not written into a file."""
    role = {"kind": "worker", "command": ["run", "--key", "velvet-anchor", "redis://:orange-crate@r/0", "--x=abc"]}
    found = seen.describe_stack({"roles": {"jobs": role, "gone": None}, "smoke": {}}, {"velvet-anchor", "abc"})
    assert found == {
        "compose service jobs": {
            "is": "a role of the kind worker",
            "command": "run --key *** redis://:***@r/0 --x=abc",
        }
    }
