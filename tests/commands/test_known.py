"""What was worked out of an image is not worked out again, and never served where anything that it depends on differs.

The expected value is always what the same command finds with an empty cache. `tests/live/test_remembered.py` does the
same with a real engine.
"""

from __future__ import annotations

import importlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
from hypothesis import Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.support.images import LAYOUTS, Entry, ImageSpec, tar_of
from tests.support.shelf import Shelf
from weighbridge import code_digest
from weighbridge.cache import Cache
from weighbridge.commands import known
from weighbridge.commands.weigh import Weighed, weigh
from weighbridge.engine.protocol import Engine
from weighbridge.errors import LimitExceeded, NoSuchImage
from weighbridge.image import weighing
from weighbridge.image.base_image import NAME_LABEL
from weighbridge.image.requirements import Demand, Requirements
from weighbridge.model.tree import Node
from weighbridge.settings.project import Settings
from weighbridge.settings.project import check as settings_check
from weighbridge.sources.locations import ARCHIVE, DOCKER, Location

METADATA = b"Metadata-Version: 2.1\nName: left\nVersion: 1\n"
RECORD = b"left/__init__.py,,\nleft-1.dist-info/METADATA,,\nleft-1.dist-info/RECORD,,\n"
SITE = "usr/lib/python3.13/site-packages"
PYTHON = (
    Entry(f"{SITE}/left/__init__.py", b"x" * 500),
    Entry(f"{SITE}/left-1.dist-info/METADATA", METADATA),
    Entry(f"{SITE}/left-1.dist-info/RECORD", RECORD),
)
SYSTEM, APP = (Entry("os", b"1" * 100), Entry("old", b"22")), (Entry(".wh.old"), Entry("main.py", b"4444"))
BASE = ImageSpec(tags=("debian:slim",), layers=(SYSTEM,))
IMAGE = ImageSpec(tags=("app:1", "app:again"), layers=(SYSTEM, PYTHON, APP), labels={"a": "b"})
OTHER = ImageSpec(tags=("other:1",), layers=(SYSTEM, (Entry("main.py", b"4444"),)))
ALL = (BASE, IMAGE, OTHER)
ASKED = Demand(requirements=(Requirements(path="r.txt", kind="python", names={"left": frozenset({"b", "a"})}),))


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the images whose figures were worked out."""
    names, real = list[str](), weighing.weigh

    def counted(variant: str, *rest: Any, **more: Any) -> weighing.Weighed:
        names.append(variant)
        return real(variant, *rest, **more)

    monkeypatch.setattr(weighing, "weigh", counted)
    return names


def weighed(
    cache: Path,
    places: Mapping[str, str],
    shelf: Shelf | None = None,
    demands: Mapping[str, Demand] | None = None,
    settings: Settings | None = None,
) -> Weighed:
    """Weigh images of an engine with what a folder holds."""
    found = shelf or Shelf(ALL, "docker_20")
    locations = {name: Location(DOCKER, place) for name, place in places.items()}
    engine = cast("Engine", found)
    result = weigh(
        locations, cache, cache=Cache(cache), engine=engine, find_demands=lambda: demands or {}, settings=settings
    )
    return replace(result, report=replace(result.report, recorded_at=""))


@pytest.mark.parametrize("layout", ["docker_20", "docker_25", "containerd"])
def test_known_image_is_not_worked_out(tmp_path: Path, worked: list[str], layout: str) -> None:
    """The second report is the first, sharing included; nothing is saved, no layer opened, no tree built."""
    shelf, places = Shelf(ALL, layout), {"x": "app:1", "y": "other:1"}
    first = weighed(tmp_path, places, shelf)
    trees = first.trees()
    for path in _list_files(tmp_path, "sha256-*-*"):
        path.unlink()  # the layers
    again = weighed(tmp_path, places, shelf)
    assert again.report == first.report
    assert again.report.sharing is not None
    assert again.trees() == trees == weighed(tmp_path / "empty", places).trees()
    assert shelf.saves == 1
    assert worked == ["x", "y", "x", "y"]  # twice with the empty folder, of which the trees are the second time


def test_other_names_are_this_runs(tmp_path: Path, worked: list[str]) -> None:
    """A known image under another name and tag, and twice, is called as this run calls it."""
    weighed(tmp_path, {"x": "app:1"})
    places = {"y": "app:again", "z": "app:1"}
    assert weighed(tmp_path, places).report == weighed(tmp_path / "empty", places).report
    assert worked == ["x", "y"]


def test_known_image_in_a_file(tmp_path: Path, worked: list[str]) -> None:
    """What was worked out of the engine's image serves for the same image in a file, and says where it was read."""
    weighed(tmp_path, {"x": "app:1"}, Shelf([IMAGE], "docker_20"))
    (tmp_path / "saved.tar").write_bytes(tar_of(LAYOUTS["docker_20"]([IMAGE])))
    location = {"x": Location(ARCHIVE, str(tmp_path / "saved.tar"))}
    again, fresh = (weigh(location, tmp_path, cache=Cache(tmp_path / name)) for name in (".", "empty"))
    assert again.report.images == fresh.report.images
    assert again.report.images[0].source == "archive"
    assert worked == ["x", "x"]
    assert again.trees() == fresh.trees()


def _differ(cache: Path, first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
    """Weigh with the first conditions, then with the second: that finds what it finds with an empty cache."""
    before, places = weighed(cache, {"x": "app:1"}, **first).report, {"x": "app:1"}
    after = weighed(cache, places, **second).report
    assert after == weighed(cache / "empty", places, **second).report
    assert after.images != before.images
    assert weighed(cache, places, **first).report == before


def test_another_base(tmp_path: Path) -> None:
    """Whether the engine has the base is asked anew."""
    _differ(tmp_path, {"shelf": Shelf([IMAGE], "docker_20")}, {"shelf": Shelf([IMAGE, BASE], "docker_20")})


def test_base_with_another_name(tmp_path: Path) -> None:
    """The base is called as it is called now."""
    image = replace(IMAGE, labels={NAME_LABEL: "debian:slim"})
    renamed = Shelf([image, replace(BASE, tags=("debian:old", "debian:slim"))], "docker_20")
    alone = Shelf([image, replace(BASE, tags=("slim",))], "docker_20")
    _differ(tmp_path, {"shelf": renamed}, {"shelf": alone})


@pytest.mark.parametrize(
    "other",
    [ASKED, Demand(commands=(("left",),)), Demand(commands=(("python", "-m", "left"),))],
    ids=("file", "program", "module"),
)
def test_another_demand(tmp_path: Path, other: Demand) -> None:
    """What the project asks of the image counts."""
    _differ(tmp_path, {}, {"demands": {"x": other}})


def test_demand_is_the_same_in_any_order(tmp_path: Path, worked: list[str]) -> None:
    """The order of what a set holds, which differs from process to process, does not count."""
    (requirements,) = ASKED.requirements
    for extras in (("a", "b"), ("b", "a")):
        names = {"left": frozenset(extras)}
        weighed(tmp_path, {"x": "app:1"}, demands={"x": Demand(requirements=(replace(requirements, names=names),))})
    assert worked == ["x"]


def test_budgets_are_no_part(tmp_path: Path, worked: list[str]) -> None:
    """Another budget, and another list of variants, are served from what is known."""
    weighed(tmp_path, {"x": "app:1"}, settings=settings_check({"variants": {"x": {}}}))
    settings = settings_check({"variants": {"y": {}}, "budgets": {"default": {"shipped": "1 MB"}}})
    weighed(tmp_path, {"x": "app:1"}, settings=settings)
    assert worked == ["x"]


def test_limits_count(tmp_path: Path, worked: list[str]) -> None:
    """A known image that exceeds the limits of this run is refused; with wider ones it is worked out anew."""
    weighed(tmp_path, {"x": "app:1"})
    with pytest.raises(LimitExceeded):
        weighed(tmp_path, {"x": "app:1"}, settings=settings_check({"limits": {"entries": 3}}))
    weighed(tmp_path, {"x": "app:1"}, settings=settings_check({"limits": {"entries": 3000}}))
    assert worked == ["x", "x"]


def test_image_that_is_gone(tmp_path: Path) -> None:
    """An image that the engine no longer has is an error, whatever is known of it."""
    weighed(tmp_path, {"x": "app:1"})
    with pytest.raises(NoSuchImage):
        weighed(tmp_path, {"x": "app:1"}, Shelf([OTHER], "docker_20"))


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("image/waste.py", True),
        ("image/packages/npm.py", True),
        ("sources/tar/layer.py", True),
        ("render/json.py", False),
    ],
)
def test_code_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worked: list[str], file: str, *, counts: bool
) -> None:
    """After a change of the code on which figures depend they are worked out again; other code may change."""
    weighed(tmp_path, {"x": "app:1"})
    copy = tmp_path / "weighbridge"
    shutil.copytree(code_digest._ROOT, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / file).write_text((copy / file).read_text(encoding="utf-8") + "\n", encoding="utf-8")
    monkeypatch.setattr(code_digest, "_ROOT", copy)
    code_digest._compute_digest.cache_clear()
    weighed(tmp_path, {"x": "app:1"})
    code_digest._compute_digest.cache_clear()
    assert worked == ["x"] * (1 + counts)


def test_code_is_named_right() -> None:
    """Each module whose code counts is there, by that name."""
    assert [importlib.import_module(name).__name__ for name in known._CODE] == list(known._CODE)


def test_tree_is_built_from_known_layers(tmp_path: Path, worked: list[str]) -> None:
    """The first format that shows a tree has it built, without the engine; the next one finds it."""
    shelf = Shelf(ALL, "docker_20")
    weighed(tmp_path, {"x": "app:1"}, shelf)
    again = weighed(tmp_path, {"x": "app:1"}, shelf)
    assert worked == ["x"]
    assert again.trees() == weighed(tmp_path / "empty", {"x": "app:1"}).trees()
    assert worked == ["x", "x", "x"]
    assert weighed(tmp_path, {"x": "app:1"}, shelf).trees() == again.trees()
    assert worked == ["x", "x", "x"]
    assert shelf.saves == 1


def test_lost_layers_are_read_again(tmp_path: Path, worked: list[str]) -> None:
    """Without its tree and its layers the image is read again; if they are lost later, it has no tree this time."""
    shelf = Shelf(ALL, "docker_20")
    first = weighed(tmp_path, {"x": "app:1"}, shelf).report
    for path in _list_files(tmp_path, "sha256-*-*"):
        path.unlink()
    assert weighed(tmp_path, {"x": "app:1"}, shelf).report == first
    assert (shelf.saves, worked) == (2, ["x"])
    again = weighed(tmp_path, {"x": "app:1"}, shelf)
    for path in _list_files(tmp_path, "sha256-*-*"):
        path.unlink()
    assert again.trees() == {}


@pytest.mark.parametrize("kept", ["sha256-*-*", "tree-*"])
def test_damaged_file_is_noticed_before_it_is_needed(tmp_path: Path, kept: str) -> None:
    """A file that was cut off is as good as none: the image is read again, and has its tree."""
    shelf = Shelf(ALL, "docker_20")
    expected = weighed(tmp_path, {"x": "app:1"}, shelf).trees()
    for path in _list_files(tmp_path, "tree-*"):
        path.unlink() if kept != "tree-*" else path.write_bytes(path.read_bytes()[:40])
    for path in _list_files(tmp_path, "sha256-*-*"):
        path.unlink() if kept == "tree-*" else path.write_bytes(path.read_bytes()[:40])
    assert weighed(tmp_path, {"x": "app:1"}, shelf).trees() == expected


def test_layer_without_an_estimate_is_not_enough(tmp_path: Path) -> None:
    """Where an image's pull bytes are estimated its layers are read again if only those of a registry are known."""
    shelf = Shelf(ALL, "docker_20")
    expected = weighed(tmp_path, {"x": "app:1"}, shelf).trees()
    weighed(tmp_path, {"x": "app:1"}, Shelf(ALL, "containerd"))
    for path in _list_files(tmp_path, "tree-*"):
        path.unlink()
    for path in _list_files(tmp_path, "sha256-*-*"):
        if path.name.endswith("-packed"):
            continue
        content = Cache(tmp_path).read_layer(path.name.replace("-", ":", 1).rpartition("-")[0], estimated=True)
        path.unlink()
        assert content
        Cache(tmp_path).keep_layer(
            path.name.replace("-", ":", 1).rpartition("-")[0], replace(content, deflated_bytes=None)
        )
    assert weighed(tmp_path, {"x": "app:1"}, shelf).trees() == expected


WRONG: Sequence[object] = ({}, {"root": 1}, {"root": [1]}, {"images": []}, {"images": [{}]}, {"diff_ids": [1]})


@pytest.mark.parametrize("kind", ["outline", "figures", "tree"])
@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_changed_file_is_not_used(tmp_path: Path, kind: str, wrong: object) -> None:
    """A file that someone changed, its digest included, is as good as none."""
    first = weighed(tmp_path, {"x": "app:1"})
    trees = first.trees()
    (file,) = _list_files(tmp_path, f"{kind}-*")
    Cache(tmp_path).keep_document(file.name, cast("Mapping[str, object]", wrong))
    again = weighed(tmp_path, {"x": "app:1"})
    assert (again.report, again.trees()) == (first.report, trees)


def test_figures_of_another_image_are_not_used(tmp_path: Path) -> None:
    """Not even those of another image under this one's key."""
    first = weighed(tmp_path, {"x": "app:1"}).report
    (file,) = _list_files(tmp_path, "figures-*")
    weighed(tmp_path, {"x": "other:1"})
    (other,) = set(_list_files(tmp_path, "figures-*")) - {file}
    kept = Cache(tmp_path).read_document(other.name)
    assert kept is not None
    Cache(tmp_path).keep_document(file.name, json.loads(json.dumps(kept)))
    assert weighed(tmp_path, {"x": "app:1"}).report == first


def test_deep_tree_comes_back(tmp_path: Path) -> None:
    """Names that are no UTF-8, and many folders."""
    name = b"caf\xe9".decode(errors="surrogateescape")
    deep = ImageSpec(tags=("deep:1",), layers=((Entry("/".join("abc" * 30) + f"/{name}", b"1"), Entry("b", b"2")),))
    trees = [weighed(tmp_path, {"x": "deep:1"}, Shelf([deep], "docker_20")).trees() for _ in range(2)]
    assert trees[0] == trees[1]
    assert isinstance(trees[0]["x"], Node)


CONDITIONS = st.fixed_dictionaries(
    {
        "shelf": st.builds(
            Shelf,
            st.sampled_from([ALL, (IMAGE, OTHER), (OTHER, replace(IMAGE, labels={NAME_LABEL: "debian:slim"}), BASE)]),
            st.sampled_from(["docker_20", "containerd"]),
        ),
        "places": st.sampled_from(["app:1", "app:again"]).map(lambda place: {"x": place, "y": "other:1"}),
        "demands": st.builds(
            Demand,
            requirements=st.sampled_from([(), ASKED.requirements]),
            commands=st.sampled_from([(), (("left",),)]),
        ).map(lambda demand: {"x": demand}),
        "settings": st.builds(
            lambda waste, most: settings_check(
                {"variants": {"x": {}}, "budgets": {"default": {"waste": waste}}, "limits": {"entries": most}}
            ),
            st.sampled_from(["1 B", "1 MB"]),
            st.sampled_from([100, 10**6]),
        ),
    }
)


@given(st.lists(CONDITIONS, min_size=2, max_size=6), st.randoms(use_true_random=False))
@hypothesis_settings(max_examples=20, deadline=None, phases=(Phase.reuse, Phase.generate))  # shrinking takes minutes
def test_cache_of_any_past_changes_nothing(conditions: list[dict[str, Any]], draw: Random) -> None:
    """Whatever was weighed before, of whichever engine, and whichever file is damaged: a report is as the first was."""
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name)
        for number, each in enumerate(conditions):
            found, fresh = weighed(cache / "kept", **each), weighed(cache / str(number), **each)
            assert found.report == fresh.report
            assert found.trees() == fresh.trees()
            damaged = draw.choice(_list_files(cache / "kept", "*"))
            damaged.write_bytes(damaged.read_bytes()[: draw.randrange(100)])


def _list_files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(f"*/{pattern}"))
