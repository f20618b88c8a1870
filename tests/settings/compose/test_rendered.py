"""What Compose prints is read as a file would be. Compose itself: tests/live/test_compose_files.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from weighbridge.errors import SettingsError
from weighbridge.settings.compose.project import ComposeBuild, ComposeFile, ComposeService, ComposeVolume
from weighbridge.settings.compose.reader import read_rendered

PRINTED: dict[str, Any] = {
    "name": "shop",
    "services": {
        "api": {
            "build": {"context": "/src", "dockerfile": "api.Dockerfile"},
            "command": ["echo", "$$HOME $${X}"],
            "entrypoint": None,
            "deploy": {"replicas": 2, "resources": {}, "placement": {}},
            "depends_on": {"gone": {"condition": "service_started", "required": False}},
            "env_file": ["gone.env"],
            "environment": {"PRICE": "5$$", "UNSET": None},
            "networks": {"default": None},
            "ports": [{"mode": "ingress", "target": 8000, "published": "80", "protocol": "tcp"}],
            "profiles": ["web"],
            "secrets": [{"source": "key", "target": "/run/secrets/key"}],
            "volumes": [{"type": "volume", "source": "data", "target": "/data", "volume": {}}],
        }
    },
    "networks": {"default": {"name": "shop_default", "ipam": {}}},
    "volumes": {"data": {"name": "shop_data"}},
    "secrets": {"key": {"name": "shop_key", "environment": "KEY"}},
}
"""In the form of Compose 2.26, shortened."""


def test_output_of_compose(tmp_path: Path) -> None:
    """It is read as a file would be: dollars stand for themselves, and what runs nowhere is not waited for."""
    (tmp_path / ".env").write_text("KEY=secret\nHOME=/nowhere\n", encoding="utf-8")
    project = read_rendered(json.dumps(PRINTED), tmp_path, environment={})
    assert project.name == "shop"
    assert project.notes == ()
    assert dict(project.services) == {
        "api": ComposeService(
            name="api",
            build=ComposeBuild(context="/src", dockerfile="api.Dockerfile"),
            command=("echo", "$HOME ${X}"),
            environment={"PRICE": "5$"},
            networks={"default": ()},
            ports=(8000,),
            profiles=("web",),
            replicas=2,
            volumes=(ComposeVolume(kind="volume", source="data", target="/data"),),
            secrets=(ComposeFile(name="key", target="/run/secrets/key", content="secret"),),
        )
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("services: {}", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ("[]", "it has to be a section with keys"),
        ('{"name": "a", "services": [1]}', "services: it has to be a section with keys"),
        ('{"name": "a", "services": {"b": 1}}', "services.b: it has to be a section with keys"),
        ('{"name": null, "services": {}}', "it has to be a text"),
        ('{"name": "a", "services": {"b": {}}}', "services.b: it has neither an image nor a build"),
    ],
)
def test_wrong_output(tmp_path: Path, text: str, words: str) -> None:
    """What is no project is an error of one line."""
    with pytest.raises(SettingsError, match="docker compose config: ") as caught:
        read_rendered(text, tmp_path, environment={})
    assert words in str(caught.value)
