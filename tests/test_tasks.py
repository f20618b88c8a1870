"""The collection, as a client adds it to tasks of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.images import Entry, ImageSpec, docker_25, tar_of

PROJECT = Path(__file__).parents[1]
CLIENT = """
from invoke import Collection, task
from weighbridge import tasks


@task
def report(c):
    '''The client's own report.'''
    print("theirs", c.packaging.sign)


ns = Collection(report)
ns.add_collection(tasks.ns, "image")
"""
SETTINGS = (
    "packaging: {sign: true}\ndocs: {builder: html}\nweighbridge: {reports: {directory: sizes}, variants: {a: {}}}\n"
)


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Invoke in a folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INVOKE_", "WEIGHBRIDGE_"))}
    environment = {**kept, "PYTHONPATH": str(PROJECT), "HOME": str(folder)}
    command = [sys.executable, "-B", "-m", "invoke", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def client(tmp_path: Path) -> Path:
    """Return a client's folder: own tasks with names like ours, own keys, and an archive to weigh."""
    folder = tmp_path / "a client"
    folder.mkdir()
    (folder / "tasks.py").write_text(CLIENT, encoding="utf-8")
    (folder / "invoke.yaml").write_text(SETTINGS, encoding="utf-8")
    spec = ImageSpec(("shop:1",), ((Entry("a", b"1" * 1000),),))
    (folder / "saved.tar").write_bytes(tar_of(docker_25([spec])))
    return folder


def test_sub_collection(client: Path) -> None:
    """The client's task and ours run side by side, and ours reads its own key."""
    assert run(client, "report").stdout == "theirs True\n"
    done = run(client, "image.report", "--image", "archive:saved.tar")
    assert done.returncode == 0, done.stderr
    assert len([*(client / "sizes").glob("*.json")]) == 1


def test_advice_has_the_clients_names(client: Path) -> None:
    """A command is named as this client calls it."""
    assert run(client, "image.trend").stdout == "No record: `invoke image.report` writes one.\n"


def test_whole_namespace(client: Path) -> None:
    """Our collection may be all that a client has."""
    (client / "tasks.py").write_text("from weighbridge.tasks import ns\n", encoding="utf-8")
    assert run(client, "report", "--image", "archive:saved.tar").returncode == 0
    assert "report" in run(client, "--list").stdout


def test_package_of_tasks(client: Path) -> None:
    """A client's tasks may be a package."""
    (client / "tasks").mkdir()
    (client / "tasks.py").rename(client / "tasks" / "__init__.py")
    assert run(client, "image.report", "--image", "archive:saved.tar").returncode == 0


def test_broken_settings_leave_the_menu(client: Path) -> None:
    """What is wrong with our settings stops our tasks, with one line, and neither the menu nor the client's tasks."""
    (client / "invoke.yaml").write_text(SETTINGS.replace("directory", "folder"), encoding="utf-8")
    assert "image.report" in run(client, "--list").stdout
    assert run(client, "report").returncode == 0
    done = run(client, "image.report", "--image", "archive:saved.tar")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: invoke.yaml: reports.folder: there is no such setting; choose from directory. "
        "Correct it in invoke.yaml.\n"
    )


def test_import_is_light() -> None:
    """Importing the collection brings no library beside Invoke, and opens none of the project's files."""
    code = (
        "import sys; opened = []\n"
        "import invoke\n"
        "sys.addaudithook(lambda name, args: opened.append(str(args[0])) if name == 'open' else None)\n"
        "from weighbridge import tasks\n"
        "print(*(name for name in ('docker', 'rich', 'pydantic', 'requests', 'jinja2') if name in sys.modules))\n"
        "print(*(name for name in opened if not name.endswith(('.py', '.pyc'))))\n"
    )
    done = subprocess.run([sys.executable, "-B", "-c", code], cwd=PROJECT, check=True, capture_output=True, text=True)
    assert done.stdout == "\n\n"
