"""The bench's reports of images outside of the engine: where these are put, and what the reports refer to."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import places
from benchmarks.programs import Workplace
from benchmarks.runs import interleave, measure_command
from weighbridge.build import bases
from weighbridge.cache import Cache
from weighbridge.engine import docker_cli
from weighbridge.engine.client import connect
from weighbridge.sources import daemon

PROJECT = Path(__file__).parents[2]


@pytest.mark.engine
@pytest.mark.services
def test_images_are_put_there_and_read(tmp_path: Path) -> None:
    """Each report and what it refers to runs to its end, and nothing of a registry or of a copy is left."""
    with connect() as engine:
        reference = bases.find_base_image(engine, "python", "python:3.13-slim-trixie").reference
        found = docker_cli.find()
        place = Workplace(project=PROJECT, folder=tmp_path, engine=found.build_environment(engine.host))
    with places.put(place, [reference], [str(found.path)]) as there:
        series = interleave(places.list_contenders(place, there, None), 1)
    assert {each.name: each.fault for each in series} == dict.fromkeys(
        (
            places.ARCHIVE,
            places.TAR_ARCHIVE,
            places.LAYOUT,
            places.TAR_LAYOUT,
            places.REGISTRY,
            places.SKOPEO,
        ),
        "",
    )
    gone = place.make_report_command([f"registry:{there.registry}/bench:v0"])
    with pytest.raises(Exception, match="refused"):
        measure_command(gone)
    assert not [path for path in tmp_path.rglob("x") if path.is_dir()]


@pytest.mark.engine
def test_floor_of_the_folder(tmp_path: Path) -> None:
    """It hashes every file of an image, where the engine keeps layers unpacked and this user may read them."""
    output = tmp_path / "hashed"
    with connect() as engine:
        if engine.data_root.obstacle or engine.data_root.store != "overlay2" or not os.access(engine.data_root.path, 4):
            pytest.skip("no folder of overlay2 can be read here")
        reference = bases.find_base_image(engine, "python", "python:3.13-slim-trixie").reference
        found = docker_cli.find()
        place = Workplace(project=PROJECT, folder=tmp_path, engine=found.build_environment(engine.host))
        content = dict(daemon.read(engine, [reference], Cache(tmp_path / "cache"), local_store=True))[reference]
    saved, hashed = places.list_floors(place, [reference], [str(found.path)], is_unpacked=True)
    for command in saved.commands():
        measure_command(command)
    assert not [*tmp_path.rglob("saved.tar")]
    (command,) = hashed.commands()
    measure_command(replace(command, output=output))
    lines = output.read_text(encoding="utf-8", errors="replace").splitlines()
    assert len(lines) >= sum(layer.file_count for layer in content.layers)


def test_what_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the tools there are no such rows, and the reason is said."""
    place = Workplace(project=PROJECT, folder=tmp_path)
    with pytest.raises(places.CannotPut, match="no Docker client"), places.put(place, ["x"], []):
        pass
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(places.CannotPut, match="there is no skopeo, docker-registry"), places.put(place, ["x"], ["y"]):
        pass
