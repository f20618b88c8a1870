"""The first budgets stand a little above today's weight. tests/live/test_init.py weighs images for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.test_init import run
from weighbridge.commands import budgets
from weighbridge.errors import SettingsError
from weighbridge.settings import source
from weighbridge.settings.initial.document import Draft, write


@pytest.mark.parametrize(
    ("shipped", "limit"),
    [(100_000_000, "105.0 MB"), (100_000_001, "105.1 MB"), (1, "0.1 MB"), (157_264_113, "165.2 MB")],
)
def test_limit(shipped: int, limit: str) -> None:
    """Five percent more, rounded up to a tenth of a megabyte."""
    assert budgets.format_limit(shipped) == limit


def test_section_at_the_end(tmp_path: Path) -> None:
    """What stood in the file stays as it was, to the byte."""
    path, draft = tmp_path / "weighbridge.yaml", Draft()
    text = "# mine\nrepository: shop   # ours\nvariants: {multi: {}}"
    path.write_text(text, encoding="utf-8")
    budgets.set_budgets(draft, {"multi": 100_000_000})
    budgets._append(path, write(draft))
    assert path.read_text(encoding="utf-8").startswith(f"{text}\n\n")
    found = source.find(tmp_path)
    assert found is not None
    assert found.values["budgets"] == {"variants": {"multi": {"shipped": "105.0 MB"}}}


def test_file_of_braces(tmp_path: Path) -> None:
    """JSON has no end to which a section could be added."""
    path = tmp_path / "weighbridge.yaml"
    path.write_text("{repository: shop}\n", encoding="utf-8")
    with pytest.raises(SettingsError):
        budgets._append(path, "budgets: {}\n")
    assert path.read_text(encoding="utf-8") == "{repository: shop}\n"


def test_no_engine(tmp_path: Path) -> None:
    """Without an engine nothing can be weighed, and the file stays."""
    (tmp_path / "weighbridge.yaml").write_text("variants: {multi: {}}\n", encoding="utf-8")
    done = run(tmp_path, "--budgets")
    assert (done.returncode, len(done.stderr.splitlines())) == (4, 1)
    assert (tmp_path / "weighbridge.yaml").read_text(encoding="utf-8") == "variants: {multi: {}}\n"
