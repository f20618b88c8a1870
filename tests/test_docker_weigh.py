"""What Docker's client asks of the plugin, and which report it runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from weighbridge import docker_weigh

PROJECT = Path(__file__).parents[1]


def test_metadata() -> None:
    """The metadata is what clients of every version take."""
    told = json.loads(docker_weigh.describe())
    assert (told["SchemaVersion"], told["Vendor"]) == ("0.1.0", "Weighbridge")
    assert told["ShortDescription"]


def test_metadata_imports_nothing_of_weight() -> None:
    """The answer needs the standard library alone: the client asks each time it prints its help."""
    code = "import sys; from weighbridge.docker_weigh import main; main(); print(*sys.modules, file=sys.stderr)"
    words = [sys.executable, "-c", code, docker_weigh.METADATA]
    done = subprocess.run(words, cwd=PROJECT, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout)
    ours = {name for name in done.stderr.split() if name.startswith("weighbridge")}
    assert ours == {"weighbridge", "weighbridge.docker_weigh"}
    assert not {"invoke", "pydantic", "rich", "yaml", "docker", "subprocess"} & {*done.stderr.split()}


@pytest.mark.parametrize(
    ("words", "rest", "variables"),
    [
        (["weigh", "shop:1.4"], ["shop:1.4"], {}),
        (["--context", "far", "weigh", "a"], ["a"], {"DOCKER_CONTEXT": "far"}),
        (["--context=far", "weigh", "a"], ["a"], {"DOCKER_CONTEXT": "far"}),
        (["-H", "unix:///x.sock", "--debug", "weigh", "a"], ["a"], {"DOCKER_HOST": "unix:///x.sock"}),
        (["--config", "/c", "--log-level", "debug", "weigh", "weigh"], ["weigh"], {"DOCKER_CONFIG": "/c"}),
        (["weigh", "--context", "x"], ["--context", "x"], {}),
        (["shop:1.4"], ["shop:1.4"], {}),
    ],
)
def test_options_of_the_client(
    monkeypatch: pytest.MonkeyPatch, words: list[str], rest: list[str], variables: dict[str, str]
) -> None:
    """Options before the plugin's name become the client's own variables; the rest is ours."""
    for name in ("DOCKER_CONTEXT", "DOCKER_HOST", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    assert docker_weigh.take_client_options(words) == rest
    assert {name: os.environ.get(name) for name in variables} == variables


def test_context_comes_before_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A context on the command line wins over DOCKER_HOST, as in the client itself."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///x.sock")
    monkeypatch.setenv("DOCKER_CONTEXT", "near")
    docker_weigh.take_client_options(["--context", "far", "weigh", "a"])
    assert "DOCKER_HOST" not in os.environ
    assert os.environ["DOCKER_CONTEXT"] == "far"


@pytest.mark.parametrize(
    ("words", "images", "options"),
    [
        (["a", "b:1"], ["a", "b:1"], []),
        (["--format", "json", "a"], ["a"], ["--format", "json"]),
        (["a", "-f", "json:out", "--rebuild", "b"], ["a", "b"], ["-f", "json:out", "--rebuild"]),
        (["a", "--baseline=docker:a:1"], ["a"], ["--baseline=docker:a:1"]),
        (["a", "--format"], ["a"], ["--format"]),
        ([], [], []),
    ],
)
def test_images_and_options(words: list[str], images: list[str], options: list[str]) -> None:
    """Words are images, unless they are an option or its value."""
    assert docker_weigh.split(words) == (images, options)


@pytest.mark.parametrize("option", ["--format", "-f", "--baseline", "-b", "--root"])
def test_options_that_take_a_value(option: str) -> None:
    """The options that we skip a value for are those of the task."""
    from docs.generate import list_arguments  # noqa: PLC0415 - loads this repository's tasks
    from weighbridge.tasks import report  # noqa: PLC0415

    names = {f"{'--' if len(name) > 1 else '-'}{name}" for each in list_arguments(report) for name in each.names}
    assert option in names


def test_no_image(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without an image there is one line and exit code 2; with --help, how to call it."""
    monkeypatch.setattr(sys, "argv", ["docker-weigh", "weigh"])
    with pytest.raises(SystemExit) as caught:
        docker_weigh.main()
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: No image is named. Write `docker weigh IMAGE`.\n"
    monkeypatch.setattr(sys, "argv", ["docker-weigh", "weigh", "--help"])
    docker_weigh.main()
    assert capsys.readouterr().out == docker_weigh.USAGE
