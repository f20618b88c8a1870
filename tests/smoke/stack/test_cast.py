"""Which images run together: one for all roles, one for each of some, or several that the settings name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.fakes import contents
from weighbridge.errors import SettingsError
from weighbridge.settings.project import Settings, check
from weighbridge.smoke.stack.cast import Cast, list_keys, use_alone

VARIANTS = ("a", "b", "c")
IMAGES = st.sampled_from([{}, *({"variant": name} for name in VARIANTS), {"image": "front:1"}, {"image": "other:2"}])
ROLES = st.lists(st.tuples(st.sampled_from(["api", "worker", "beat", "other"]), IMAGES), min_size=1, max_size=5)


def settings(*roles: tuple[str, dict[str, str]], before: dict[str, Any] | None = None) -> Settings:
    """Return settings with three variants and these roles, each of a kind and with what names its image."""
    named = {f"r{number}": {"kind": kind, **image} for number, (kind, image) in enumerate(roles)}
    nobody = dict.fromkeys(("api", "worker"))
    return check(
        {"variants": {name: {} for name in VARIANTS}, "roles": {**nobody, **named}, "smoke": {"before": before or {}}}
    )


@given(ROLES, st.sets(st.sampled_from(VARIANTS), min_size=1))
def test_stacks(roles: list[tuple[str, dict[str, str]]], wanted: set[str]) -> None:
    """Each stack has the image of every role, once; the first is that of the first API, or else of the first role."""
    chosen = settings(*roles)
    names = [role.image_key for role in chosen.roles.values()]
    assume(not all(names) or wanted & {*names})
    found = list_keys(chosen, wanted)
    assert found
    for name, keys in found.items():
        own = [role.image_key or name for role in chosen.roles.values()]
        assert {*keys} == {*own}
        assert len({*keys}) == len(keys)
        kinds = [role.kind for role in chosen.roles.values()]
        assert keys[0] == own[kinds.index("api") if "api" in kinds else 0]
        cast = Cast(images={key: contents() for key in keys}, tested=name if name in VARIANTS else "")
        assert cast.name == name
        assert [cast.find_key(role) for role in chosen.roles.values()] == own
    free = {name for name in VARIANTS if name not in names}
    if all(names):
        assert len(found) == 1
    elif free & wanted:
        assert found.keys() == free & wanted
    else:
        assert found.keys() == (free or {*VARIANTS} & wanted or {*VARIANTS})


def test_one_image_for_all() -> None:
    """Without names of images each variant that was asked for is a stack of its own."""
    assert list_keys(settings(("api", {}), ("worker", {})), ["b", "a"]) == {"a": ("a",), "b": ("b",)}


def test_image_beside_the_variants() -> None:
    """An image that a role names runs beside each variant, and is none of those that are tested one by one."""
    chosen = settings(("other", {"image": "front:1"}), ("api", {}), ("worker", {"variant": "c"}))
    assert list_keys(chosen, VARIANTS) == {"a": ("a", "front:1", "c"), "b": ("b", "front:1", "c")}


def test_command_with_an_image_of_its_own() -> None:
    """The image of a command that runs first is there, too; a command without one has that of its role."""
    chosen = settings(("api", {"variant": "a"}), before={"migrate": {"image": "flyway:1"}, "seed": {}})
    assert list_keys(chosen, VARIANTS) == {"a+flyway:1": ("a", "flyway:1")}


def test_variant_from_which_nothing_runs() -> None:
    """If each role names its image, asking only for another variant is an error that names those that there are."""
    chosen = settings(("api", {"variant": "a"}), ("worker", {"variant": "b"}))
    with pytest.raises(SettingsError) as caught:
        list_keys(chosen, ["c"])
    assert str(caught.value) == ("No role runs from variant c. Name it as `variant` of a role, or choose from a, b.")
    assert list_keys(chosen, ["b", "c"]) == list_keys(chosen, VARIANTS) == {"a+b": ("a", "b")}


def test_no_role() -> None:
    """Without a role there is nothing to test."""
    with pytest.raises(SettingsError, match="There is no role to test"):
        list_keys(settings(), ["b"])


def test_alone() -> None:
    """A cast of one variant has its name and its image, for whatever names none."""
    good = contents()
    cast = use_alone("good", good)
    assert (cast.main, cast.name, cast.get("good")) == ("good", "good", good)
