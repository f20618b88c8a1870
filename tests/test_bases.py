"""Which base image is used: the official one, else a stand-in, and Compose is told."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from weighbridge import bases, distribution
from weighbridge.bases import BaseImage, base_image, ensure_base_image, tell_compose
from weighbridge.clients import BuildClient
from weighbridge.engine import Engine
from weighbridge.errors import NoBaseImage

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


def shelf(*images: str, registry: tuple[str, ...] = ()) -> Engine:
    """Return such an engine, typed as the real one."""
    return cast("Engine", Shelf(*images, registry=registry))


@pytest.mark.parametrize(
    ("present", "expected"),
    [((OFFICIAL, STANDIN), OFFICIAL), ((OFFICIAL,), OFFICIAL), ((STANDIN,), STANDIN)],
)
def test_present(present: tuple[str, ...], expected: str) -> None:
    """The official image comes before a stand-in."""
    base = base_image(shelf(*present), "python", OFFICIAL)
    assert (base.reference, base.official, base.how) == (expected, OFFICIAL, "present")
    assert base.is_standin is (expected == STANDIN)


def test_nothing_present() -> None:
    """Neither is there: the name that the settings ask for is told."""
    with pytest.raises(
        NoBaseImage, match=r"^The base image python:3.13-slim-trixie is not there[.] Run `invoke engine`"
    ):
        base_image(shelf("python:3.12"), "python", OFFICIAL)


@pytest.mark.parametrize("official", ["python:3.12-slim", "python:3.14", "pypy:3.11", "debian:trixie"])
def test_standin_of_another_series_is_none(official: str) -> None:
    """A stand-in does not take the place of another series of Python."""
    with pytest.raises(NoBaseImage, match=official):
        base_image(shelf(STANDIN), "python", official)


def test_described() -> None:
    """A stand-in is told as one, so that nobody is mistaken."""
    assert base_image(shelf(OFFICIAL), "python", OFFICIAL).described == f"{OFFICIAL}, present"
    assert base_image(shelf(STANDIN), "python", OFFICIAL).described == (
        f"{STANDIN}, our stand-in for {OFFICIAL}, present"
    )


def test_pulled() -> None:
    """What is not there is pulled, and that is said before it starts; what is there is not."""
    said: list[str] = []
    engine = shelf(registry=(OFFICIAL,))
    assert ensure_base_image(engine, CLIENT, "python", OFFICIAL, said.append).how == "pulled"
    assert ensure_base_image(engine, CLIENT, "python", OFFICIAL, said.append).how == "present"
    assert said == [f"Pulling {OFFICIAL}"]


def test_standin_is_built_where_no_registry_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The root comes first, once, then the stand-in on it, from the Dockerfile of its role."""
    built: list[tuple[str, str, str]] = []
    monkeypatch.setattr(bases, "_make_root", lambda archive, _: archive.write_bytes(b""))
    monkeypatch.setattr(
        "weighbridge.builder.build",
        lambda _, engine, wanted: built.append((engine.host, wanted.reference, wanted.dockerfile.name)),
    )
    said: list[str] = []
    base = ensure_base_image(shelf(), CLIENT, "redis", "redis:8-alpine", said.append)
    assert (base.reference, base.how) == ("weighbridge/redis:8-trixie", "built")
    host = Shelf.host
    root = (host, "weighbridge/debian:trixie-slim", "debian.Dockerfile")
    standin = (host, "weighbridge/redis:8-trixie", "redis.Dockerfile")
    assert built == [root, standin]
    assert said[1].startswith("No registry gives redis:8-alpine: building weighbridge/redis:8-trixie")

    built.clear()
    ensure_base_image(shelf(root[1]), CLIENT, "redis", "redis:8-alpine", said.append)
    assert built == [standin]


@pytest.mark.parametrize("role", ["python", "redis"])
def test_standins_have_a_dockerfile(role: str) -> None:
    """The recipes are where they are looked for."""
    assert (bases._DOCKERFILES / f"{role}.Dockerfile").is_file()


def test_no_standin() -> None:
    """Where there is no stand-in, the registry's reason is told, and which names have one."""
    with pytest.raises(NoBaseImage) as caught:
        ensure_base_image(shelf(), CLIENT, "python", "python:3.12", print)
    assert str(caught.value) == (
        "python:3.12 cannot be pulled: no such host. "
        "Correct its name in invoke.yaml (bases.python); stand-ins exist for python:3.13…, redis:8…."
    )


def test_no_tool_for_a_standin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the tool is missing and may not be installed, both ways out are told."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(distribution, "may_install", lambda: False)
    with pytest.raises(NoBaseImage, match=r"mmdebstrap.*apt-get install mmdebstrap"):
        ensure_base_image(shelf(), CLIENT, "python", OFFICIAL, lambda _: None)


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
