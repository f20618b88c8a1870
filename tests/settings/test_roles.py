"""The roles of an application: which there are by default, of which kind each is, and what only some kinds have."""

from __future__ import annotations

from typing import Any

import pytest

from weighbridge.errors import SettingsError
from weighbridge.settings.project import Settings, check

VARIANTS: dict[str, Any] = {"good": {}}


def roles(values: Any, **smoke: Any) -> Settings:
    """Return settings with these roles."""
    return check({"variants": VARIANTS, "roles": values, "smoke": smoke})


def kinds(values: Any) -> dict[str, str]:
    """Return name -> kind of the roles that settings have."""
    return {name: role.kind for name, role in roles(values).roles.items()}


def refuse(values: Any, **smoke: Any) -> str:
    """Return why settings with these roles are wrong."""
    with pytest.raises(SettingsError) as caught:
        roles(values, **smoke)
    assert "\n" not in str(caught.value)
    return caught.value.message.removeprefix("settings: ")


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, {"api": "api", "worker": "worker"}),
        ({"api": {"port": 9000}}, {"worker": "worker", "api": "api"}),
        ({"worker": None}, {"api": "api"}),
        ({"api": None, "worker": None}, {}),
        ({"web": {"kind": "api"}}, {"web": "api"}),
        ({"web": {"kind": "api"}, "mails": {"kind": "worker"}}, {"web": "api", "mails": "worker"}),
        ({"beat": {}}, {"beat": "beat"}),
        ({"api": {}, "front": {"kind": "other"}}, {"api": "api", "front": "other"}),
        ({"api": {"kind": "other"}}, {"worker": "worker", "api": "other"}),
    ],
)
def test_which_roles_there_are(values: Any, found: dict[str, str]) -> None:
    """An API and a worker, unless null stands in their place, or another role is named: then all are."""
    assert kinds(values) == found


def test_order() -> None:
    """Roles start in the order of the settings, after those that there are by default."""
    assert [*kinds({"b": {"kind": "api"}, "worker": {}, "a": {"kind": "other"}})] == ["b", "worker", "a"]
    assert [*kinds({"api": {}})] == ["worker", "api"]


def test_defaults_of_each_kind() -> None:
    """Each role has the defaults of its kind, and what finds roles by their kind finds it."""
    settings = roles({"web": {"kind": "api"}, "admin": {"kind": "api", "port": 9000}, "mails": {"kind": "worker"}})
    assert settings.api_names == ("web", "admin")
    assert settings.worker_names == ("mails",)
    assert (settings.get_api("web").port, settings.get_api("admin").port) == (8000, 9000)
    assert (settings.get_worker("mails").slow_job, settings.get_role("mails").grace_seconds) == (None, 20)
    assert [settings.find_api_for(role) for role in ("admin", "mails", "stack")] == ["admin", "web", "web"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"web": {}}, "roles: web.kind: it has to be api, worker, beat or other"),
        ({"web": {"kind": "cron"}}, "roles: web.kind: it has to be api, worker, beat or other"),
        ({"api": {"slow_job": ["x"]}}, "roles.api.slow_job: there is no such setting; choose from "),
        ({"worker": {"port": 1}}, "roles.worker.port: there is no such setting; choose from "),
        ({"beat": {"headers": {}}}, "roles.beat.headers: there is no such setting; choose from "),
        ({"web": {"kind": "other", "live": "/"}}, "roles.web.live: there is no such setting; choose from "),
        ({"Web": {"kind": "other"}}, "roles.Web: 'Web' is no name of lower-case letters, digits and `-`"),
        ({"client": {"kind": "other"}}, "roles.client: client is the name of a container of ours"),
        ({"x" * 41: {"kind": "other"}}, f"roles.{'x' * 41}: "),
        ({"api": "web"}, "roles.api: it has to be a section with keys"),
        (["api"], "roles: it has to be a section with keys"),
        ({"api": {"variant": "bad"}}, "roles.api.variant: there is no bad; choose from good"),
        ({"api": {"variant": "good", "image": "x"}}, "roles.api: it runs from one image: give `variant` or `image`"),
        ({"worker": {"aliases": ["api"]}}, "two roles or services have the name or alias `api`"),
        ({"worker": {"aliases": ["redis"]}}, "two roles or services have the name or alias `redis`"),
        ({"api": {"aliases": ["a"]}, "worker": {"aliases": ["a"]}}, "two roles or services have the name or alias `a`"),
    ],
)
def test_roles_that_are_none(values: Any, words: str) -> None:
    """What is wrong is named by its key, in one line; a key of another kind is unknown."""
    assert refuse(values).startswith(words)


def test_keys_that_may_be_chosen_are_those_of_the_kind() -> None:
    """The advice on an unknown key names those of this kind of role, and of no other."""
    of_a_worker, of_an_api = refuse({"worker": {"prot": 1}}), refuse({"api": {"prot": 1}})
    assert "slow_job" in of_a_worker
    assert "openapi" not in of_a_worker
    assert "openapi" in of_an_api
    assert "slow_job" not in of_an_api
    assert "grace_seconds" in of_a_worker
    assert "grace_seconds" in of_an_api


@pytest.mark.parametrize(
    ("smoke", "words"),
    [
        (
            {"before": {"migrate": {"role": "web"}}},
            "smoke.before.migrate.role: there is no web; choose from api, worker",
        ),
        ({"before": {"migrate": {"variant": "x"}}}, "smoke.before.migrate.variant: there is no x; choose from good"),
        (
            {"probes": [{"rule": "a", "role": "web", "steps": [{"get": "/"}]}]},
            "smoke.probes.0.role: there is no web; choose from api, worker, stack",
        ),
    ],
)
def test_names_of_roles_elsewhere(smoke: dict[str, Any], words: str) -> None:
    """Wherever the settings name a role or a variant, there has to be one."""
    assert refuse({}, **smoke) == words


def test_probes_without_an_api() -> None:
    """A request needs somebody who answers."""
    probe = {"rule": "a", "steps": [{"get": "/"}]}
    assert (
        refuse({"api": None}, probes=[probe]) == "smoke.probes: no role is of kind `api`, so nobody answers a request"
    )


def test_services_that_are_removed() -> None:
    """Null in the place of a service removes it, such as one that a compose file names."""
    settings = roles({}, services={"db": {"image": "postgres:17"}, "mail": None})
    assert [*settings.services] == ["db"]
    assert [*roles({}, before={"migrate": {}, "seed": None}).smoke.before] == ["migrate"]


def test_read_again() -> None:
    """Settings are the same after they were written and read again, whatever their roles are called."""
    settings = roles({"web": {"kind": "api", "memory": "1 GiB"}, "beat": {}})
    assert check(settings.model_dump(mode="json")).roles == settings.roles
