"""The exception tree is the one that its docstring draws, and every class speaks to the user."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from weighbridge import errors
from weighbridge.errors import EXIT_CODES, WeighbridgeError


def classes(root: type[WeighbridgeError] = WeighbridgeError) -> Iterator[type[WeighbridgeError]]:
    """Yield a class and all below it that `errors.py` defines."""
    if root.__module__ == errors.__name__:
        yield root
    for each in root.__subclasses__():
        yield from classes(each)


def drawn() -> dict[str, tuple[str, int | None]]:
    """Return the docstring's tree: name -> its parent's name and the exit code drawn beside it."""
    tree, above = {}, {2: "Exception"}
    for indent, name, code in re.findall(r"^( {4,10})(\w+)(?:  +(\d)\b)?", errors.__doc__ or "", re.MULTILINE):
        tree[name] = (above[len(indent) - 2], int(code) if code else None)
        above[len(indent)] = name
    return tree


def test_drawn_tree_is_the_real_one() -> None:
    """Every class is drawn below its parent, and nothing is drawn that does not exist."""
    real = {each.__name__: each.__bases__[0].__name__ for each in classes()}
    assert {name: parent for name, (parent, _) in drawn().items()} == real


def test_drawn_exit_codes_are_the_real_ones() -> None:
    """A code stands beside each class that sets one, and it is that class's."""
    real = {each.__name__: each.__dict__.get("exit_code") for each in classes() if each is not WeighbridgeError}
    assert {name: code for name, (_, code) in drawn().items() if name != "WeighbridgeError"} == real


def test_exit_codes_are_in_the_table_and_unique() -> None:
    """Each branch of the tree ends with a code of its own; 0 is fine and 1 is Invoke's."""
    own = [each.exit_code for each in classes() if "exit_code" in each.__dict__ and each is not WeighbridgeError]
    assert len(own) == len(set(own))
    assert set(own) == set(EXIT_CODES) - {0, 1}


@pytest.mark.parametrize("kind", [each for each in classes() if not each.__subclasses__()])
def test_every_class_that_is_raised_says_what_to_do(kind: type[WeighbridgeError]) -> None:
    """A leaf has a code of the table and advice: a sentence, and the whole is one line."""
    error = kind("It broke")
    assert EXIT_CODES[error.exit_code]
    assert error.exit_code > 1
    assert re.fullmatch(r"[A-Z].*\.", error.advice)
    assert str(error) == f"It broke. {error.advice}"
    assert "\n" not in str(error)


def test_raiser_knows_better() -> None:
    """Advice of the raiser takes the class's place; without any, the message stands alone; detail stays apart."""
    error = errors.NoEngine("It broke", advice="Mend it.", detail="a\nb")
    assert (str(error), error.advice, error.detail) == ("It broke. Mend it.", "Mend it.", "a\nb")
    assert str(errors.NoEngine("It broke", advice="")) == "It broke"
    assert errors.NoEngine("other").advice == errors.NoEngine.advice
