"""The tasks as a user meets them: the menu, the help, and what goes wrong without any engine."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from invoke.collection import Collection
from invoke.loader import FilesystemLoader
from invoke.program import Program
from invoke.tasks import Task

from docs.generate import list_arguments
from tests.support.images import Entry, ImageSpec, docker_25, tar_of
from weighbridge.errors import EXIT_CODES
from weighbridge.render import formats

PROJECT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.usefixtures("dead_engines"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


def loaded() -> dict[str, Task[Callable[..., Any]]]:
    """Return the project's tasks by name."""
    module, _ = FilesystemLoader(start=str(PROJECT)).load("tasks")
    return dict(Collection.from_module(module).tasks.items())


TASKS = loaded()
NEED_AN_ENGINE = ("engine", "build", "report", "smoke", "clean")


class Outcome(NamedTuple):
    """How a run ended."""

    code: object
    out: str
    err: str


class Run:
    """Runs Invoke on this project, in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str) -> Outcome:
        """Run it and return how it ended."""
        return self.program(["invoke", "--search-root", str(PROJECT), *words])

    def program(self, words: list[str]) -> Outcome:
        """Run Invoke with exactly these words and return how it ended."""
        code: object = 0
        try:
            Program(version="0").run(words)
        except SystemExit as error:
            code = error.code or 0
        return Outcome(code, *self._capsys.readouterr())


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return what runs a task; DOCKER_HOST names an engine that is not there."""
    for name in (name for name in os.environ if name.startswith(("INVOKE_", "DOCKER_"))):
        monkeypatch.delenv(name)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nope.sock")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("INVOKE_WEIGHBRIDGE_REPORTS_DIRECTORY", str(tmp_path / "reports"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return Run(capsys)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ("report", "--image", "nonsense"),
            2,
            "nonsense names no image. Write docker:REFERENCE, archive:FILE[#NAME], ",
        ),
        (("report", "--image", "archive:gone.tar"), 3, "gone.tar cannot be read: No such file or directory. Give "),
        (("report", "--image", "oci:gone"), 3, "gone cannot be read: No such file or directory. Give "),
        (("report", "--image", "registry:127.0.0.1:1/x"), 3, "Reading from 127.0.0.1:1 failed: "),
        (("report", "--variant", "multi", "--image", "multi"), 2, "--variant and --image are both given. Use one "),
        (("diff", "nonsense", "multi"), 2, "nonsense names no image. Write docker:REFERENCE, "),
        (("diff", "docker:a", "docker:b"), 4, "No engine answers at unix:///nope.sock: "),
        (("report", "--image", f"archive:{__file__}"), 3, "The archive is cut off or damaged: "),
    ],
)
def test_image_that_cannot_be_had(run: Run, tmp_path: Path, words: Sequence[str], code: int, message: str) -> None:
    """Each wrong location is one line with a next step and its own exit code; nothing is recorded."""
    outcome = run(*words)
    assert outcome.code == code
    assert outcome.out == ""
    (line,) = outcome.err.splitlines()
    assert line.startswith(f"error: {message}")
    assert line.endswith(".")
    assert not list(tmp_path.glob("reports/*.json"))


def test_one_measurement_in_many_formats(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What names a file is written into it, what does not is printed: each as it is alone, and of one record."""
    saved = tmp_path / "saved.tar"
    saved.write_bytes(tar_of(docker_25([ImageSpec(("shop:1",), ((Entry("a", b"1" * 1000),),))])))
    image = ("report", "--image", f"archive:{saved}")
    kinds = [name for name in formats.REPORTS if name != "terminal"]
    words = [word for kind in kinds for word in ("--format", f"{kind}:{tmp_path / kind}")]

    outcome = run(*image, "--format", "terminal", *words)
    assert outcome.code == 0
    (record,) = tmp_path.glob("reports/*.json")
    assert (tmp_path / "json").read_bytes() == record.read_bytes()
    told = {"terminal": outcome.out} | {kind: (tmp_path / kind).read_text(encoding="utf-8") for kind in kinds}
    for kind, text in told.items():  # each alone, because a page draws earlier records
        monkeypatch.setenv(
            "INVOKE_WEIGHBRIDGE_REPORTS_DIRECTORY", str(tmp_path / "alone" / kind)
        )  # a page draws earlier records
        assert undated(run(*image, "--format", kind).out) == undated(text)


def test_limits_are_those_of_the_settings(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable sets a limit of each image for `report` and `diff`; nothing is recorded beyond it."""
    saved = tmp_path / "saved.tar"
    saved.write_bytes(tar_of(docker_25([ImageSpec(("shop:1.4",), ((Entry("a"), Entry("b")),))])))
    image = f"archive:{saved}#shop:1.4"
    monkeypatch.setenv("INVOKE_WEIGHBRIDGE_LIMITS_ENTRIES", "1")
    for words in (("report", "--image", image), ("diff", image, image)):
        outcome = run(*words)
        assert (outcome.code, outcome.out) == (3, "")
        assert " ".join(outcome.err.split()) == (
            f"error: {saved} has more than 1 files and folders, the limit for an image. Raise limits.entries in "
            "the settings if that is right."
        )
    assert not list(tmp_path.glob("reports/*.json"))
    monkeypatch.setenv("INVOKE_WEIGHBRIDGE_LIMITS_ENTRIES", "2")
    assert run("report", "--image", image, "--baseline", image).code == 0


def test_variants_budgets_hold_for_an_image_that_is_called_so(run: Run, tmp_path: Path) -> None:
    """An image of elsewhere that stands for a variant is held to its limits, also those of a file besides our own."""
    saved, more = tmp_path / "saved.tar", tmp_path / "more.yaml"
    saved.write_bytes(tar_of(docker_25([ImageSpec(("shop:1",), ((Entry("a", b"1" * 2000),),))])))
    more.write_text("variants: {shop: {target: shop}}\nbudgets: {variants: {shop: {shipped: 1 kB}}}\n")

    def report(image: str) -> Outcome:
        words = ["invoke", "--search-root", str(PROJECT), "--config", str(more), "report", "--image", image]
        return run.program(words)

    assert report(f"archive:{saved}").code == 0
    over = report(f"shop=archive:{saved}")
    assert over.code == 6
    assert "Over budget: shop (shipped)" in over.err


def undated(text: str) -> str:
    """Return a report without when it was made, by which a bill of materials is numbered, too."""
    return re.sub(r"\d\d:\d\d(:\d\d)?|urn:uuid:[\w-]+", "", text)


def test_menu(run: Run) -> None:
    """The menu shows every task with one sentence on one line of 80 columns."""
    outcome = run("--list")
    for name, task in TASKS.items():
        sentence = (inspect.getdoc(task.body) or "").partition("\n")[0]
        assert sentence.endswith(".")
        (line,) = (line for line in outcome.out.splitlines() if line.split()[:1] == [name])
        assert line.endswith(sentence)
        assert len(line) <= 80


@pytest.mark.parametrize("name", TASKS)
def test_every_option_has_help(name: str) -> None:
    """Every option of a task is explained."""
    for argument in list_arguments(TASKS[name]):
        assert argument.help, f"{name} --{argument.name}"


@pytest.mark.parametrize("name", TASKS)
def test_tasks_are_thin(name: str) -> None:
    """A body reads options, calls and exits: no more than 15 lines, its imports and docstring left out."""
    function = ast.parse(inspect.getsource(TASKS[name].body)).body[0]
    assert isinstance(function, ast.FunctionDef)
    kept = [each for each in function.body[1:] if not isinstance(each, ast.ImportFrom | ast.Import)]
    assert sum((each.end_lineno or 0) - each.lineno + 1 for each in kept) <= 15


@pytest.mark.parametrize("words", [["build", "--nope"], ["nope"], ["report", "--baseline"]])
def test_wrong_option(run: Run, words: Sequence[str]) -> None:
    """Unknown options and tasks, and an option without its value, end with Invoke's code 1 and no traceback."""
    outcome = run(*words)
    assert outcome.code == 1
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("name", NEED_AN_ENGINE)
def test_no_engine(run: Run, name: str) -> None:
    """Without an engine a task ends with exit code 4 and one line that names it, and standard output stays empty."""
    assert run(name) == Outcome(
        4,
        "",
        "error: No engine answers at unix:///nope.sock: No such file or directory. "
        "Start that engine, or unset DOCKER_HOST to use this machine's own.\n",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["build", "--variant", "nope"], "Unknown variant nope. Choose from "),
        (["report", "--variant", "multi", "--variant", "nope"], "Unknown variant nope. Choose from "),
        (["report", "--rebuild", "--variant", "nope"], "Unknown variant nope. Choose from "),
        (["report", "--rebuild", "--image", "docker:x"], "--rebuild and --image are both given. Leave one out"),
        (["smoke", "--variant", "nope"], "Unknown variant nope. Choose from "),
        (["smoke", "--variant", ""], "Unknown variant ''. Choose from "),
        (["report", "--image", ""], "'' names no image. Write docker:"),
        (["diff", "multi", "nope"], "nope names no image. Write docker:REFERENCE, "),
        (["bench", "--runs", "many"], "--runs many is not a whole number. Give 1 or more."),
        (["bench", "--runs", "0"], "--runs 0 would measure nothing. Give 1 or more."),
        (["build", "--push", "Q"], "--push Q: Q is not the name of an image. Write it as HOST/NAME:TAG"),
        (["build", "--push", ""], "--push names nothing. Write it as HOST/NAME:TAG, or leave it out."),
        (["build", "--platform", "arm"], "'arm' is not a platform. Write it like linux/amd64 or linux/arm/v7."),
        (
            ["build", "--push", "h.example/x", "--platform", "linux/amd64", "--platform", "linux/arm64"],
            "--push sends only images that passed the smoke test, and this engine cannot test linux/amd64, linux/arm64",
        ),
        (["report", "--format", "xml"], "Unknown format xml. Choose from terminal, json, markdown, "),
        (["report", "--format", "json", "--format", "svg"], "Several formats go to standard output. Give all but one"),
        (["report", "--format", "svg:x", "--format", "html:x"], "Several formats go to x. Give all but one"),
        (["report", "--format", "json:."], ". cannot be written: Is a directory. Name another file."),
        (["report", "--format", "json:no/such/x"], "no/such/x cannot be written: No such file or directory. Name "),
        (["report", "--format", "json:"], "json: names no file. Write it as NAME:FILE."),
        (["smoke", "--format", "xml"], "Unknown format xml. Choose from terminal, json, junit."),
    ],
)
def test_settings_come_before_the_engine(run: Run, words: Sequence[str], said: str) -> None:
    """A wrong option is reported with the possible values before an engine is needed."""
    outcome = run(*words)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"error: {said}")
    assert outcome.err.count("\n") == 1


def test_change_that_does_not_apply(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that does not apply is reported before an engine is needed, and only with --rebuild."""
    monkeypatch.setenv("INVOKE_WEIGHBRIDGE_CHANGES_CODE_FILE", "backend/nope.py")
    outcome = run("report", "--rebuild")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: The change code does not apply: backend/nope.py is not a regular file of ")
    assert outcome.err.count("\n") == 1
    assert run("report").code == 4


@pytest.mark.parametrize("name", NEED_AN_ENGINE)
def test_settings_that_are_wrong(run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A variable of the wrong kind is named by its key, whatever the task."""
    monkeypatch.setenv("INVOKE_WEIGHBRIDGE_SMOKE_USER", "somebody")
    outcome = run(name)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert "smoke" in outcome.err.lower()
    assert "user" in outcome.err.lower()


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"COLUMNS": "0"}, {"PYTHONUTF8": "0", "LC_ALL": "C"}],
    ids=" ".join,
)
def test_any_terminal_will_do(environment: dict[str, str]) -> None:
    """The output is complete even in ASCII, with a width of 0, or in the C locale."""
    words = [sys.executable, "-B", "-m", "invoke", "trend"]
    records = PROJECT / "tests" / "support" / "records"
    settings = {"INVOKE_WEIGHBRIDGE_REPORTS_DIRECTORY": str(records), "PATH": os.environ["PATH"]}
    ended = subprocess.run(words, cwd=PROJECT, env=settings | environment, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert f"{len([*records.glob('*.json')])} points\n".encode() in ended.stdout


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("form", ["terminal", "json"])
def test_disk_that_is_full(form: str, unbuffered: str) -> None:
    """If the disk behind standard output is full, the error is one line."""
    words = [sys.executable, "-B", "-m", "invoke", "trend", "--format", form]
    environment = os.environ | {"INVOKE_WEIGHBRIDGE_REPORTS_DIRECTORY": str(PROJECT / "tests" / "support" / "records")}
    environment |= {"PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(words, cwd=PROJECT, env=environment, stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"error: The output cannot be written: No space left on device. Free some space")
    assert ended.stderr.count(b"\n") == 1


@pytest.mark.parametrize("form", ["terminal", "json"])
def test_nobody_who_reads_on(form: str) -> None:
    """If the other end of the pipe is closed, as under `head`, the task ends without a message."""
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-B", "-m", "invoke", "trend", "--format", form]
    environment = os.environ | {"INVOKE_WEIGHBRIDGE_REPORTS_DIRECTORY": str(PROJECT / "tests" / "support" / "records")}
    with open(writing, "wb") as closed:  # noqa: PTH123 - it has no path
        ended = subprocess.run(words, cwd=PROJECT, env=environment, stdout=closed, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (1, b"")


def test_settings_in_a_locale_that_cannot_hold_them(tmp_path: Path) -> None:
    """If the locale cannot decode invoke.yaml, the error is one line that says what to set."""
    (tmp_path / "tasks.py").write_bytes((PROJECT / "tasks.py").read_bytes())
    (tmp_path / "invoke.yaml").write_text("variants: {multi: {}} # é\n", encoding="utf-8")
    words = [sys.executable, "-B", "-m", "invoke", "--search-root", str(tmp_path), "trend"]
    environment = os.environ | {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONPATH": str(PROJECT)}
    ended = subprocess.run(words, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "error: invoke.yaml is UTF-8, but the locale's encoding is ascii. Set PYTHONUTF8=1.\n"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("more.yaml", None, "INVOKE_RUNTIME_CONFIG names more.yaml, which does not exist. "),
        ("more.yaml", "a: [b\n", "more.yaml is no YAML: "),
        ("more.yaml", "a\n", "more.yaml holds a single value, not settings. Correct it in more.yaml.\n"),
        ("more.yaml", "smoke: {usr: 1}\n", "invoke.yaml: smoke.usr: there is no such setting; choose from "),
        ("more.py", "smoke = {'usr': 1}\n", "invoke.yaml: smoke.usr: there is no such setting; choose from "),
    ],
    ids=["missing", "broken", "none", "misspelt", "module"],
)
def test_settings_file_besides_our_own(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, name: str, text: str | None, said: str
) -> None:
    """A file of settings that a variable names is read, and not passed over where it is missing or broken."""
    if text is not None:
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INVOKE_RUNTIME_CONFIG", name)
    outcome = run("report")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"error: {said}")
    assert name in outcome.err
    assert outcome.err.count("\n") == 1


def test_broken_settings_file(tmp_path: Path) -> None:
    """invoke.yaml that cannot be read is one line and its code of the table, as the shell sees a real process."""
    (tmp_path / "tasks.py").write_bytes((PROJECT / "tasks.py").read_bytes())
    (tmp_path / "invoke.yaml").write_text("variants: [unclosed\n")
    words = [sys.executable, "-B", "-m", "invoke", "--search-root", str(tmp_path), "build"]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.returncode in EXIT_CODES
    assert done.stderr.startswith("error: invoke.yaml is no YAML: line 2: ")
    assert done.stderr.count("\n") == 1


TESTS = """
import os, time
from pathlib import Path
import pytest

def told(name):
    folder = Path(name)
    folder.mkdir(exist_ok=True)
    (folder / os.environ.get("PYTEST_XDIST_WORKER", "alone")).touch()
    time.sleep(0.1)

@pytest.mark.parametrize("number", range(8))
def test_small(number):
    told("small")
    assert number != 3

@pytest.mark.services
def test_server():
    told("services")

@pytest.mark.parametrize("number", range(2))
@pytest.mark.engine
def test_engine(number):
    told("engine")


@pytest.mark.long
@pytest.mark.engine
def test_long():
    told("long")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "ran"),
    [
        (["test", "--quick"], {"small": 2}),
        (["test"], {"small": 2, "services": 1, "engine": 1}),
        (["test", "--long"], {"small": 2, "services": 1, "engine": 1, "long": 1}),
    ],
    ids=["quick", "all", "long"],
)
def test_tests_on_all_cores(tmp_path: Path, words: list[str], ran: dict[str, int]) -> None:
    """What shares nothing runs in several processes, the engine's tests in one; what fails there hides neither."""
    tasks = (PROJECT / "tasks.py").read_text(encoding="utf-8")
    (tmp_path / "tasks.py").write_text(re.sub("^TEST_PACKAGES = .*$", "TEST_PACKAGES = ()", tasks, flags=re.MULTILINE))
    (tmp_path / "conftest.py").write_bytes((PROJECT / "tests" / "conftest.py").read_bytes())
    (tmp_path / "test_all.py").write_text(TESTS)
    markers = "markers = slow: s\n engine: e\n services: v\n long: l\n"
    (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = --strict-markers -ra\n{markers}")
    program = [sys.executable, "-m", "invoke", "--search-root", str(tmp_path), *words]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        "PYTHONPATH": str(PROJECT),
        "PYTEST_XDIST_AUTO_NUM_WORKERS": "2",
    }
    done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count("FAILED test_all.py::test_small[3]") == 1
    assert {folder.name: len([*folder.iterdir()]) for folder in tmp_path.iterdir() if folder.name in ran} == ran
    assert (tmp_path / "engine" / "alone").exists() is ("engine" in ran)
    assert (tmp_path / "services").exists() is ("services" in ran)


def test_trend_names_what_it_leaves_out(run: Run, tmp_path: Path) -> None:
    """A newer record is named as such, a file that is no record as that, and no file name controls a terminal."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/\x1b[2Ja.json").write_text("x")
    (tmp_path / "reports/b.json").write_text('{"format": 2}')
    os.mkfifo(tmp_path / "reports/c.json")
    outcome = run("trend")
    assert outcome.code == 0
    assert outcome.err.splitlines() == [
        "\ufffd[2Ja.json is not a record and was left out",
        "c.json is not a record and was left out",
        "b.json was written by a newer version of Weighbridge and was left out; use that version to see it",
    ]


def test_report_refuses_a_newer_baseline(run: Run, tmp_path: Path) -> None:
    """A baseline that a newer version wrote is reported as that, with the exit code of records."""
    (tmp_path / "b.json").write_text('{"format": 2, "images": {}}')
    outcome = run("report", "--image", "archive:none", "--baseline", str(tmp_path / "b.json"))
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.endswith("its format is 2, this version reads 1. Use that version.\n")
    assert "b.json was written by a newer version of Weighbridge: " in outcome.err
