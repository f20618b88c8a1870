"""The page for who adopts Weighbridge: its commands run in their order, from the wheel, on an application of others."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from tests.live import adoption
from tests.live.conftest import tidied
from tests.package.test_installed import install
from weighbridge.engine.client import DockerEngine, connect
from weighbridge.errors import NoEngine

PAGE = (Path(__file__).parents[2] / "docs" / "adopting.md").read_text(encoding="utf-8")
APPLICATION = "tutorial"
NAME = "shop"
"""How the page calls the application's images."""
MOST_MARKED = 2
"""So many parts of the page may be marked as not run."""
pytestmark = [pytest.mark.slow, pytest.mark.engine]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page that does something or shows something: commands, what they print, or a file."""

    kind: Literal["bash", "text", "yaml", "python"]
    text: str
    runs: bool = True
    """Whether the test runs it; false where the page says why not."""

    def list_commands(self) -> Iterator[tuple[str, int]]:
        """Yield each command with the exit code that the page tells."""
        for line in self.text.splitlines():
            command, _, comment = re.sub(r" {2,}#", "\0", line).partition("\0")
            told = re.search(r"exit code (\d)", comment)
            yield command, int(told[1]) if told else 0

    def list_sentences(self) -> list[str]:
        """Return what an output must contain; a line that is indented goes on with the one before."""
        return [squeeze(line) for line in re.sub(r"\n +", " ", self.text).splitlines()]


def read_parts() -> list[Part]:
    """Return the parts of the page."""
    fence = r"^(<!-- not run: [^\n]+ -->\n)?```(bash|text|yaml|python)\n(.*?)^```$"
    found = re.findall(fence, PAGE, re.MULTILINE | re.DOTALL)
    assert 2 * len(found) == len(re.findall("^```", PAGE, re.MULTILINE)), "a part is of no kind that is known"
    return [Part(kind, text, runs=not mark) for mark, kind, text in found]


def squeeze(text: str) -> str:
    """Return a text with single blanks: a terminal's width decides on the others."""
    return " ".join(text.split())


def write(folder: Path, text: str) -> None:
    """Write a file that the page shows; its first line says which, and whether it is an addition."""
    title, _, rest = text.partition("\n")
    path = folder / title.split()[-1]
    before = path.read_text(encoding="utf-8") if title.startswith("# at the end of ") else ""
    path.write_text(before + rest, encoding="utf-8")


@pytest.fixture
def engine() -> Iterator[DockerEngine]:
    """Return the engine of this machine."""
    try:
        found = connect()
    except NoEngine as error:
        pytest.skip(str(error))
    with found:
        yield found


def test_few_parts_are_not_run() -> None:
    """The page says of few commands that they are not run, and never of one alone that needs nothing else."""
    marked = [part for part in read_parts() if not part.runs]
    assert len(marked) <= MOST_MARKED
    for part in marked:
        assert all(re.match(r"(pip install|uvx) |.*registry:", line) for line in part.text.splitlines()), part.text


def test_every_command_of_the_page(wheel: Path, engine: DockerEngine, tmp_path: Path) -> None:
    """Each command ends as the page says, and what the page shows of the output is in it."""
    environment = install(tmp_path, sys.executable, str(wheel))
    with tidied(engine, tmp_path / NAME, tmp_path / "cache") as project:
        adoption.adopt(project, APPLICATION)
        (project.folder / adoption.SETTINGS).unlink()
        variables = build_environment(project.environment, environment, tmp_path / "home", project.repository)
        for command in ("git init --quiet", "git add --all", "git commit --quiet --message a"):
            subprocess.run(command.split(), cwd=project.folder, env=variables, check=True)
        output = ""
        for part in (each for each in read_parts() if each.runs):
            if part.kind == "bash":
                output = ""
                for command, code in part.list_commands():
                    words = ["bash", "-euc", command.replace(f"{NAME}:", f"{project.repository}:")]
                    done = subprocess.run(
                        words, cwd=project.folder, env=variables, capture_output=True, text=True, check=False
                    )
                    assert done.returncode == code, f"{command}\n{done.stdout}{done.stderr}"
                    output += squeeze(f"{done.stdout}{done.stderr} ").replace(project.repository, NAME)
            elif part.kind == "text":
                assert [each for each in part.list_sentences() if each not in output] == []
            else:
                write(project.folder, part.text)


def build_environment(base: Mapping[str, str], environment: Path, home: Path, repository: str) -> dict[str, str]:
    """Return the variables of a user who has the programs of an environment, and nothing of this checkout."""
    home.mkdir()
    own = Path(sys.prefix) / "bin"
    places = [str(environment / "bin"), *(each for each in os.environ["PATH"].split(":") if Path(each) != own)]
    chosen = {name: text for name, text in base.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV", "DOCKER_CONFIG"}}
    git = {"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "a"}
    git |= {"GIT_CONFIG_KEY_1": "user.email", "GIT_CONFIG_VALUE_1": "a@example.org"}
    names = {"WEIGHBRIDGE_REPOSITORY": repository, "INVOKE_WEIGHBRIDGE_REPOSITORY": repository}
    return {**chosen, **git, **names, "PATH": ":".join(places), "HOME": str(home), "COLUMNS": "200"}
