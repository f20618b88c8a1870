"""Chooses the official base image, else a stand-in, and writes the choice for Compose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import pytest

from weighbridge.build import bases, standins
from weighbridge.build.bases import (
    BaseImage,
    ensure_base_image,
    find_base_image,
    has_compose,
    list_compose_roles,
    tell_compose,
)
from weighbridge.engine import apt
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import Engine
from weighbridge.errors import NoBaseImage, SettingsError

OFFICIAL, STANDIN = "python:3.13-slim-trixie", "weighbridge/python:3.13-slim-trixie"
CLIENT = BuildClient(path=Path("/nowhere/docker"), version="28.0.0", buildx="0.13.1")


class Shelf:
    """An engine as far as `bases` needs one: what it has, and what a registry would give it."""

    host = "unix:///nowhere.sock"

    def __init__(self, *images: str, registry: tuple[str, ...] = ()) -> None:
        self.images, self.registry = set(images), registry

    def has_image(self, reference: str) -> bool:
        """Tell whether it is here."""
        return reference in self.images

    def pull(self, reference: str) -> None:
        """Take it from the registry."""
        if reference not in self.registry:
            raise NoBaseImage(f"{reference} cannot be pulled: no such host")
        self.images.add(reference)


@pytest.fixture(autouse=True)
def usual_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this be a machine with its certificates where compose.yaml looks for them."""
    monkeypatch.setattr("weighbridge.build.buildkit.find_certificates", lambda: bases._COMPOSE_BUNDLE)


def shelf(*images: str, registry: tuple[str, ...] = ()) -> Engine:
    """Return such an engine, typed as the real one."""
    return cast("Engine", Shelf(*images, registry=registry))


@pytest.mark.parametrize(
    ("present", "expected"),
    [((OFFICIAL, STANDIN), OFFICIAL), ((OFFICIAL,), OFFICIAL), ((STANDIN,), STANDIN)],
)
def test_present(present: tuple[str, ...], expected: str) -> None:
    """The official image comes before a stand-in."""
    base = find_base_image(shelf(*present), "python", OFFICIAL)
    assert (base.reference, base.official, base.how) == (expected, OFFICIAL, "present")
    assert base.is_standin is (expected == STANDIN)


def test_nothing_present() -> None:
    """If the engine has neither image, the error names the official one."""
    with pytest.raises(
        NoBaseImage, match=r"^The engine does not have the base image python:3.13-slim-trixie[.] Run `invoke engine`"
    ):
        find_base_image(shelf("python:3.12"), "python", OFFICIAL)


@pytest.mark.parametrize(
    "official", ["python:3.12-slim", "python:3.14", "pypy:3.11", "debian:trixie", "python:3.13-alpine", "redis:8"]
)
def test_standin_of_another_series_is_none(official: str) -> None:
    """A stand-in does not take the place of another series of Python."""
    with pytest.raises(NoBaseImage, match=official):
        find_base_image(shelf(STANDIN), "python", official)


def test_described() -> None:
    """The description of a stand-in says that it is one."""
    assert find_base_image(shelf(OFFICIAL), "python", OFFICIAL).described == f"{OFFICIAL}, present"
    assert find_base_image(shelf(STANDIN), "python", OFFICIAL).described == (
        f"{STANDIN}, our stand-in for {OFFICIAL}, present"
    )


def test_pulled() -> None:
    """A missing base image is pulled, which is announced first; a present one is not pulled again."""
    said: list[str] = []
    engine = shelf(registry=(OFFICIAL,))
    assert ensure_base_image(engine, CLIENT, "python", OFFICIAL, said.append).how == "pulled"
    assert ensure_base_image(engine, CLIENT, "python", OFFICIAL, said.append).how == "present"
    assert said == [f"Pulling {OFFICIAL}"]


def test_standin_is_built_where_no_registry_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The root filesystem is built once, then the stand-in on it, from its role's Dockerfile; the reason comes twice.

    Once before the build, because it takes long, and once with the image, because a spinner's line does not stay.
    """
    built: list[tuple[str, str, str]] = []
    monkeypatch.setattr(bases, "_ensure_tool", lambda *_: None)
    monkeypatch.setattr(bases, "_make_root", lambda _, archive: archive.write_bytes(b""))
    monkeypatch.setattr(
        "weighbridge.build.buildkit.build",
        lambda _, engine, wanted: built.append((engine.host, wanted.reference, wanted.dockerfile.name)),
    )
    said: list[str] = []
    base = ensure_base_image(shelf(), CLIENT, "redis", "redis:8-alpine", said.append)
    assert (base.reference, base.how) == ("weighbridge/redis:8-trixie", "built")
    host = Shelf.host
    root = (host, "weighbridge/debian:trixie-slim", "debian.Dockerfile")
    standin = (host, "weighbridge/redis:8-trixie", "redis.Dockerfile")
    assert built == [root, standin]
    reason = "redis:8-alpine cannot be pulled: no such host"
    assert said[1] == f"{reason}. Building weighbridge/redis:8-trixie from Debian's packages instead"
    assert base.described == (f"weighbridge/redis:8-trixie, our stand-in for redis:8-alpine, built because {reason}")

    built.clear()
    ensure_base_image(shelf(root[1]), CLIENT, "redis", "redis:8-alpine", said.append)
    assert built == [standin]


def test_no_standin() -> None:
    """If there is no stand-in, the error has the registry's reason and the names that have stand-ins."""
    with pytest.raises(NoBaseImage) as caught:
        ensure_base_image(shelf(), CLIENT, "python", "python:3.12", print)
    assert str(caught.value) == (
        "python:3.12 cannot be pulled: no such host. "
        "Correct its name in the settings (bases.python), or solve that problem; "
        f"stand-ins exist for {standins.KNOWN}."
    )


@pytest.mark.parametrize(
    ("debian", "advice"),
    [
        (True, "Solve that problem, or type `sudo apt-get install mmdebstrap` and run `invoke engine` again."),
        (False, "Solve that problem, or bring the image from another machine with `docker save` and `docker load`."),
    ],
)
def test_no_tool_for_a_standin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, advice: str, *, debian: bool) -> None:
    """If the tool is missing and may not be installed, the error has the registry's reason and a remedy that fits."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("os.getuid", lambda: 1000)
    monkeypatch.setattr(apt, "has_apt", lambda: debian)
    with pytest.raises(NoBaseImage) as caught:
        ensure_base_image(shelf(), CLIENT, "python", OFFICIAL, lambda _: None)
    assert str(caught.value) == (
        f"{OFFICIAL} cannot be pulled: no such host; "
        f"mmdebstrap, which could build a stand-in, is not installed. {advice}"
    )


STANDINS = [
    BaseImage(role="python", official=OFFICIAL, reference=STANDIN, how="built"),
    BaseImage(role="redis", official="redis:8", reference="weighbridge/redis:8-trixie", how="built"),
]
OFFICIALS = [BaseImage(role="python", official=OFFICIAL, reference=OFFICIAL, how="pulled")]
OURS = f"PYTHON_IMAGE={STANDIN}\nREDIS_IMAGE=weighbridge/redis:8-trixie\n"


@pytest.mark.parametrize(
    ("before", "chosen", "after"),
    [
        (None, STANDINS, OURS),
        ("", STANDINS, OURS),
        ("TOKEN=x\n", STANDINS, f"TOKEN=x\n{OURS}"),
        ("TOKEN=x", STANDINS, f"TOKEN=x\n{OURS}"),
        ("# mine\n\nTOKEN=é\n", STANDINS, f"# mine\n\nTOKEN=é\n{OURS}"),
        ("PYTHON_IMAGE=weighbridge/old\nTOKEN=x\n", STANDINS, f"TOKEN=x\n{OURS}"),
        ("PYTHON_IMAGE=mine\n", STANDINS, "PYTHON_IMAGE=mine\nREDIS_IMAGE=weighbridge/redis:8-trixie\n"),
        ("MY_PYTHON_IMAGE=mine\n", STANDINS, f"MY_PYTHON_IMAGE=mine\n{OURS}"),
        (OURS, OFFICIALS, None),
        (f"TOKEN=x\nPYTHON_IMAGE={STANDIN}\n", OFFICIALS, "TOKEN=x\n"),
        (None, OFFICIALS, None),
        ("TOKEN=x", OFFICIALS, "TOKEN=x\n"),
        ("PYTHON_IMAGE=mine\n", OFFICIALS, "PYTHON_IMAGE=mine\n"),
        ("export PYTHON_IMAGE=mine\n", STANDINS[:1], "export PYTHON_IMAGE=mine\n"),
        ("WEIGHBRIDGE_CA_BUNDLE=/old\nTOKEN=x\n", OFFICIALS, "TOKEN=x\n"),
        ("WEIGHBRIDGE_CA_BUNDLE=/old\n", [], None),
    ],
)
def test_compose(tmp_path: Path, before: str | None, chosen: list[BaseImage], after: str | None) -> None:
    """Our lines come and go, the user's stay, and telling it again changes nothing."""
    path = tmp_path / ".env"
    if before is not None:
        path.write_text(before, encoding="utf-8")
    for _ in range(2):
        tell_compose(tmp_path, chosen)
        assert (path.read_text(encoding="utf-8") if path.exists() else None) == after


@pytest.mark.parametrize(
    ("name", "text", "takes", "roles"),
    [
        ("compose.yaml", "services: {a: {build: {args: {PYTHON_IMAGE: }}}}", True, ("python",)),
        ("docker-compose.yml", "services: {cache: {image: '${REDIS_IMAGE:-redis:8}'}}", True, ("redis",)),
        ("compose.yml", "secrets: {ca: {file: $WEIGHBRIDGE_CA_BUNDLE}}", True, ()),
        ("compose.yaml", "services: {a: {image: redis:8}}", False, ()),
        ("other.yaml", "services: {a: {build: {args: {PYTHON_IMAGE: }}}}", False, ()),
    ],
)
def test_compose_files_that_take_our_variables(
    tmp_path: Path, name: str, text: str, *, takes: bool, roles: tuple[str, ...]
) -> None:
    """Only a project whose Compose file names one of our variables gets them in `.env`."""
    assert not has_compose(tmp_path)
    (tmp_path / name).write_text(text)
    assert has_compose(tmp_path) is takes
    assert list_compose_roles(tmp_path) == roles


_COMPOSE_FILE = "services: {cache: {image: $REDIS_IMAGE, command: [--requirepass, '%s']}}"


@pytest.mark.parametrize(
    "form", ["${REDIS_PASSWORD:-x}", "${REDIS_PASSWORD}", "$REDIS_PASSWORD", "${REDIS_PASSWORD:?}"]
)
def test_compose_gets_a_password(tmp_path: Path, form: str) -> None:
    """It is random, of letters and digits, another in each project, and stays; only its owner may read the file."""
    found = []
    for name in ("one", "other"):
        project, path = tmp_path / name, tmp_path / name / ".env"
        project.mkdir()
        (project / "compose.yaml").write_text(_COMPOSE_FILE % form)
        for _ in range(2):
            tell_compose(project, STANDINS)
            lines = path.read_text(encoding="utf-8").splitlines()
            assert lines[1:] == OURS.splitlines()
            assert re.fullmatch("REDIS_PASSWORD=[0-9a-f]{32}", lines[0])
            found.append(lines[0])
        assert path.stat().st_mode & 0o777 == 0o600
        tell_compose(project, ())
        assert path.read_text(encoding="utf-8") == f"{lines[0]}\n", "containers may run with it"
    assert (found[0], found[2]) == (found[1], found[3])
    assert found[0] != found[2]


@pytest.mark.parametrize(
    ("compose", "before", "chosen"),
    [
        (_COMPOSE_FILE % "$REDIS_PASSWORD", "REDIS_PASSWORD=mine\n", OFFICIALS),
        (_COMPOSE_FILE % "$REDIS_PASSWORD", "export REDIS_PASSWORD=\n", OFFICIALS),
        (_COMPOSE_FILE % "$REDIS_PASSWORD", "A=b\n", []),
        (_COMPOSE_FILE % "$REDIS_PASSWORD_FILE", "A=b\n", OFFICIALS),
        (_COMPOSE_FILE % "secret", "A=b\n", OFFICIALS),
    ],
)
def test_compose_needs_no_password(tmp_path: Path, compose: str, before: str, chosen: list[BaseImage]) -> None:
    """Where the user has set one, Compose takes none, or nothing was chosen, there is none of ours."""
    (tmp_path / "compose.yaml").write_text(compose)
    (tmp_path / ".env").write_text(before)
    tell_compose(tmp_path, chosen)
    assert (tmp_path / ".env").read_text() == before


def test_password_in_a_file_of_the_user(tmp_path: Path) -> None:
    """The file keeps its mode, and the user's lines come first."""
    (tmp_path / "compose.yaml").write_text(_COMPOSE_FILE % "$REDIS_PASSWORD")
    (tmp_path / ".env").write_text("TOKEN=x\n")
    (tmp_path / ".env").chmod(0o640)
    tell_compose(tmp_path, OFFICIALS)
    assert (tmp_path / ".env").read_text().startswith("TOKEN=x\nREDIS_PASSWORD=")
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("bundle", "value"),
    [
        (Path("/etc/ssl/cert.pem"), "/etc/ssl/cert.pem"),
        (Path("/opt/our proxy.pem"), "'/opt/our proxy.pem'"),
        (None, "/dev/null"),
    ],
)
def test_compose_gets_the_certificates(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bundle: Path | None, value: str
) -> None:
    """`.env` names Compose's certificates, or /dev/null if none exist; without bases there is no file."""
    monkeypatch.setattr("weighbridge.build.buildkit.find_certificates", lambda: bundle)
    tell_compose(tmp_path, OFFICIALS)
    assert (tmp_path / ".env").read_text(encoding="utf-8") == f"WEIGHBRIDGE_CA_BUNDLE={value}\n"
    tell_compose(tmp_path, ())
    assert list(tmp_path.iterdir()) == []


def test_compose_file_keeps_mode_and_link(tmp_path: Path) -> None:
    """What only its owner may read stays so, a link stays a link, and no draft is left; a new file all may read."""
    tell_compose(tmp_path, STANDINS)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o644
    secret, link = tmp_path / "secret", tmp_path / "project/.env"
    secret.write_text("TOKEN=x\n")
    secret.chmod(0o600)
    link.parent.mkdir()
    link.symlink_to(secret)
    tell_compose(link.parent, STANDINS)
    assert (link.is_symlink(), secret.read_text()) == (True, f"TOKEN=x\n{OURS}")
    assert secret.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env", "project", "secret"]


@pytest.mark.parametrize("fault", ["a directory", "not UTF-8", "not there", "in the way"])
def test_compose_file_that_cannot_be_kept(tmp_path: Path, fault: str) -> None:
    """Such a file, or a folder that takes none, is one line with a next step; what the user had is left as it was."""
    path = tmp_path / ".env"
    if fault == "a directory":
        path.mkdir()
        reason = "Is a directory"
    elif fault == "not UTF-8":
        path.write_bytes(b"TOKEN=caf\xe9\n")
        reason = "it is not UTF-8"
    else:
        path = tmp_path / "folder/.env"
        reason = "No such file or directory"
        if fault == "in the way":
            path.parent.touch()
            reason = "Not a directory"
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(SettingsError) as caught:
        tell_compose(path.parent, STANDINS)
    assert str(caught.value) == (
        f"{path} cannot be updated: {reason}. "
        "Make it a text file that you may read and write, and run `invoke engine` again."
    )
    assert (path.read_bytes() if path.is_file() else None) == before
