"""The hooks, by the real pre-commit: it installs this checkout at a commit, and runs at Git's own commit and push."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.package.test_installed import install
from weighbridge.engine.client import DockerEngine, connect
from weighbridge.errors import NoEngine

PROJECT = Path(__file__).parents[2]
DOCUMENT = (PROJECT / "docs" / "ci.md").read_text(encoding="utf-8")
(EXAMPLE,) = (text for text in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL) if "hooks:" in text)
SETTINGS = "repository: {name}\nvariants: {{shop: {{}}}}\nbudgets: {{variants: {{shop: {{over_base: {limit}}}}}}}\n"
DOCKERFILE = "FROM python:3.13-slim-trixie\nRUN head -c 1500000 /dev/zero > /padding\n"
PRE_COMMIT = "pre-commit>=4,<5"
"""It comes from the index, as the libraries of the other tests in this folder do, for it is none of ours."""
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Repository:
    """A repository that uses the hooks, with another one to push to."""

    folder: Path
    environment: dict[str, str]

    def git(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run Git there."""
        command = ["git", *words]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )

    def commit(self, **files: str) -> subprocess.CompletedProcess[str]:
        """Write files and commit them; a point in a name is written as `_`."""
        for name, text in files.items():
            (self.folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
        self.git("add", "--all")
        return self.git("commit", "--message", "a change")


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the environment of pre-commit, and a repository with what a checkout of Weighbridge is installed from."""
    folder = tmp_path_factory.mktemp("tool")
    source = folder / "weighbridge"
    source.mkdir()
    for name in ("weighbridge", ".pre-commit-hooks.yaml", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copyfile
        copy(PROJECT / name, source / name)
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "--quiet"), ("add", "."), (*who, "commit", "--quiet", "--message", "a")):
        subprocess.run(["git", *words], cwd=source, check=True)
    return install(folder, sys.executable, PRE_COMMIT), source


@pytest.fixture
def repository(tool: tuple[Path, Path], tmp_path: Path) -> Repository:
    """Return a repository with the document's example; only the address and the commit are those of our copy."""
    environment, source = tool
    folder, home = tmp_path / "shop", tmp_path / "home"
    for each in (folder, home):
        each.mkdir()
    own = {"HOME": str(home), "PRE_COMMIT_HOME": str(environment.parent / "cache"), "XDG_CACHE_HOME": str(home)}
    own |= {"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "a"}
    own |= {"GIT_CONFIG_KEY_1": "user.email", "GIT_CONFIG_VALUE_1": "a@example.org"}
    unset = ("PYTHONPATH", "VIRTUAL_ENV")
    rest = {name: text for name, text in os.environ.items() if name not in unset}
    there = Repository(folder, {**rest, **own, "PATH": f"{environment / 'bin'}:{os.environ['PATH']}"})
    head = ["git", "rev-parse", "HEAD"]
    commit = subprocess.run(head, cwd=source, check=True, capture_output=True, text=True).stdout.strip()
    config = EXAMPLE.replace("https://github.com/OWNER/weighbridge", f"file://{source}").replace("COMMIT", commit)
    (folder / ".pre-commit-config.yaml").write_text(config, encoding="utf-8")
    there.git("init", "--quiet", "--initial-branch", "main")
    there.git("init", "--quiet", "--bare", str(tmp_path / "remote.git"))
    there.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    (installing,) = re.findall(r"^    (pre-commit install .*)$", DOCUMENT, re.MULTILINE)
    done = subprocess.run(
        installing.split(), cwd=folder, env=there.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return there


@pytest.fixture
def engine() -> Iterator[DockerEngine]:
    """Return the engine of this machine."""
    try:
        found = connect()
    except NoEngine as error:
        pytest.skip(str(error))
    with found:
        yield found


def test_settings_are_checked_at_commit(repository: Repository) -> None:
    """Wrong settings are no commit; right ones are; a commit of something else asks nothing."""
    wrong = repository.commit(weighbridge_yaml="repositry: shop\n")
    assert wrong.returncode == 1
    assert "weighbridge.yaml: repositry: there is no such setting" in wrong.stdout + wrong.stderr
    right = repository.commit(weighbridge_yaml=SETTINGS.format(name="shop", limit="1 MB"))
    assert right.returncode == 0, right.stdout + right.stderr
    assert re.search(r"check Weighbridge's settings\.+Passed", right.stdout + right.stderr)
    other = repository.commit(a_txt="a\n")
    assert re.search(r"check Weighbridge's settings\.+\(no files to check\)Skipped", other.stdout + other.stderr)


@pytest.mark.engine
def test_budgets_are_checked_at_push(repository: Repository, engine: DockerEngine) -> None:
    """An image above its budget is not pushed, and the log says by how much; within the budget it is."""
    name = f"weighbridge-hook-{secrets.token_hex(3)}"
    files = {"Dockerfile": DOCKERFILE, "_gitignore": "reports/\n"}
    try:
        over = repository.commit(weighbridge_yaml=SETTINGS.format(name=name, limit="1 MB"), **files)
        assert over.returncode == 0, over.stdout + over.stderr
        refused = repository.git("push", "origin", "main")
        assert refused.returncode == 1
        assert "Over budget: shop (over-base)" in refused.stdout + refused.stderr
        assert repository.git("ls-remote", "origin").stdout == ""
        assert repository.commit(weighbridge_yaml=SETTINGS.format(name=name, limit="2 MB")).returncode == 0
        pushed = repository.git("push", "origin", "main")
        assert pushed.returncode == 0, pushed.stdout + pushed.stderr
        assert "refs/heads/main" in repository.git("ls-remote", "origin").stdout
    finally:
        engine.remove_image(f"{name}:shop")


def test_hooks_are_told() -> None:
    """The document's example has all hooks that there are."""
    hooks = yaml.safe_load((PROJECT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    (used,) = yaml.safe_load(EXAMPLE)["repos"]
    assert [each["id"] for each in used["hooks"]] == [each["id"] for each in hooks]
