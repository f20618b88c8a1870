"""The bench's image of many files: put into each place, read there, and removed from the engine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import large, places
from benchmarks.programs import Workplace
from weighbridge.engine import docker_cli
from weighbridge.engine.client import connect

PROJECT = Path(__file__).parents[2]


@pytest.mark.engine
@pytest.mark.services
def test_image_is_read_in_each_place(tmp_path: Path) -> None:
    """Each report runs to its end and takes as much memory as Python at least, and the engine has the image no more."""
    with connect() as engine:
        found, root = docker_cli.find(), engine.data_root
        place = Workplace(project=PROJECT, folder=tmp_path, engine=found.build_environment(engine.host))
        has_folder = not root.obstacle and os.access(root.path, os.R_OK)
        told = list[str]()
        series = large.measure(
            place, [str(found.path)], 1, lambda _, name: told.append(name), has_folder=has_folder, files=300
        )
        assert not engine.has_image(f"weighbridge-bench-{os.getpid()}:files")
    expected = [*(["folder"] if has_folder else []), "engine", "archive", "layout", "registry", "known"]
    assert [each.name for each in series] == told == expected
    assert [each.fault for each in series] == [""] * len(expected)
    assert min(each.peak_bytes or 0 for each in series) > 10**7


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    """Without a client nothing is made, and the reason is said."""
    place = Workplace(project=PROJECT, folder=tmp_path)
    with pytest.raises(places.CannotPut, match="no Docker client"):
        large.measure(place, [], 1, lambda *_: None, has_folder=False)
    assert not [*tmp_path.iterdir()]
