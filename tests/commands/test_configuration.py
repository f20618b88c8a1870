"""Faults in what Invoke merges are one line and exit code 2, whichever file, option or variable has them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from weighbridge.commands.configuration import check_configuration
from weighbridge.errors import SettingsError

PROJECT = Path(__file__).parents[2]
OWN = "variants: {multi: {arguments: {A: x}}}\nreports: {directory: reports}\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project's folder, the working folder, with a correct invoke.yaml; the user has no files of Invoke."""
    for name in (name for name in os.environ if name.startswith("INVOKE_")):
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "invoke.yaml").write_text(OWN)
    monkeypatch.chdir(folder)
    return folder


FAULTS: list[tuple[str, str | bytes, str]] = [
    ("x.yaml", "a: [b\n", "x.yaml is no YAML: line 2: "),
    ("x.yaml", "- a\n", "x.yaml holds a list, not settings. Correct it in x.yaml."),
    ("x.yaml", "5: 1\n", "x.yaml: line 1: the key 5 is not a text; put it in quotes. Correct it in x.yaml."),
    (
        "x.yaml",
        "variants: 5\n",
        "x.yaml does not fit the other settings: variants is a section in one and a single value",
    ),
    ("x.yaml", "variants:\n", "x.yaml does not fit the other settings: variants is a section in one"),
    (
        "x.yaml",
        "variants: {multi: {arguments: 1}}\n",
        "x.yaml does not fit the other settings: variants.multi.arguments is",
    ),
    (
        "x.yaml",
        "reports: {directory: {a: 1}}\n",
        "x.yaml does not fit the other settings: reports.directory is a section",
    ),
    ("x.yaml", "run: 5\n", "x.yaml does not fit the other settings: run is a section in one"),
    ("x.yaml", b"a: \xff\n", "x.yaml cannot be read: it is no UTF-8 ("),
    ("x.yml", "a: [b\n", "x.yml is no YAML: line 2: "),
    ("x.json", '{"a": 1,}', "x.json is no JSON: line 1: "),
    ("x.json", '{"run": 1}', "x.json does not fit the other settings: run is a section in one"),
    ("x.py", "1 / 0\n", "x.py cannot be loaded: ZeroDivisionError: division by zero. Correct it in x.py."),
    ("x.py", "def f(:\n", "x.py cannot be loaded: SyntaxError: "),
    ("x.py", "import os\n", "x.py cannot be loaded: UnpicklableConfigMember: 'os' is a module"),
    ("x.py", "raise ValueError('a\\nb\\x1b[2J')\n", "x.py cannot be loaded: ValueError: a b"),
    ("x.py", "smoke = {'a': {5: 1}}\n", "The settings have a key that is not a text: smoke.a.5. Put it in quotes."),
    (
        "x.toml",
        "",
        "INVOKE_RUNTIME_CONFIG names x.toml, which is no file of settings. Use a file whose name ends in .yaml, ",
    ),
    ("x", "", "INVOKE_RUNTIME_CONFIG names x, which is no file of settings. "),
]


@pytest.mark.parametrize(("name", "content", "said"), FAULTS)
def test_second_file_with_a_fault(
    project: Path, monkeypatch: pytest.MonkeyPatch, *, name: str, content: str | bytes, said: str
) -> None:
    """What Invoke cannot parse, load or merge is one line that names the file."""
    (project / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setenv("INVOKE_RUNTIME_CONFIG", name)
    with pytest.raises(SettingsError) as caught:
        check_configuration(project)
    assert str(caught.value).startswith(said)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none.yaml", "INVOKE_RUNTIME_CONFIG names none.yaml, which does not exist. Correct its path, or unset it."),
        (
            "x" * 300 + ".yaml",
            f"INVOKE_RUNTIME_CONFIG names {'x' * 119}…, which cannot be read: File name too long. Correct",
        ),
        (
            "invoke.yaml/x.yaml",
            "INVOKE_RUNTIME_CONFIG names invoke.yaml/x.yaml, which cannot be read: Not a directory. ",
        ),
        ("folder.yaml", "folder.yaml cannot be read: Is a directory. "),
        ("fifo.yaml", "fifo.yaml cannot be read: it is not a regular file. "),
        (
            "loop.yaml",
            "INVOKE_RUNTIME_CONFIG names loop.yaml, which cannot be read: Too many levels of symbolic links. ",
        ),
        ("dangling.yaml", "INVOKE_RUNTIME_CONFIG names dangling.yaml, which does not exist. "),
    ],
    ids=["missing", "long", "below a file", "folder", "FIFO", "loop", "dangling"],
)
def test_second_file_that_cannot_be_read(project: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    """A path that leads to no file of settings is one line, and a FIFO is not waited for."""
    (project / "folder.yaml").mkdir()
    os.mkfifo(project / "fifo.yaml")
    (project / "loop.yaml").symlink_to("loop.yaml")
    (project / "dangling.yaml").symlink_to("nowhere")
    monkeypatch.setenv("INVOKE_RUNTIME_CONFIG", name)
    with pytest.raises(SettingsError) as caught:
        check_configuration(project)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.yaml", ""),
        ("x.yaml", "variants: {multi: {target: x}, other: {}}\nnew: {a: 1}\n"),
        ("x.json", '{\n\t"variants": {"other": {}}}'),
        ("x.py", "variants = {'other': {}}\n"),
        ("~/x.yaml", "a: 1\n"),
    ],
)
def test_second_file_that_fits(project: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str) -> None:
    """A file of each kind that fits invoke.yaml is fine; Invoke finds it below `~`, too."""
    (project / os.path.expanduser(name)).write_text(content)  # noqa: PTH111 - the name is what is tried
    monkeypatch.setenv("INVOKE_RUNTIME_CONFIG", name)
    check_configuration(project)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("5: 1\n", "invoke.yaml: line 1: the key 5 is not a text; put it in quotes. Correct it in invoke.yaml."),
        ("run: 5\n", "invoke.yaml: a section of Invoke's own ("),
    ],
)
def test_own_file(project: Path, content: str, said: str) -> None:
    """invoke.yaml that Invoke could not work with is one line."""
    (project / "invoke.yaml").write_text(content)
    with pytest.raises(SettingsError) as caught:
        check_configuration(project)
    assert str(caught.value).startswith(said)


def test_users_own_file_has_a_key_that_is_no_text(project: Path, tmp_path: Path) -> None:
    """Invoke also merges `~/.invoke.yaml`, and fails for the same keys."""
    (tmp_path / "home/.invoke.yaml").write_text("smoke: {5: 1}\n")
    with pytest.raises(
        SettingsError, match=r"^The settings have a key that is not a text: smoke[.]5[.] Put it in quotes[.]$"
    ):
        check_configuration(project)


def test_users_own_file_that_does_not_fit(project: Path, tmp_path: Path) -> None:
    """A section that is a single value in `~/.invoke.yaml` is not blamed on Invoke's own sections."""
    (tmp_path / "home/.invoke.yaml").write_text("variants: 5\n")
    with pytest.raises(SettingsError, match=r"^invoke[.]yaml does not fit ~/[.]invoke[.]yaml or /etc/invoke[.]yaml: "):
        check_configuration(project)


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str


def run(project: Path, *words: str) -> Ended:
    """Run Invoke in a process of its own, as the launcher does, with our tasks and the project's settings."""
    (project / "tasks.py").write_bytes((PROJECT / "tasks.py").read_bytes())
    command = [sys.executable, "-B", "-m", "invoke", "--search-root", str(project), *words]
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "DOCKER_HOST": "unix:///nope.sock"}
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "words",
    [
        ("-f", "x.yaml", "trend"),
        ("--config", "x.yaml", "trend"),
        ("--config=x.yaml", "trend"),
        ("clean", "-f", "x.yaml"),
        ("clean", "-ef", "x.yaml"),
        ("trend", "--config=x.yaml"),
    ],
    ids=" ".join,
)
def test_file_of_the_option(project: Path, words: tuple[str, ...]) -> None:
    """The file of `--config` is checked wherever the option stands, and comes before that of the variable."""
    (project / "x.yaml").write_text("variants: 5\n")
    ended = run(project, *words)
    said = (
        "error: x.yaml does not fit the other settings: variants is a section in one and a single value in the other. "
    )
    assert ended == Ended(2, "", f"{said}Correct it in x.yaml.\n")


def test_file_of_the_option_is_named_in_other_errors(project: Path) -> None:
    """A wrong value may stand in either file; a missing file is not passed over."""
    (project / "x.yaml").write_text("smoke: {usr: 1}\n")
    ended = run(project, "-f", "x.yaml", "trend")
    assert (ended.code, ended.err.endswith("Correct it in invoke.yaml or x.yaml.\n")) == (2, True)
    ended = run(project, "-f", "y.yaml", "trend")
    assert ended == Ended(
        2, "", "error: --config names y.yaml, which does not exist. Correct its path, or leave it out.\n"
    )


def test_option_of_a_task_is_no_file(project: Path) -> None:
    """`-f` after a task that has it is that task's own."""
    assert run(project, "trend", "-f", "json").code == 0


def test_names_that_a_shell_can_give(project: Path) -> None:
    """Control characters of a variant's name do not reach the terminal, and a long baseline is no traceback."""
    ended = run(project, "trend", "--variant", "\x1b]0;x\x07\x9b31m\u202e")
    assert (ended.code, ended.err.replace("\n", "").isprintable()) == (2, True)
    assert ended.err.splitlines()[-1].startswith("error: Unknown variant ")
    (project / "x").write_bytes(b"")
    ended = run(project, "report", "--image", "archive:x", "--baseline", "y" * 300)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 2)  # the other says where settings stand now
    assert ended.err.splitlines()[1].startswith("error: --baseline yyy")
