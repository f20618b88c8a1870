"""What is built for variants: each its own, on the base that the engine has, with what is the same for all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from weighbridge.build import plan
from weighbridge.image.base_image import TOP_LABEL
from weighbridge.model.engine import LocalImage
from weighbridge.model.report import EngineIdentity
from weighbridge.settings.project import check

SETTINGS = check(
    {
        "repository": "shop",
        "variants": {"api": {"target": "api", "context": "sub", "arguments": {"A": "own"}}, "plain": {}},
    }
)
BASE = "python:3.13-slim-trixie"


class Shelf:
    """An engine as far as a plan needs one: it has the base image, with a digest or without."""

    identity = EngineIdentity(version="0", store="overlay2", platform="linux/amd64")

    def __init__(self, digest: str) -> None:
        self._digest = digest

    def has_image(self, reference: str) -> bool:
        """Tell whether it is the base."""
        return reference == BASE

    def image(self, reference: str) -> LocalImage:
        """Return the base."""
        assert reference == BASE
        return LocalImage(
            reference=reference,
            id="sha256:i",
            platform="linux/amd64",
            diff_ids=("sha256:a", "sha256:b"),
            labels={},
            user="",
            digest=self._digest,
        )


def test_builds() -> None:
    """Each variant has its own reference, place and target; its own arguments come before those of all."""
    found = plan.builds(SETTINGS, Path("/p"), ["plain", "api"], {"A": "common", "B": "b"}, given={"l": "1"})
    assert [(each.variant, each.reference, each.target) for each in found] == [
        ("plain", "shop:plain", None),
        ("api", "shop:api", "api"),
    ]
    assert [each.context for each in found] == [Path("/p"), Path("/p/sub")]
    assert [each.arguments for each in found] == [{"A": "common", "B": "b"}, {"A": "own", "B": "b"}]
    assert all((each.labels, each.no_cache) == ({"l": "1"}, False) for each in found)


@pytest.mark.parametrize(
    ("platforms", "knows"), [((), True), (("linux/amd64",), True), (("linux/amd64", "linux/arm64"), False)]
)
def test_base_is_told(tmp_path: Path, platforms: tuple[str, ...], *, knows: bool) -> None:
    """Every build gets the base and its digest; its layers are known of the engine's own platform alone."""
    engine: Any = Shelf("sha256:d")
    base, found = plan.plan(engine, SETTINGS, tmp_path, ["api", "plain"], platforms=platforms, no_cache=True)
    assert base.reference == BASE
    for each in found:
        assert each.arguments["PYTHON_IMAGE"] == BASE
        assert each.arguments["PYTHON_IMAGE_DIGEST"] == "sha256:d"
        assert (each.platforms, each.no_cache) == (platforms, True)
        assert (TOP_LABEL in each.labels) is knows


def test_base_without_a_digest(tmp_path: Path) -> None:
    """An image that was built here came from no registry, and has no digest there."""
    engine: Any = Shelf("")
    _, (found,) = plan.plan(engine, SETTINGS, tmp_path, ["plain"])
    assert "PYTHON_IMAGE_DIGEST" not in found.arguments
