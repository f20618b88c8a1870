"""The launcher, in a project of its own and with a Python that plays `venv` and `pip`: quick, and without a network."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

# `-c` goes to a real Python; the question whether it fits, which takes long, only where REAL is set. `venv` makes a
# folder with the same program in it, and `-m pip` the `invoke` that `-P -S -c …` runs, which prints each of its words
# on a line; venv and pip are written down in `calls`.
PLAYER = """\
#!/bin/sh
case "$1 $2" in
-c*ensurepip*) if [ "${{REAL:-}}" ]; then exec {python} "$@"; fi ;;
-c*) exec {python} "$@" ;;
"-S -c")
  case "$3" in *run_module*) ;; *) exec {python} "$@" ;; esac
  echo venv >>"{calls}"
  mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
"-m pip")
  echo pip >>"{calls}"
  echo "WARNING: chatter" >&2
  if [ -e "{project}/broken" ]; then echo "no matching distribution" >&2; exit 1; fi
  if [ -e "{project}/slow" ]; then sleep 0.1; fi
  printf '#!/bin/sh\\necho "first on PATH: ${{PATH%%%%:*}}"\\nprintf "%%s\\\\n" "$@"\\n' >"$(dirname "$0")/invoke"
  chmod +x "$(dirname "$0")/invoke" ;;
"-P -S")
  shift 4
  exec "$(dirname "$0")/invoke" "$@" ;;
esac
"""


class Launcher:
    """A copy of the launcher in a folder whose name has a space."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "a project"
        self.calls = folder / "calls"
        self.path = self.project / "inv"
        self.variables = {"PATH": f"{folder}/bin:/usr/bin:/bin", "HOME": str(folder)}
        self.project.mkdir()
        self.calls.touch()
        shutil.copy(PROJECT / "inv", self.path)
        self.lock("one==1")
        player = folder / "bin/python3"
        player.parent.mkdir()
        player.write_text(PLAYER.format(python=sys.executable, calls=self.calls, project=self.project))
        player.chmod(0o755)

    def lock(self, text: str) -> None:
        """Write the lock."""
        (self.project / "requirements.txt").write_text(text)

    def start(
        self,
        *words: str,
        path: Path | None = None,
        shell: str = "",
        variables: Mapping[str, str] | None = None,
        group: int | None = None,
    ) -> subprocess.Popen[str]:
        """Start the launcher; with `group` 0 in a process group of its own, as a terminal does."""
        return subprocess.Popen(
            [*filter(None, [shell]), str(path or self.path), *words],
            cwd="/",
            env={**self.variables, **(variables or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=group,
        )

    def run(
        self, *words: str, path: Path | None = None, shell: str = "", variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the launcher to its end."""
        process = self.start(*words, path=path, shell=shell, variables=variables)
        out, err = process.communicate(timeout=20)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    @property
    def made(self) -> list[str]:
        """What was made of environments so far."""
        return self.calls.read_text().split()

    def expected(self, *words: str) -> str:
        """Return what the played Invoke prints."""
        start = ["--write-pyc", "--search-root", str(self.project)]
        return "\n".join([f"first on PATH: {self.environment}/bin", *start, *words]) + "\n"

    @property
    def environment(self) -> Path:
        """Where the environment is: in the user's cache, by the project's name and the checksum of its path."""
        words = ["cksum"]
        told = subprocess.run(words, input=str(self.project), capture_output=True, text=True, check=True).stdout
        cache = Path(self.variables["HOME"], ".cache", "weighbridge", "environments")
        return cache / f"{self.project.name}-{told.split()[0]}"


@pytest.fixture
def launcher(tmp_path: Path) -> Launcher:
    """Return a launcher whose environment was not made yet."""
    return Launcher(tmp_path)


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
def test_shells(launcher: Launcher, shell: str) -> None:
    """Any POSIX shell runs it; progress goes to standard error, so that standard output is Invoke's alone."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not here")
    done = launcher.run("--list", shell=shell, variables={"REAL": "1"})
    assert (done.returncode, done.stdout) == (0, launcher.expected("--list"))
    assert done.stderr == f"Making the environment in {launcher.environment} from requirements.txt\n"
    assert {path.name for path in launcher.project.iterdir()} == {"inv", "requirements.txt"}


def test_words_pass_unchanged(launcher: Launcher) -> None:
    """Spaces, quotes, wildcards, empty words and line ends reach Invoke as they were typed."""
    words = ("a b", "it's", '"quoted"', "*", "$HOME", "", "\\n", "-e", "two\nlines")
    assert launcher.run(*words).stdout == launcher.expected(*words)


def test_exit_code_is_that_of_invoke(launcher: Launcher) -> None:
    """What Invoke ends with, the launcher ends with."""
    launcher.run()
    (launcher.environment / "bin/invoke").write_text("#!/bin/sh\nexit 7\n")
    assert launcher.run("smoke").returncode == 7


def test_link(launcher: Launcher, tmp_path: Path) -> None:
    """Called by a link, also by a link to a link, it finds its own project."""
    for link, target in ((tmp_path / "one", launcher.path), (tmp_path / "two", tmp_path / "one")):
        link.symlink_to(target)
    assert launcher.run(path=tmp_path / "two").stdout == launcher.expected()


def test_environment_is_made_once(launcher: Launcher) -> None:
    """The second run makes nothing and says nothing."""
    launcher.run()
    assert launcher.run().stderr == ""
    assert launcher.made == ["venv", "pip"]


def test_environment_is_renewed_with_the_lock(launcher: Launcher) -> None:
    """A changed lock makes the environment anew, without what was in the old one."""
    launcher.run()
    left = launcher.environment / "left"
    left.touch()
    launcher.lock("one==2")
    assert launcher.run().returncode == 0
    assert not left.exists()
    assert launcher.made == ["venv", "pip"] * 2


def test_environment_whose_python_is_gone_is_renewed(launcher: Launcher) -> None:
    """An upgrade of the machine's Python may take the environment's with it."""
    launcher.run()
    (launcher.environment / "bin/python").write_text("#!/nowhere/python\n")
    assert launcher.run().stdout == launcher.expected()


def test_environment_of_a_moved_project_is_renewed(launcher: Launcher, tmp_path: Path) -> None:
    """Its programs begin with the old path, so a moved or copied project gets an environment of its own."""
    launcher.run()
    launcher.project = launcher.project.rename(tmp_path / "moved")
    launcher.path = launcher.project / "inv"
    for _ in range(2):
        assert launcher.run("--list").stdout == launcher.expected("--list")
    assert launcher.made == ["venv", "pip"] * 2


def test_environment_that_fails_is_none(launcher: Launcher) -> None:
    """When pip fails its words come first, then one line of ours; the next run starts anew. Else pip is not heard."""
    broken = launcher.project / "broken"
    broken.touch()
    done = launcher.run("--list")
    assert (done.returncode, done.stdout) == (2, "")
    said = done.stderr.splitlines()
    assert said[1:3] == ["WARNING: chatter", "no matching distribution"]
    assert said[3].startswith("error: the environment could not be filled. ")
    assert len(said) == 4
    broken.unlink()
    assert launcher.run("--list").stdout == launcher.expected("--list")


def test_two_first_runs_at_once(launcher: Launcher) -> None:
    """One makes the environment, the others wait for it, and all run."""
    (launcher.project / "slow").touch()
    processes = [launcher.start(name) for name in ("one", "two", "three")]
    outs = [process.communicate(timeout=20)[0] for process in processes]
    assert outs == [launcher.expected(name) for name in ("one", "two", "three")]
    assert launcher.made == ["venv", "pip"]


def test_where_the_environment_is(launcher: Launcher, tmp_path: Path) -> None:
    """The launcher tells where; XDG_CACHE_HOME moves it, unless it is relative; without any folder it fails."""
    assert launcher.run("environment").stdout == f"{launcher.environment}\n"
    for name, start in (("/elsewhere", "elsewhere"), ("elsewhere", ".cache")):
        told = launcher.run(
            "environment", variables={"XDG_CACHE_HOME": f"{tmp_path}{name}" if name[0] == "/" else name}
        )
        assert told.stdout.startswith(f"{tmp_path}/{start}/weighbridge/environments/")
    nobody = tmp_path / "bin" / "getent"
    for home, code in ((f"{tmp_path}/theirs", 0), ("", 2)):  # without HOME, the one that the machine knows
        nobody.write_text(f"#!/bin/sh\necho me:x:1:1::{home}:/bin/sh\n")
        nobody.chmod(0o755)
        done = launcher.run("environment", variables={"HOME": ""})
        assert (done.returncode, done.stdout.startswith(f"{tmp_path}/theirs/.cache/")) == (code, code == 0)
    assert done.stderr == "error: there is no folder for the environment. Set HOME or XDG_CACHE_HOME.\n"
    (tmp_path / "file").touch()
    done = launcher.run(variables={"XDG_CACHE_HOME": f"{tmp_path}/file"})
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("cannot be made. Set XDG_CACHE_HOME to a folder that you may write.")


@pytest.mark.parametrize("fault", ["missing", "too old", "without ensurepip"])
def test_no_python_that_fits(launcher: Launcher, tmp_path: Path, fault: str) -> None:
    """No Python, an old one, or Debian's without python3-venv: one line that says what to install, and exit code 2."""
    player = tmp_path / "other"
    if fault != "missing":
        player.write_text(f"#!/bin/sh\n# {fault}\nexit 1\n")
        player.chmod(0o755)
    done = launcher.run("--list", variables={"PYTHON": str(player)})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: no Python from 3.11 on with venv among {player}. Install it")
    assert done.stderr.count("\n") == 1
    assert launcher.made == []


def test_named_python(launcher: Launcher, tmp_path: Path) -> None:
    """PYTHON names the one to use, before those on PATH."""
    player = tmp_path / "bin/python3"
    named = player.rename(tmp_path / "my python")
    player.write_text("#!/bin/sh\nexit 1\n")
    player.chmod(0o755)
    assert launcher.run(variables={"PYTHON": str(named)}).stdout == launcher.expected()


@pytest.fixture
def ready(tmp_path: Path) -> Launcher:
    """Return a launcher beside the real tasks, whose environment is that of the tests."""
    launcher = Launcher(tmp_path)
    for name in ("tasks.py", "weighbridge"):
        (launcher.project / name).symlink_to(PROJECT / name)
    python = launcher.environment / "bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (launcher.environment / "made-from").write_text(f"one==1# {launcher.project}\n")
    if (config := Path(sys.prefix, "pyvenv.cfg")).is_file():
        shutil.copy(config, launcher.environment)
        (launcher.environment / "lib").symlink_to(Path(sys.prefix, "lib"))
    return launcher


def test_real_invoke_runs(ready: Launcher) -> None:
    """The tasks of the project are listed, and a wrong option ends as in Invoke itself."""
    done = ready.run("--list")
    assert "  smoke " in done.stdout
    assert (done.returncode, done.stderr) == (0, "")
    assert ready.run("report", "--nothing").returncode == 1
    assert ready.made == []


def test_bytecode_is_kept(ready: Launcher) -> None:
    """Python compiles the tasks once, unless the user wants no bytecode to be written."""
    kept = ready.project / "__pycache__"
    ready.run("--list", variables={"PYTHONDONTWRITEBYTECODE": "1"})
    assert not kept.exists()
    ready.run("--list")
    assert [path.name.partition(".")[0] for path in kept.iterdir()] == ["tasks"]


def test_closed_standard_error(ready: Launcher) -> None:
    """A caller may have closed standard error."""
    words = ["sh", "-c", '"$0" --list 2>&-', str(ready.project / "inv")]
    done = subprocess.run(words, env=ready.variables, capture_output=True, text=True, check=True)
    assert "  smoke " in done.stdout


@pytest.mark.slow
def test_interrupted_at_any_moment(ready: Launcher) -> None:
    """Ctrl-C ends the launcher without a traceback, from the first import to the last line; a task is listed or not."""
    began = time.monotonic()
    ready.run("--list")
    whole, codes = time.monotonic() - began, set[int]()
    for number in range(40):
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a runner in the background ignores it
        try:
            process = ready.start("--list", group=0)
        finally:
            signal.signal(signal.SIGINT, before)
        time.sleep(whole * number / 36)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert err == "", number
        codes.add(process.returncode)
    assert -signal.SIGINT in codes
    assert codes <= {0, 1, -signal.SIGINT, 128 + signal.SIGINT}


def test_interrupted_in_a_destructor(ready: Launcher) -> None:
    """Python drops Ctrl-C there, and would say so; it comes once more."""
    (ready.project / "tasks.py").unlink()
    (ready.project / "tasks.py").write_text(
        "import os, signal, time\n"
        "class Gone:\n    def __del__(self): os.kill(os.getpid(), signal.SIGINT)\n"
        "Gone()\ntime.sleep(20)\nprint('went on')\n"
    )
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a runner in the background ignores it
    try:
        process = ready.start("--list", group=0)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (process.communicate(timeout=15), process.returncode) == (("", ""), 1)


def test_ignored_interrupt_stays_ignored(ready: Launcher) -> None:
    """As a job in the background of a script, the launcher is not ended by the terminal's Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = ready.start("--list", group=0)
    finally:
        signal.signal(signal.SIGINT, before)
    for _ in range(20):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.02)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert "  smoke " in out
