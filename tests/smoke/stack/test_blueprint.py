"""What each container of a stack is given: its image, its command, its variables and files, and how it is confined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.fakes import contents, with_roles
from weighbridge.model.container import ContainerSpec
from weighbridge.model.rules import Profile
from weighbridge.settings.project import Settings
from weighbridge.smoke.stack.blueprint import Blueprint
from weighbridge.smoke.stack.cast import Cast, use_alone
from weighbridge.smoke.stack.runs import Run

RUN = "weighbridge-00000000-1-00000000"
ALONE = use_alone("good", contents(image_id="sha256:good", entrypoint=("run",), command=("serve",)))
SEVERAL = Cast(
    images={"good": contents(image_id="sha256:good"), "front:1": contents(image_id="sha256:front", command=("node",))},
    tested="good",
)
"""The images of `front` and of all others."""


def blueprint(settings: Settings, cast: Cast = ALONE, **more: Any) -> Blueprint:
    """Return a blueprint for settings."""
    services = {name: service.image for name, service in settings.services.items()}
    return Blueprint(
        settings=settings, cast=cast, services=services, run=Run("00000000-1-00000000", keep=False), **more
    )


def spec(kind: str, roles: Mapping[str, Any], cast: Cast = ALONE, **smoke: Any) -> ContainerSpec:
    """Return the spec of a container of settings with these roles."""
    return blueprint(with_roles(roles, **smoke), cast).build_spec(kind, kind)


@pytest.mark.parametrize("kind", ["api", "worker", "client", "migrate"])
@pytest.mark.parametrize(
    ("profile", "confined"),
    [
        ("hardened", (True, ("ALL",), ("no-new-privileges:true",), {"/tmp": "mode=1777"})),  # noqa: S108 - in there
        ("works", (False, (), (), {})),
    ],
)
def test_confinement(kind: str, profile: Profile, confined: tuple[Any, ...]) -> None:
    """`hardened` confines whatever runs from an image of the application; `works` leaves it as an engine starts it."""
    made = spec(kind, {}, profile=profile, before={"migrate": {}})
    tmpfs = {path: options.partition(",")[0] for path, options in made.tmpfs.items()}
    assert (made.read_only, made.drop_capabilities, made.security_options, tmpfs) == confined


def test_role_with_a_writable_root() -> None:
    """A role whose root need not be read-only keeps all other limits."""
    made = spec("api", {"api": {"read_only": False}})
    assert (made.read_only, made.drop_capabilities) == (False, ("ALL",))


@pytest.mark.parametrize(
    ("role", "line", "given"),
    [
        ({}, ("run", "serve"), ((), ())),
        ({"command": ["work"]}, ("run", "work"), ((), ("work",))),
        ({"entrypoint": ["start"]}, ("start",), (("start",), ())),
        ({"entrypoint": ["start"], "command": ["work"]}, ("start", "work"), (("start",), ("work",))),
    ],
)
def test_command_line(role: dict[str, Any], line: tuple[str, ...], given: tuple[Any, Any]) -> None:
    """As in Compose, an entrypoint of the settings replaces the image's command, too."""
    assert blueprint(with_roles({"api": role})).build_command_line("api") == line
    made = spec("api", {"api": role})
    assert (made.entrypoint, made.command) == given


def test_what_a_role_is_given() -> None:
    """User, folder and host name are its own; only the container of its name has its further names."""
    plan = blueprint(with_roles({"api": {"user": 7, "working_dir": "/srv", "aliases": ["web.internal"]}}))
    own, idle = plan.build_spec("api", "api"), plan.build_spec("api", "idle-api")
    assert (own.name, own.hostname, own.aliases) == (f"{RUN}-api", "api", ("api", "web.internal"))
    assert (idle.name, idle.hostname, idle.aliases) == (f"{RUN}-idle-api", "idle-api", ("idle-api",))
    assert (own.user, own.working_dir) == (idle.user, idle.working_dir) == ("7", "/srv")
    plain = plan.build_spec("worker", "worker")
    assert (plain.user, plain.working_dir) == ("", "")


def test_variables() -> None:
    """Those of a role override those of all roles, and those that faults need override both."""
    roles = {"api": {"environment": {"B": "role", "C": "role"}}}
    settings = with_roles(roles, environment={"A": "all", "B": "all", "C": "all"})
    made = blueprint(settings, environment={"C": "fault"}).build_spec("api", "api")
    assert dict(made.environment) == {"A": "all", "B": "role", "C": "fault"}


def test_client_has_the_variables_of_the_first_worker() -> None:
    """Commands of the settings run in the client, and where roles differ, most of them concern the first worker."""
    roles = {
        "api": {"environment": {"NAME": "api", "PORT": "1"}, "user": "1"},
        "mails": {"kind": "worker", "environment": {"NAME": "mails"}, "user": "2"},
        "texts": {"kind": "worker", "environment": {"NAME": "texts", "DEPTH": "3"}, "user": "3"},
    }
    made = spec("client", roles, environment={})
    assert dict(made.environment) == {"NAME": "mails", "PORT": "1", "DEPTH": "3"}
    assert made.user == "2"


def test_each_image_has_a_client() -> None:
    """Commands about a role are sent from its own image; the first client is that of the main image."""
    plan = blueprint(with_roles({"front": {"kind": "other", "image": "front:1", "memory": "1 GiB"}}), SEVERAL)
    assert [plan.name_client(key) for key in ("good", "front:1")] == ["client", "client-2"]
    assert [plan.find_key(kind) for kind in ("api", "front", "client", "client-2", "stubs")] == [
        *("good", "front:1", "good", "front:1", "good"),
    ]
    assert plan.build_spec("front", "front").image == plan.build_spec("client-2", "client-2").image == "sha256:front"
    assert plan.build_spec("api", "api").image == plan.build_spec("client", "client").image == "sha256:good"
    assert plan.build_command_line("front") == ("node",)
    limits = [plan.build_spec(client, client).memory_bytes for client in ("client", "client-2")]
    assert limits == [2**29, 2**30]


def test_writable_folders() -> None:
    """A folder is the container's own unless it has a name, by which containers share what is there."""
    roles = {"api": {"writable": ["/cache", "files:/srv/files"]}, "worker": {"writable": ["files:/in"]}}
    assert dict(spec("api", roles).volumes) == {
        RUN: "/data",
        f"{RUN}-api-own-0": "/cache",
        f"{RUN}-shared-files": "/srv/files",
    }
    assert dict(spec("worker", roles).volumes) == {RUN: "/data", f"{RUN}-shared-files": "/in"}
    assert dict(spec("worker", roles, data=None).volumes) == {f"{RUN}-shared-files": "/in"}
    plan = blueprint(with_roles(roles))
    assert f"{RUN}-idle-api-own-0" in plan.build_spec("api", "idle-api").volumes


def test_files() -> None:
    """Each container has the copies that were made for it, the client those of all roles of its image."""
    copies = {("api", "/a"): "/copies/0", ("worker", "/w"): "/copies/1", ("redis", "/r"): "/copies/2"}
    plan = blueprint(with_roles({}), copies=copies)
    mounts = {kind: dict(plan.build_spec(kind, kind).read_only_mounts) for kind in ("api", "worker", "redis", "client")}
    assert mounts == {
        "api": {"/copies/0": "/a"},
        "worker": {"/copies/1": "/w"},
        "redis": {"/copies/2": "/r"},
        "client": {"/copies/0": "/a", "/copies/1": "/w"},
    }


OF_THE_API = {
    "user": "7",
    "working_dir": "/srv",
    "environment": {"A": "api", "B": "api"},
    "writable": ["files:/files"],
}


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ({}, ("sha256:good", "7", "/srv", {"A": "api", "B": "api"}, True)),
        (
            {"user": "8", "working_dir": "/x", "environment": {"B": "own"}},
            ("sha256:good", "8", "/x", {"A": "api", "B": "own"}, True),
        ),
        ({"role": "front"}, ("sha256:front", "", "", {"F": "1"}, False)),
        ({"image": "front:1"}, ("sha256:front", "", "", {}, False)),
        ({"role": "api", "image": "front:1"}, ("sha256:front", "7", "/srv", {"A": "api", "B": "api"}, True)),
    ],
)
def test_what_runs_first(command: dict[str, Any], expected: tuple[object, ...]) -> None:
    """A command has what its role has, unless it says otherwise; the first API is its role if it names no image."""
    roles = {"api": OF_THE_API, "front": {"kind": "other", "image": "front:1", "environment": {"F": "1"}}}
    made = spec("migrate", roles, SEVERAL, environment={}, before={"migrate": {"command": ["up"], **command}})
    shares = f"{RUN}-shared-files" in made.volumes
    assert (made.image, made.user, made.working_dir, dict(made.environment), shares) == expected
    assert made.command == ("up",)


def test_what_runs_first_without_an_api() -> None:
    """Where no role answers HTTP, a command has the image that is tested, and nothing else."""
    made = spec("migrate", {"api": None}, before={"migrate": {}})
    assert (made.image, made.user) == ("sha256:good", "")
