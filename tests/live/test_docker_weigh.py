"""`docker weigh` by real clients of Docker, each of those on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from weighbridge.build.bases import BaseImage

pytestmark = pytest.mark.engine
PROJECT = Path(__file__).parents[2]
CLIENTS = sorted({str(Path(each).resolve()) for each in (shutil.which("docker"), "/usr/bin/docker") if each})
PLUGIN = """#!{python}
import sys
sys.path.insert(0, {project!r})
from weighbridge.docker_weigh import main
main()
"""


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    """Return variables under which the clients find the plugin, as `weighbridge docker-plugin` links it."""
    plugin = tmp_path / "config" / "cli-plugins" / "docker-weigh"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(PLUGIN.format(python=sys.executable, project=str(PROJECT)), encoding="utf-8")
    plugin.chmod(0o755)
    return {**os.environ, "DOCKER_CONFIG": str(tmp_path / "config"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def run(
    environment: Mapping[str, str], folder: Path, *words: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a client in an empty folder."""
    return subprocess.run(
        words, cwd=folder, env={**environment, **variables}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("client", CLIENTS)
def test_client_lists_and_runs_it(
    client: str, environment: Mapping[str, str], tmp_path: Path, redis_base: BaseImage
) -> None:
    """The client's help names the plugin, and it weighs an image of the engine that the client would ask."""
    if not Path(client).is_file():
        pytest.skip(f"{client} is not there")
    assert "weigh" in run(environment, tmp_path, client, "--help").stdout
    assert run(environment, tmp_path, client, "weigh", "--help").stdout.startswith("Usage:  docker weigh IMAGE...")
    done = run(environment, tmp_path, client, "weigh", redis_base.reference, "--format", "json")
    assert done.returncode == 0, done.stderr
    (image,) = json.loads(done.stdout)["images"]
    assert image["shipped_bytes"] > 10**6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "config"]


@pytest.mark.parametrize("client", CLIENTS)
def test_client_names_the_engine(
    client: str, environment: Mapping[str, str], tmp_path: Path, redis_base: BaseImage
) -> None:
    """The client's own ways to name an engine, before the plugin's name and in variables, are ours as well."""
    if not Path(client).is_file():
        pytest.skip(f"{client} is not there")
    gone = "unix:///gone.sock"
    for words, variables in (
        (("--host", gone, "weigh"), {}),
        (("weigh",), {"DOCKER_HOST": gone}),
    ):
        done = run(environment, tmp_path, client, *words, redis_base.reference, **variables)
        assert done.returncode == 4
        assert done.stderr.splitlines()[-1].startswith(f"error: No engine answers at {gone}: ")
    made = run(environment, tmp_path, client, "context", "create", "far", "--docker", f"host={gone}")
    assert made.returncode == 0, made.stderr
    done = run(environment, tmp_path, client, "--context", "far", "weigh", redis_base.reference)
    assert (done.returncode, gone in done.stderr) == (4, True)
