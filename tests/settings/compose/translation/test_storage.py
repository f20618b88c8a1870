"""What of the host a container gets: folders to write to, copies to read, and nothing over its code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from weighbridge.model.recipe import Copied, Recipe
from weighbridge.settings.compose.project import (
    ComposeBuild,
    ComposeFile,
    ComposeService,
    ComposeTmpfs,
    ComposeVolume,
)
from weighbridge.settings.compose.translation.noting import Noting
from weighbridge.settings.compose.translation.storage import list_writable, store_for_role, store_for_service

RECIPE = Recipe(
    folder="/app", copies=(Copied(source="static", target="/app/static"), Copied(source="", target="/src/"))
)


def volume(target: str, source: str | Path | None = None, kind: Literal["volume", "bind"] = "volume") -> ComposeVolume:
    """Return a volume, or a bind mount if the source is a path."""
    is_bind = isinstance(source, Path)
    return ComposeVolume(kind="bind" if is_bind else kind, target=target, source=str(source) if source else None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a project's folder, with a build context in it."""
    for path in ("context/app/a.py", "context/static/a.css", "context/conf/a.ini", "data/a.bin"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("target", "source", "is_dropped"),
    [
        ("/app", "context", True),
        ("/app", ".", True),
        ("/app/app", "context/app", True),
        ("/app/static", "context/static", True),
        ("/app/static", "data", True),
        ("/src", "data", True),
        ("/app/conf", "context/conf", False),
        ("/data", "data", False),
        ("/app/a.py", "context/app/a.py", False),
    ],
)
def test_mounts_over_code(root: Path, target: str, source: str, is_dropped: bool) -> None:  # noqa: FBT001 - a column
    """A folder of code is not mounted over the image's, with the nameless volumes below; all else is."""
    service = ComposeService(name="a", volumes=(volume(target, root / source), volume(f"{target}/cache")))
    noting = Noting("a", "roles.a")
    found = store_for_role(service, ComposeBuild(context=str(root / "context")), RECIPE, root, noting)
    assert found.mounts == ({} if is_dropped else {target: source})
    assert list_writable(found) == ([] if is_dropped else [f"{target}/cache"])
    assert any("mount over its code" in note for note in noting.notes) is is_dropped


def test_ready_made_image(root: Path) -> None:
    """Nothing is known of the code in an image that is not built here."""
    service = ComposeService(name="a", volumes=(volume("/app", root / "context"),))
    assert store_for_role(service, None, RECIPE, root, Noting("a", "roles.a")).mounts == {"/app": "context"}


def test_folders_of_a_role(root: Path) -> None:
    """Named volumes keep their names; `/tmp` is there anyway."""
    service = ComposeService(
        name="a",
        volumes=(volume("/a", "name"), volume("/b")),
        tmpfs=(ComposeTmpfs(target="/tmp"), ComposeTmpfs(target="/c")),  # noqa: S108 - in the container
    )
    found = store_for_role(service, None, RECIPE, root, Noting("a", "roles.a"))
    assert list_writable(found) == ["name:/a", "/b", "/c"]


def test_folders_of_a_service(root: Path) -> None:
    """A service's folders have sizes, but for those of its kind, in which it begins with nothing."""
    service = ComposeService(
        name="db",
        image="postgres:17",
        volumes=(
            volume("/var/lib/postgresql/data", "name"),
            volume("/var/lib/postgresql", root / "data"),
            volume("/backup", "name"),
            ComposeVolume(kind="tmpfs", target="/fast", size_bytes=4096),
            volume("/etc/x", root / "context/conf/a.ini"),
        ),
        tmpfs=(ComposeTmpfs(target="/var/lib/postgresql/x"), ComposeTmpfs(target="/run", size_bytes=1)),
    )
    noting = Noting("db", "smoke.services.db")
    found = store_for_service(service, root, noting)
    assert found.writable == {"/backup": "512 MB", "/fast": "4096 B", "/run": "1 B"}
    assert found.mounts == {"/etc/x": "context/conf/a.ini"}
    assert len(noting.notes) == 1


@pytest.mark.parametrize(
    ("file", "mount"),
    [
        ({"path": "data/a.bin"}, "data/a.bin"),
        ({"path": "gone"}, None),
        ({"content": ""}, {"content": ""}),
        ({"content": "a"}, {"content": "a"}),
    ],
)
def test_secrets_and_configs(root: Path, file: dict[str, str], mount: Any) -> None:
    """They are mounted from their file or as a text."""
    path = root / file["path"] if "path" in file else None
    each = ComposeFile(name="x", target="/x", path=path, content=file.get("content"))
    noting = Noting("a", "roles.a")
    found = store_for_role(ComposeService(name="a", secrets=(each,)), None, RECIPE, root, noting)
    assert found.mounts.get("/x") == mount
    assert bool(noting.notes) is (mount is None)


def test_paths_outside(root: Path) -> None:
    """A path outside of the project's folder is absolute, and the engine's socket is never mounted."""
    socket = ComposeVolume(kind="bind", source="/var/run/docker.sock", target="/var/run/docker.sock")
    service = ComposeService(name="a", volumes=(volume("/x", root / "data"), socket))
    noting = Noting("a", "roles.a")
    found = store_for_role(service, None, RECIPE, root / "context", noting)
    assert found.mounts == {"/x": str(root / "data")}
    assert any("socket" in note for note in noting.notes)


def test_paths_that_settings_do_not_take(root: Path) -> None:
    """A path with a blank is left out with a note, and a volume's name is in small letters."""
    odd = "/a b"
    service = ComposeService(
        name="a",
        image="x",
        volumes=(volume(odd, root / "data"), volume(odd), volume("/c", "_Data.1")),
        secrets=(ComposeFile(name="x", target=odd, content="x"),),
    )
    noting = Noting("a", "roles.a")
    found = store_for_role(service, None, RECIPE, root, noting)
    assert (found.mounts, list_writable(found), len(noting.notes)) == ({}, ["data.1:/c"], 2)
    of_service = store_for_service(service, root, Noting("a", "smoke.services.a"))
    assert (of_service.mounts, of_service.writable) == ({}, {"/c": "512 MB"})
