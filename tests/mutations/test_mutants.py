"""mutmut on a module of three lines, its names and its diffs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutations.mutants import Mutant, MutationFailed, mutate, prepare, read_function
from mutations.suite import judge
from mutations.survivors import FILE, MOST, Survivor, read_survivors
from mutations.targets import TARGETS, choose, find_tests
from weighbridge.errors import SettingsError

PROJECT = Path(__file__).parents[2]
MODULE = "weighbridge/limits_of_rooms.py"
CODE = '''"""A limit."""


def is_full(count: int, most: int) -> bool:
    """Tell whether more than `most` are there."""
    return count > most
'''
TESTS = "tests/test_limits_of_rooms.py"
TEST = """from weighbridge.limits_of_rooms import is_full


def test_is_full() -> None:
    assert is_full({count}, 5)
    assert not is_full(4, 5)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the project with one more module."""
    prepare(PROJECT, tmp_path)
    (tmp_path / MODULE).write_text(CODE, encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_limit_that_no_test_tries(folder: Path) -> None:
    """Tests beside a limit let `>=` live; the mutant tells the line and what stood there."""
    (folder / TESTS).write_text(TEST.format(count=7), encoding="utf-8")
    found = mutate(PROJECT, folder, MODULE, TESTS)
    assert [each for each in found if each.state == "survived"] == [
        Mutant(function="is_full", state="survived", before="return count > most", after="return count >= most")
    ]


@pytest.mark.slow
def test_limit_that_a_test_tries(folder: Path) -> None:
    """A test at the limit notices; the tests are the module's own alone."""
    text = TEST.format(count=7).replace("is_full(4, 5)", "is_full(5, 5)")
    (folder / TESTS).write_text(text, encoding="utf-8")
    assert [each.state for each in mutate(PROJECT, folder, MODULE, TESTS)] == ["killed"]


@pytest.mark.slow
def test_tests_that_fail_without_any_change(folder: Path) -> None:
    """Nothing is said of tests that fail anyway."""
    (folder / TESTS).write_text(TEST.format(count=1), encoding="utf-8")
    with pytest.raises(MutationFailed, match="mutmut run ended with code"):
        mutate(PROJECT, folder, MODULE, TESTS)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("weighbridge.image.layer.x_read__mutmut_3", "read"),
        ("weighbridge.image.layer.x__read_all__mutmut_12", "_read_all"),
        ("weighbridge.image.layer.xǁLayerContentǁiterate_entries__mutmut_41", "LayerContent.iterate_entries"),
        ("weighbridge.image.layer.xǁ_Readerǁ__init____mutmut_1", "_Reader.__init__"),
    ],
)
def test_names_of_mutants(name: str, function: str) -> None:
    """A mutant's name gives the function as a reader knows it."""
    assert read_function(name) == function


SURVIVES = Mutant(function="is_full", state="survived", before="a > b", after="a >= b")
LISTED = Survivor(module=MODULE, function="is_full", before="a > b", after="a >= b", reason="they are never equal")
KILLED = Mutant(function="is_full", state="killed", before="", after="")
REFUSED = Mutant(function="is_full", state="refused", before="", after="")


def test_share_at_the_limit() -> None:
    """19 of 20 are enough and 18 of 19 are not; what mypy refuses counts on neither side."""
    enough = judge(MODULE, [*[KILLED] * 19, SURVIVES, *[REFUSED] * 50], [LISTED])
    assert (enough.share, enough.is_enough, enough.refused) == (0.95, True, 50)
    assert not judge(MODULE, [*[KILLED] * 18, SURVIVES], [LISTED]).is_enough
    assert judge(MODULE, [REFUSED], []).share == 1


def test_list_is_exact() -> None:
    """A survivor that is not listed and a listed one that is gone both make the result bad."""
    many = [KILLED] * 99
    unlisted = judge(MODULE, [*many, SURVIVES], [])
    assert unlisted.unlisted == (SURVIVES,)
    assert not unlisted.is_enough
    gone = judge(MODULE, many, [LISTED])
    assert gone.gone == (LISTED,)
    assert not gone.is_enough
    assert judge("weighbridge/other.py", many, [LISTED]).is_enough


def test_choice_of_modules() -> None:
    """A word names the end of a path; none names all; an unknown one is an error with the known ones."""
    assert choose(["image/waste"]) == ("weighbridge/image/waste.py",)
    assert choose(["tar/layer.py", "budgets"]) == ("weighbridge/sources/tar/layer.py", "weighbridge/report/budgets.py")
    assert choose([]) == TARGETS
    with pytest.raises(SettingsError) as caught:
        choose(["aste"])
    assert "image/waste" in caught.value.advice


def test_each_module_has_tests_of_its_own() -> None:
    """Every module to mutate has a test file in its mirror place."""
    assert [path for path in TARGETS if not (PROJECT / path).is_file()] == []
    assert [path for path in TARGETS if not (PROJECT / find_tests(path)).is_file()] == []


def test_survivors_are_few_and_have_reasons() -> None:
    """The list has at most twenty entries, each of a mutated module and with a reason."""
    listed = read_survivors(FILE)
    assert len(listed) <= MOST
    assert all(each.module in TARGETS and len(each.reason) > 20 for each in listed)
