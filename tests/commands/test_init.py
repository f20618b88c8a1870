"""The first settings: written once and whole, of what a repository has, or not at all."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.live import adoption
from weighbridge.settings import source

pytestmark = pytest.mark.slow  # a program starts for each case

ROOT = Path(__file__).parents[2]
NAME = "weighbridge.yaml"
APP = "from fastapi import FastAPI\napp = FastAPI()\n"
PLAIN = "FROM python:3.13-slim\nWORKDIR /app\nCOPY . .\n"
DEV_COMPOSE = "services:\n  db: {image: 'postgres:17'}\n"


def run(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder, in a pipe, where no engine answers."""
    environment = build_environment(variables)
    command = [sys.executable, "-m", "weighbridge", "init", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, input="", capture_output=True, text=True, check=False, timeout=60
    )


def build_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a user without an engine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "WEIGHBRIDGE_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "DOCKER_HOST": "unix:///nope.sock", **variables}


def refuse(folder: Path, *words: str) -> str:
    """Run it; return its one line of error. Nothing is written."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = run(folder, *words)
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    return line


def put(folder: Path, **files: str) -> Path:
    """Write files whose names have `__` for a slash and `_` for a dot; return the folder."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def strip(application: str, folder: Path) -> Path:
    """Copy an application without its settings."""
    shutil.copytree(adoption.FOLDER / application, folder / application)
    (folder / application / NAME).unlink()
    return folder / application


@pytest.mark.parametrize(
    ("application", "roles"),
    [
        ("tutorial", None),
        ("template", {"api": {"live": "/health/live", "ready": "/health/ready"}}),
        ("split", {"api": {"live": "/health", "ready": "/ready"}}),
    ],
)
def test_applications_with_compose_files(tmp_path: Path, application: str, roles: object) -> None:
    """Few lines suffice; they are settings, name what comes next, and are in order with the repository."""
    folder = strip(application, tmp_path)
    done = run(folder)
    assert done.returncode == 0, done.stderr
    assert "`weighbridge engine build report smoke --profile works`" in done.stdout
    assert "`weighbridge init --budgets`" in done.stdout
    values = yaml.safe_load((folder / NAME).read_text(encoding="utf-8"))
    assert values["smoke"] == {"compose": "compose.yaml"}
    assert values.get("roles") == roles
    assert {*values} - {"roles"} == {"repository", "smoke", "init"}
    assert run(folder, "--check").returncode == 0


def test_among_tasks_of_a_client(tmp_path: Path) -> None:
    """Under Invoke it does the same, and names the next command as the client's collection calls it."""
    tasks = "from invoke import Collection\nfrom weighbridge import tasks\nns = Collection(image=tasks.ns)\n"
    put(tmp_path, tasks_py=tasks, Dockerfile=PLAIN, main_py=APP)
    command = [sys.executable, "-m", "invoke", "image.init"]
    done = subprocess.run(
        command, cwd=tmp_path, env=build_environment({}), input="", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / NAME).exists()
    assert "`invoke image.engine image.build image.report image.smoke --profile works`" in done.stdout


def test_secrets_stay_where_they_are(tmp_path: Path) -> None:
    """No password of `.env` or of a compose file gets into the settings."""
    for application in ("template", "split"):
        folder = strip(application, tmp_path)
        assert run(folder).returncode == 0
        text = (folder / NAME).read_text(encoding="utf-8")
        assert not {"copper-kettle-nine", "velvet-anchor-two", "orange-crate", "lantern"} & {*text.split()}
        assert "orange-crate" not in text
        assert "copper-kettle-nine" not in text


@pytest.mark.parametrize("name", ["weighbridge.yaml", "weighbridge.yml", "pyproject.toml", "invoke.yaml"])
def test_overwrites_nothing(tmp_path: Path, name: str) -> None:
    """Settings in any of their places, also in the folder above, stay as they are, and the error names the file."""
    text = {"pyproject.toml": "[tool.weighbridge]\n", "invoke.yaml": "weighbridge: {}\n"}.get(
        name, "repository: shop\n"
    )
    put(tmp_path, Dockerfile=PLAIN, main_py=APP)
    (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "below").mkdir()
    assert f"{name} has settings already" in refuse(tmp_path)
    assert f"{name} has settings already" in refuse(tmp_path / "below")


def test_settings_of_others_do_not_count(tmp_path: Path) -> None:
    """A pyproject.toml and an invoke.yaml without our key are no settings."""
    put(
        tmp_path,
        Dockerfile=PLAIN,
        main_py=APP,
        pyproject_toml="[project]\nname='x'\n",
        invoke_yaml="run: {echo: true}\n",
    )
    assert run(tmp_path).returncode == 0
    found = source.find(tmp_path)
    assert found is not None
    assert found.path.name == NAME


@pytest.mark.parametrize(
    ("files", "words", "message"),
    [
        ({}, (), "There is no Dockerfile in "),
        ({"Dockerfile": PLAIN}, (), "Neither an application of FastAPI or Celery nor a command"),
        (
            {"Dockerfile": PLAIN, "a_py": APP, "b_py": APP},
            (),
            "There is more than one FastAPI application: a.py:app, b.py:app. Say which with --app, such as --app a.py",
        ),
        ({"Dockerfile": PLAIN, "a_py": APP, "b_py": APP}, ("--app", "c.py:app"), "--app c.py:app is no FastAPI"),
        ({"a_Dockerfile": PLAIN, "b_Dockerfile": PLAIN, "a_py": APP}, (), "--dockerfile a.Dockerfile"),
        ({"compose_yaml": "services: 5\n"}, (), "compose.yaml: services:"),
        ({"x__compose_yaml": DEV_COMPOSE, "y__compose_yaml": DEV_COMPOSE}, (), "more than one compose file"),
        (
            {"Dockerfile": PLAIN, "a_py": APP, "compose_yaml": DEV_COMPOSE},
            ("--compose", "compose.yaml"),
            "no service that",
        ),
    ],
)
def test_questions_in_a_pipe(tmp_path: Path, files: dict[str, str], words: tuple[str, ...], message: str) -> None:
    """What nobody can be asked and nothing tells is one line with the option that answers it; nothing is written."""
    assert message in refuse(put(tmp_path, **files), *words)


def test_compose_file_of_servers_alone(tmp_path: Path) -> None:
    """If it builds nothing, it describes no role, so the roles are written out."""
    put(tmp_path, Dockerfile=PLAIN, main_py=APP, compose_yaml=DEV_COMPOSE)
    assert run(tmp_path).returncode == 0
    assert "command: [uvicorn, main:app," in (tmp_path / NAME).read_text(encoding="utf-8")


def test_images_of_two_folders(tmp_path: Path) -> None:
    """Each Dockerfile is built from the folder that it copies from, and each role runs from what starts it."""
    folder = strip("split", tmp_path)
    (folder / "compose.yaml").unlink()
    assert run(folder).returncode == 0
    values = yaml.safe_load((folder / NAME).read_text(encoding="utf-8"))
    assert values["variants"] == {
        "api": {"dockerfile": "api/Dockerfile", "context": "api"},
        "worker": {"dockerfile": "worker/Dockerfile", "context": "worker"},
    }
    assert (values["roles"]["api"]["variant"], values["roles"]["worker"]["variant"]) == ("api", "worker")
    put(tmp_path, docker__Dockerfile=PLAIN, main_py=APP)
    shutil.rmtree(folder)
    assert run(tmp_path).returncode == 0
    values = yaml.safe_load((tmp_path / NAME).read_text(encoding="utf-8"))
    assert values["variants"] == {"docker": {"dockerfile": "docker/Dockerfile"}}


def test_nothing_of_the_project_runs(tmp_path: Path) -> None:
    """Source is read, not imported."""
    put(tmp_path, Dockerfile=PLAIN, main_py=f"{APP}open('ran', 'w')\nraise SystemExit(9)\n", sitecustomize_py="1 / 0\n")
    assert run(tmp_path).returncode == 0
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """An unwritable folder is one line."""
    put(tmp_path, Dockerfile=PLAIN, main_py=APP).chmod(0o555)
    assert "cannot be written" in refuse(tmp_path)


def test_asks_on_a_terminal(tmp_path: Path) -> None:
    """On a terminal it asks with a default, and takes a number; Ctrl-C at the question writes nothing."""
    put(tmp_path, Dockerfile=PLAIN, a_py=APP, b_py=APP)
    code, text = answer(tmp_path, b"\x03")
    assert (code, (tmp_path / NAME).exists()) == (1, False), text
    assert "Traceback" not in text
    code, text = answer(tmp_path, b"2\n")
    assert code == 0, text
    assert "b:app" in (tmp_path / NAME).read_text(encoding="utf-8")
    (tmp_path / NAME).unlink()
    assert answer(tmp_path, b"\n")[0] == 0
    assert "a:app" in (tmp_path / NAME).read_text(encoding="utf-8")


def answer(folder: Path, keys: bytes) -> tuple[int, str]:
    """Run the program on a terminal of its own and press keys when it asks; return exit code and output."""
    pid, terminal = os.forkpty()
    if pid == 0:  # pragma: no cover - the child becomes the program
        os.chdir(folder)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where the tests themselves run in the background
        os.execve(sys.executable, [sys.executable, "-m", "weighbridge", "init"], build_environment({"TERM": "dumb"}))  # noqa: S606
    shown, end = b"", time.monotonic() + 60
    try:
        while time.monotonic() < end:
            if not select.select([terminal], [], [], 1)[0]:
                if b"]: " in shown:  # again, if it was lost when the terminal's mode changed
                    os.write(terminal, keys)
                continue
            try:
                part = os.read(terminal, 1000)
            except OSError:  # the program has ended
                break
            shown += part
        else:
            os.kill(pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode(errors="replace")
    finally:
        os.close(terminal)
