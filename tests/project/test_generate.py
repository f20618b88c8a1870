"""What the pages say of options and formats is what the program has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from invoke.collection import Collection
from invoke.program import Program

import tasks
from docs import generate
from weighbridge.render import formats

PROJECT = Path(__file__).parents[2]
TASKS = Collection.from_module(tasks).tasks
WRITTEN = generate.build_pages()
FORMATS = (formats.REPORTS, formats.DIFFERENCES, formats.PROOFS, formats.TRENDS)


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(PROJECT)))
def test_written_parts_of_pages_are_up_to_date(path: Path) -> None:
    """Each command and format has a page whose options and formats are those of tasks.py."""
    assert path.exists(), f"write {path.relative_to(PROJECT)}, with the two marks of docs/generate.py in it"
    text = path.read_text(encoding="utf-8")

    assert generate.renew(text, WRITTEN[path]) == text, "run `python -m docs.generate`"


def test_every_task_and_format_has_a_page() -> None:
    """There is a page for each task and for each format of any table, and none for anything else."""
    commands, kinds = ({path.stem for path in (PROJECT / "docs" / each).iterdir()} for each in ("commands", "formats"))

    assert commands == set(TASKS)
    assert kinds == {name for table in FORMATS for name in table}
    assert {path for path in WRITTEN if path != generate.locate_index()} == {
        *(PROJECT / "docs" / "commands").iterdir(),
        *(PROJECT / "docs" / "formats").iterdir(),
    }


@pytest.mark.parametrize("name", TASKS)
def test_every_option_is_on_its_page(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What `invoke --help` names as an option of a task stands in the table of its page, as it is typed."""
    Program(version="0").run(["invoke", "--search-root", str(PROJECT), "--help", name], exit=False)
    listed = capsys.readouterr().out
    options = re.findall(r"--[a-z-]+", listed[listed.index("Options:") :])
    page = (PROJECT / "docs" / "commands" / f"{name}.md").read_text(encoding="utf-8")

    assert [option for option in options if f"`{option}`" not in page and f"`{option[2:].upper()}`" not in page] == []


@pytest.mark.parametrize("count", [0, 2])
def test_page_without_one_place_to_write_is_refused(count: int) -> None:
    """A page whose marks are missing, or are there twice, is not written into."""
    with pytest.raises(ValueError, match=f"^{count} parts"):
        generate.renew(f"{generate.BEGIN}\nold\n{generate.END}\n" * count, "new\n")


@pytest.mark.parametrize("text", [None, "# A page without marks\n"])
def test_page_that_cannot_be_renewed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    """A page that is missing, or has no marks, ends the command with a line that names the page and the marks."""
    page = tmp_path / "new.md"
    if text is not None:
        page.write_text(text, encoding="utf-8")
    monkeypatch.setattr(generate, "build_pages", lambda: {page: "new\n"})
    with pytest.raises(SystemExit) as ended:
        list(generate._find_lagging())

    assert all(part in str(ended.value) for part in (str(page), generate.BEGIN, generate.END))


@pytest.mark.parametrize(("command", "names"), generate._TABLES.items())
def test_help_lists_the_formats(command: str, names: Iterable[str]) -> None:
    """The help of `--format` names the formats of the command with any option, the default first, and no other."""
    task = command.split()[1]
    (told,) = {each.help for each in generate.list_arguments(TASKS[task]) if each.name == "format"}
    every = [name for other, found in generate._TABLES.items() if other.split()[1] == task for name in found]

    assert re.split(", | or ", str(told).partition(";")[0]) == list(dict.fromkeys((*names, *every)))


def test_what_is_written_replaces_the_old() -> None:
    """All between the marks is written anew, as it is; the rest of the page stays."""
    text = f"# A\n\n{generate.BEGIN}\nold\n{generate.END}\n\nB\n"

    assert generate.renew(text, r"\1 new" + "\n") == text.replace("\nold\n", "\n\n\\1 new\n\n")
