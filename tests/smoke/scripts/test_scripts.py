"""What all scripts that run inside containers have in common."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from weighbridge.smoke import scripts

SCRIPTS = sorted(path for path in Path(str(scripts.__file__)).parent.glob("*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_stands_alone(path: Path) -> None:
    """A script imports only the standard library, and has the syntax of an older Python than ours."""
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names
    assert "__future__" in names


def test_every_script_is_told() -> None:
    """The docstring of the package lists every script."""
    listed = [line.split()[0] for line in str(scripts.__doc__).splitlines() if line.startswith("    ")]
    assert sorted(listed) == [path.stem for path in SCRIPTS]
