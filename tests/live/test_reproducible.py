"""The same commit is the same image: built twice without the cache, `multi` and `minimal` come out the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from weighbridge.build import buildkit, plan
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine
from weighbridge.model.engine import LocalImage
from weighbridge.settings import project

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PROJECT = Path(__file__).parents[2]
FIRST_WITH_TIMES = 23
"""The first Docker whose builder takes an image's time from SOURCE_DATE_EPOCH: it has BuildKit 0.11."""


@pytest.mark.usefixtures("python_base")
def test_the_same_commit_is_the_same_image(engine: DockerEngine, client: docker_cli.BuildClient) -> None:
    """All layers are the same on every engine; the whole image is, where the builder can set its time.

    Twice in a row: what an older cache holds may come from packages that Debian has replaced since.
    """
    chosen = project.check(yaml.safe_load((PROJECT / "invoke.yaml").read_text(encoding="utf-8"))["weighbridge"])
    _, planned = plan.plan_variants(engine, chosen, PROJECT, ["multi", "minimal"])
    first, again = (tuple(afresh(engine, client, planned)) for _ in range(2))
    assert [image.diff_ids for image in first] == [image.diff_ids for image in again]
    if int(engine.identity.version.partition(".")[0]) >= FIRST_WITH_TIMES:
        assert [image.id for image in first] == [image.id for image in again]


def afresh(
    engine: DockerEngine, client: docker_cli.BuildClient, planned: Iterable[buildkit.Build]
) -> Iterator[LocalImage]:
    """Build images without the cache: the first by itself, the others from the stages that this leaves."""
    no_cache = True
    for each in planned:
        reference = f"weighbridge-test-reproducible:{each.variant}"
        try:
            buildkit.build(client, engine, replace(each, reference=reference, no_cache=no_cache))
            yield engine.inspect_image(reference)
        finally:
            engine.remove_image(reference)
        no_cache = False
