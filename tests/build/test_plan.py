"""What is built for variants: each its own, on the base that the engine has, with what is the same for all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weighbridge.build import plan
from weighbridge.image.base_image import DIGEST_LABEL, FROM_LABEL, NAME_LABEL, TOP_LABEL
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

    def inspect_image(self, reference: str) -> LocalImage:
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
    found = plan.plan_builds(SETTINGS, Path("/p"), ["plain", "api"], {"A": "common", "B": "b"})
    assert [(each.variant, each.reference, each.target) for each in found] == [
        ("plain", "shop:plain", None),
        ("api", "shop:api", "api"),
    ]
    assert [each.context for each in found] == [Path("/p"), Path("/p/sub")]
    assert [each.arguments for each in found] == [{"A": "common", "B": "b"}, {"A": "own", "B": "b"}]
    assert not any(each.no_cache for each in found)


def test_base_is_told(tmp_path: Path) -> None:
    """Every build gets the name of the base that is there, and the labels of the stage that it builds."""
    engine: Any = Shelf("sha256:d")
    (tmp_path / "Dockerfile").write_text("ARG PYTHON_IMAGE\nFROM $PYTHON_IMAGE AS api\nFROM scratch\n")
    settings = check({"repository": "shop", "variants": {"api": {"target": "api"}, "plain": {}}})
    base, found = plan.plan_variants(
        engine, settings, tmp_path, ["api", "plain"], platforms=("linux/amd64",), no_cache=True
    )
    assert base.reference == BASE
    for each in found:
        assert each.arguments["PYTHON_IMAGE"] == BASE
        assert (each.platforms, each.no_cache) == (("linux/amd64",), True)
    assert [each.labels for each in found] == [
        {NAME_LABEL: BASE, FROM_LABEL: BASE, DIGEST_LABEL: "sha256:d", TOP_LABEL: "2 sha256:b"},
        {FROM_LABEL: "scratch"},
    ]
