"""What packages are there for: who requires them, what a command runs, and what somebody asked for."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.image.dependencies import COMMAND, Gathering, Needs
from weighbridge.image.packages.package import Package
from weighbridge.image.requirements import Requirements, read

SITE = "venv/lib/python3.13/site-packages"


def distribution(name: str, *requires: str, requested: bool | None = True, site: str = SITE, more: str = "") -> Package:
    """Return a distribution of one module, with a program of its name."""
    info = f"{site}/{name}-1.dist-info"
    paths = ("venv/bin/" + name, f"{site}/{name}/__init__.py", f"{info}/METADATA", f"{info}/RECORD", *more.split())
    return Package(kind="python", name=name, version="1", paths=paths, requires=requires, requested=requested)


def system(name: str, *requires: str, requested: bool | None = None, paths: tuple[str, ...] = ()) -> Package:
    """Return a Debian package."""
    return Package(kind="debian", name=name, version="1", paths=paths, requires=requires, requested=requested)


def needs(
    *packages: Package,
    command: tuple[str, ...] = (),
    sources: dict[str, bytes] | None = None,
    asked: tuple[Requirements, ...] = (),
) -> dict[str, Needs]:
    """Return what packages are there for, by their names."""
    gathering = Gathering([command], sources or {})
    assert [*gathering.watch(packages)] == [*packages]
    told = [read(path, content) for path, content in gathering.list_sources().items()]
    return {
        name: need for (_, name, _), need in gathering.resolve("linux/amd64", (*filter(None, told), *asked)).items()
    }


def requirements(text: str) -> tuple[Requirements, ...]:
    """Return what a requirements file asks for."""
    found = read("requirements.txt", text.encode())
    return (found,) if found else ()


def test_files_have_the_last_word() -> None:
    """What a requirements file names is asked for, and nothing else, whatever pip wrote down."""
    packages = [distribution("fastapi", "pydantic"), distribution("pydantic"), distribution("httpx")]
    assert needs(*packages, asked=requirements("fastapi")) == {
        "fastapi": Needs(required_by=(), requested=True),
        "pydantic": Needs(required_by=("fastapi",), requested=False),
        "httpx": Needs(required_by=(), requested=False),
    }


def test_files_that_do_not_count() -> None:
    """A file that names no package of the image says nothing of it; nor does one of another ecosystem."""
    npm = read("package.json", b'{"dependencies": {"httpx": "1"}}')
    assert npm
    found = needs(distribution("httpx"), asked=(*requirements("django"), npm))
    assert found == {"httpx": Needs(required_by=(), requested=True)}


def test_files_in_the_image() -> None:
    """An image may hold the file that asks for its packages; one that a package brought along asks for nothing."""
    packages = [distribution("fastapi"), distribution("httpx", more="srv/x/requirements.txt")]
    sources = {"app/requirements.txt": b"fastapi", "srv/x/requirements.txt": b"httpx"}
    assert {name: need.requested for name, need in needs(*packages, sources=sources).items()} == {
        "fastapi": True,
        "httpx": False,
    }


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ((True, False), (True, False)),
        ((True, None), (True, None)),
        ((False, False), (None, None)),
        ((None, None), (None, None)),
    ],
)
def test_the_managers_word(told: tuple[bool | None, ...], expected: tuple[bool | None, ...]) -> None:
    """Without any file, that nobody asked for a package counts where the manager says of another that somebody did."""
    for make in (distribution, system):
        found = needs(make("a", requested=told[0]), make("b", requested=told[1]))
        assert (found["a"].requested, found["b"].requested) == expected


@pytest.mark.parametrize(
    "command",
    [
        ("gunicorn", "app:app"),
        ("/venv/bin/gunicorn", "--workers=4"),
        ("python", "-m", "gunicorn.app"),
        ("/bin/sh", "-c", "exec gunicorn app:app"),
        ("/bin/sh", "-c", "migrate;gunicorn"),
        ("run", "--worker-class=gunicorn.workers.Sync"),
        ("run", "-k", "gunicorn.workers.Sync"),
    ],
)
def test_what_the_command_runs(command: tuple[str, ...]) -> None:
    """A package whose program or module the command names is required by it; one of a like name is not."""
    found = needs(distribution("gunicorn"), distribution("gunicorn-extra"), command=command)
    assert found["gunicorn"].required_by == (COMMAND,)
    assert found["gunicorn-extra"].required_by == ()


def test_long_command() -> None:
    """A command of many words and a package of many files do not cost time with the product of their numbers."""
    words = tuple(f"w{number}" for number in range(30_000))
    package = replace(distribution("a"), paths=tuple(f"{SITE}/a/m{number}.py" for number in range(30_000)))
    begin = time.process_time()
    assert needs(package, command=words)["a"].required_by == ()
    assert time.process_time() - begin < 3


def test_system_package_that_the_command_runs() -> None:
    """A package of the system that nobody asked for is required where the command runs its program."""
    packages = [system("nginx", requested=False, paths=("usr/sbin/nginx",)), system("bash", requested=True)]
    assert needs(*packages, command=("nginx", "-g", "daemon off;"))["nginx"].required_by == (COMMAND,)


def test_npm_package_that_the_command_runs() -> None:
    """Npm's packages list no files of programs: a command runs the package of its name."""
    npm = Package(kind="npm", name="next", version="1", paths=(), folders=("app/node_modules/next",), requested=False)
    assert needs(npm, command=("next", "start"))["next"].required_by == (COMMAND,)
    assert needs(npm, command=("node", "server.js"))["next"].required_by == ()


def test_application() -> None:
    """What was installed from the user's own folder is asked for by being there."""
    own = Package(kind="python", name="shop", version="1", paths=(), requires=("redis",), is_application=True)
    found = needs(own, distribution("redis", requested=False), distribution("flask", requested=None))
    assert found["shop"] == Needs(required_by=(), requested=True)
    assert found["redis"].required_by == ("shop",)


def test_distributions_that_other_packages_brought() -> None:
    """Nobody knows who asked for what a package of the system, or another distribution, has among its own files."""
    info = f"{SITE}/vendored-1.dist-info/METADATA"
    asked = requirements("fastapi")
    for other in (system("python3-vendored", paths=(info,)), distribution("setuptools", more=info)):
        found = needs(distribution("fastapi"), distribution("vendored"), other, asked=asked)
        assert found["vendored"].requested is None
        assert found["fastapi"].requested is True


def test_missing_metadata() -> None:
    """A package whose requirements are missing may require any other; what is required is known all the same."""
    bare = Package(kind="python", name="bare", version="1", paths=(), has_metadata=False)
    found = needs(bare, distribution("a", "b"), distribution("b"))
    assert (found["a"].required_by, found["b"].required_by) == (None, ("a",))


@pytest.mark.parametrize(
    ("path", "requested"), [("usr/lib/libx.so.1.2", None), ("usr/bin/x", False), ("a.sock", False)]
)
def test_shared_libraries(path: str, requested: bool | None) -> None:  # noqa: FBT001 - a case
    """A library of the system that nothing requires may be linked by what no package has."""
    found = needs(system("x", requested=False, paths=(path,)), system("bash", requested=True))
    assert found["x"].requested is requested


def test_two_environments() -> None:
    """A package of one version in two environments is there for whatever either needs."""
    other = "opt/lib/python3.13/site-packages"
    found = needs(
        distribution("a", "c"),
        distribution("c", requested=False),
        distribution("c", site=other),
        distribution("b", "c", site=other),
    )
    assert found["c"] == Needs(required_by=("a", "b"), requested=True)


PACKAGES = st.lists(
    st.builds(
        Package,
        kind=st.sampled_from(["python", "debian", "npm", "new"]),
        name=st.sampled_from("abc"),
        version=st.sampled_from(["", "1"]),
        paths=st.lists(st.sampled_from(["a.dist-info/RECORD", "x/bin/a", "x.so", ".egg-info"])).map(tuple),
        requires=st.lists(st.one_of(st.sampled_from("abc"), st.text())).map(tuple),
        provides=st.lists(st.sampled_from("abc")).map(tuple),
        requested=st.sampled_from([True, False, None]),
        is_application=st.booleans(),
        has_metadata=st.booleans(),
    ),
    max_size=6,
)


@given(PACKAGES, st.lists(st.lists(st.text())), st.text())
def test_anything(packages: list[Package], commands: list[list[str]], text: str) -> None:
    """Whatever databases and commands hold, each package gets an answer, and nothing is raised."""
    gathering = Gathering(commands, {"requirements.txt": text.encode(errors="replace")})
    passed = [*gathering.watch(packages)]
    found = gathering.resolve("linux/amd64", requirements(text) if text.isascii() else ())
    assert found.keys() == {(each.kind, each.name, each.version or None) for each in passed}
    for (_, name, _), need in found.items():
        assert name not in (need.required_by or ())
