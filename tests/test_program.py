"""The program `weighbridge`, as an installed one would run, in any folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.images import Entry, ImageSpec, docker_25, tar_of
from weighbridge.commands.version import read_version

PROJECT = Path(__file__).parents[1]
START = "from weighbridge.__main__ import main; main()"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Return the archive of an image of 1000 bytes."""
    path = tmp_path / "saved.tar"
    path.write_bytes(tar_of(docker_25([ImageSpec(("shop:1",), ((Entry("a", b"1" * 1000),),))])))
    return path


def run(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INVOKE_", "WEIGHBRIDGE_"))}
    environment = {**kept, "PYTHONPATH": str(PROJECT), "HOME": str(folder), **variables}
    command = [sys.executable, "-B", "-m", "weighbridge", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_report_without_any_file(tmp_path: Path, saved: Path) -> None:
    """An image is weighed in an empty folder; nothing is written, and one line says so."""
    folder = tmp_path / "empty"
    folder.mkdir()
    done = run(folder, "report", "--image", f"archive:{saved}", "--format", "json", XDG_CACHE_HOME=str(tmp_path / "c"))
    assert (done.returncode, json.loads(done.stdout)["images"][0]["shipped_bytes"]) == (0, 1000)
    assert done.stderr.splitlines()[-1] == "Not recorded: no settings file names a folder for records."
    assert [*folder.iterdir()] == []


def test_report_with_a_file(tmp_path: Path, saved: Path) -> None:
    """With settings, the record lies in the project's folder, also if the program is called from below."""
    (tmp_path / "shop" / "src").mkdir(parents=True)
    (tmp_path / "shop" / "weighbridge.yaml").write_text("reports: {directory: sizes}\n", encoding="utf-8")
    done = run(tmp_path / "shop" / "src", "report", "--image", f"archive:{saved}")
    assert done.returncode == 0
    (record,) = (tmp_path / "shop" / "sizes").glob("*.json")
    assert done.stderr.split()[-1] == str(record)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("build",), "There is no settings file for {folder}. Write weighbridge.yaml, [tool.weighbridge] in "),
        (("smoke",), "There is no settings file for {folder}. "),
        (("trend",), "There is no settings file for {folder}. "),
        (("report",), "The settings have no variant. Name an image with --image, or write a file weighbridge.yaml "),
        (("report", "--image", "x", "--root", "gone"), "gone is not a folder. Name the project's folder."),
        (("--config", "gone.yaml", "report"), "--config names gone.yaml, which does not exist. Correct its path, "),
        (
            ("report", "--image", "archive:x.tar", "--baseline", "last"),
            "--baseline last is not a file, and nothing is ",
        ),
    ],
)
def test_what_cannot_be_done(tmp_path: Path, words: tuple[str, ...], line: str) -> None:
    """Without settings, what needs them ends with code 2 and one line that says what to do."""
    done = run(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    (said,) = done.stderr.splitlines()
    assert said.startswith(f"error: {line.format(folder=tmp_path)}")


def test_menu(tmp_path: Path) -> None:
    """The menu lists each task on a line of 80 columns."""
    done = run(tmp_path, "--list")
    lines = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]
    assert lines == [
        "build",
        "clean",
        "diff",
        "docker-plugin",
        "engine",
        "init",
        "report",
        "settings",
        "smoke",
        "trend",
    ]
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_commands_are_named_as_the_user_calls_them(tmp_path: Path, saved: Path) -> None:
    """Advice names the program's commands, not Invoke's."""
    (tmp_path / "weighbridge.yaml").write_text("variants: {a: {}}\n", encoding="utf-8")
    done = run(tmp_path, "trend")
    assert done.stdout == "No record: `weighbridge report` writes one.\n"
    (tmp_path / "broken.json").write_text("{}", encoding="utf-8")
    done = run(tmp_path, "report", "--image", f"archive:{saved}", "--baseline", "broken.json")
    assert "`weighbridge report`" in done.stderr


def test_version(tmp_path: Path) -> None:
    """The version is that of the package."""
    assert run(tmp_path, "--version").stdout == f"Weighbridge {read_version()}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(tmp_path: Path, shell: str) -> None:
    """The script for each shell completes `weighbridge`, and the shell can read it."""
    done = run(tmp_path, "--print-completion-script", shell)
    assert done.returncode == 0
    assert re.search(r"weighbridge .*--complete", done.stdout)
    if shutil.which(shell):
        parsed = subprocess.run([shell, "-n"], input=done.stdout, capture_output=True, text=True, check=False)
        assert (parsed.returncode, parsed.stderr) == (0, "")


def test_completion_of_a_word(tmp_path: Path) -> None:
    """What the scripts ask for is answered: tasks, then options of a task."""
    tasks = run(tmp_path, "--complete", "--", "weighbridge", "").stdout.split()
    assert {"report", "smoke", "docker-plugin"} <= {*tasks}
    options = run(tmp_path, "--complete", "--", "weighbridge", "report", "--").stdout.split()
    assert {"--image", "--format", "--root"} <= {*options}


@pytest.mark.slow
def test_interrupted_at_any_moment(tmp_path: Path) -> None:
    """Ctrl-C ends the program without a traceback of ours, from its first line to its last."""
    began = time.monotonic()
    run(tmp_path, "--list")
    whole, codes = time.monotonic() - began, set[int]()
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {START}", "--list"]
    for number in range(30):
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a runner in the background ignores it
        try:
            process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        finally:
            signal.signal(signal.SIGINT, before)
        time.sleep(0.02 + number * whole / 30)
        process.send_signal(signal.SIGINT)
        codes.add(process.wait())
        assert process.stderr
        said = process.stderr.read().decode()
        process.stderr.close()
        assert "weighbridge" not in said, said
    assert codes <= {0, 1, -signal.SIGINT}
    assert codes - {0}


def test_interrupted_in_a_destructor(tmp_path: Path) -> None:
    """Python drops Ctrl-C there, and would say so; it comes once more."""
    code = (
        "import os, signal, sys, time\nimport weighbridge.__main__ as start\nfrom weighbridge import program\n"
        "class Gone:\n    def __del__(self): os.kill(os.getpid(), signal.SIGINT)\n"
        "def main():\n    Gone()\n    time.sleep(20)\n"
        "program.main = main\nstart.main()\n"
    )
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a runner in the background ignores it
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=15,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_working_directory_that_has_gone(tmp_path: Path) -> None:
    """A working directory that somebody has removed is one line."""
    gone = tmp_path / "gone"
    gone.mkdir()
    code = "import os, sys; os.rmdir(os.getcwd()); sys.argv[1:] = ['report', '--image', 'archive:x']; "
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", code + START], cwd=gone, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        2,
        "error: The working directory no longer exists. Change to one that does.\n",
    )
