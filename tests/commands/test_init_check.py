"""`--check` says in words what has changed since the settings were written, and ends with exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.test_init import APP, PLAIN, put, run, strip

pytestmark = pytest.mark.slow


def replace(path: Path, old: str, new: str) -> None:
    """Change a file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def check(folder: Path, code: int = 2) -> str:
    """Return what the check says, on one line."""
    done = run(folder, "--check")
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return " ".join(done.stdout.split())


MAIL = "  mail:\n    build: ./api\n  broker:\n    image"
COMMAND = "build: ./api\n    command: uvicorn main:app --port 9000"
CHANGES = [
    ("api/Dockerfile", "EXPOSE 8000", "EXPOSE 9000", "api/Dockerfile: ports is now 9000, and was 8000"),
    ("api/Dockerfile", "AS build", "AS make", "api/Dockerfile: stages is now make, and was build"),
    ("api/Dockerfile", "/health'", "/up'", "api/Dockerfile: health check is now"),
    ("api/Dockerfile", '["uvicorn"', '["exec", "uvicorn"', "api/Dockerfile: command is now"),
    ("api/main.py", "app = FastAPI", "web = FastAPI", "application api/main.py:app is gone"),
    ("compose.yaml", "  broker:\n    image", MAIL, "compose service mail is new"),
    ("compose.yaml", "build: ./api", COMMAND, "compose service api: port is now 9000, and was 8000"),
    ("compose.yaml", '"--timeout", "5"', '"--timeout", "6"', "compose service worker: health check is now"),
]


@pytest.mark.parametrize(("place", "old", "new", "told"), CHANGES, ids=[told for *_, told in CHANGES])
def test_repository(tmp_path: Path, place: str, old: str, new: str, told: str) -> None:
    """Each change of the repository is a sentence; without any the exit code is 0."""
    folder = strip("split", tmp_path)
    assert run(folder).returncode == 0
    assert "Nothing has to change" in check(folder, 0)
    replace(folder / place, old, new)
    assert told in check(folder)


def test_dockerfile_that_is_gone(tmp_path: Path) -> None:
    """A Dockerfile that is gone, and the line to change, and then nothing more is said."""
    put(tmp_path, Dockerfile=PLAIN, Dockerfile_dev=PLAIN, main_py=APP)
    assert run(tmp_path).returncode == 0
    (tmp_path / "Dockerfile.dev").unlink()
    told = "Dockerfile.dev is gone: change what the settings say of it, and remove init.saw.Dockerfile.dev."
    assert told in check(tmp_path)
    replace(tmp_path / "weighbridge.yaml", "    Dockerfile.dev: {}\n", "")
    check(tmp_path, 0)


def test_settings_of_version_0_1(tmp_path: Path) -> None:
    """It names the old place and the new default profile with the lines to change, and after that nothing."""
    put(tmp_path, Dockerfile=PLAIN, invoke_yaml="repository: shop\nvariants: {multi: {}}\n")
    told = check(tmp_path)
    assert "put the settings under the key `weighbridge`" in told
    assert "Add `profile: hardened` under `smoke`" in told
    text = "weighbridge:\n  repository: shop\n  variants: {multi: {}}\n  smoke: {profile: hardened}\n"
    put(tmp_path, invoke_yaml=text)
    check(tmp_path, 0)


def test_no_settings(tmp_path: Path) -> None:
    """Without settings there is nothing to check."""
    assert "There is no settings file" in run(tmp_path, "--check").stderr
