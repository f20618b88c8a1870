"""The same commit is the same image: built again without the cache, `multi` and `minimal` come out the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from weighbridge import builder, clients, settings, variants
from weighbridge.engine import Engine
from weighbridge.errors import EngineError

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PROJECT = Path(__file__).parents[2]
FIRST_WITH_TIMES = 23
"""The first Docker whose builder takes an image's time from SOURCE_DATE_EPOCH: it has BuildKit 0.11."""


@pytest.mark.usefixtures("python_base")
@pytest.mark.parametrize("variant", ["multi", "minimal"])
def test_the_same_commit_is_the_same_image(engine: Engine, variant: str) -> None:
    """All layers are the same on every engine; the whole image is, where the builder can set its time."""
    try:
        client = clients.find()
    except EngineError as error:
        pytest.skip(str(error))
    chosen = settings.check(yaml.safe_load((PROJECT / "invoke.yaml").read_text(encoding="utf-8")))
    _, (planned,) = variants.plan(engine, chosen, PROJECT, [variant])
    found = []
    for name, no_cache in (("first", False), ("again", True)):
        reference = f"weighbridge-test-reproducible:{variant}-{name}"
        try:
            builder.build(client, engine, replace(planned, reference=reference, no_cache=no_cache))
            found.append(engine.image(reference))
        finally:
            engine.remove_image(reference)
    first, again = found
    assert first.diff_ids == again.diff_ids
    if int(engine.identity.version.partition(".")[0]) >= FIRST_WITH_TIMES:
        assert first.id == again.id
