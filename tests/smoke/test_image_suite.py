"""The rules on images: which there are of each, what they are called, and what they need."""

from __future__ import annotations

from typing import Any

from tests.support.fakes import contents, stack_of, with_roles
from weighbridge.smoke.image_suite import (
    build_health_rule,
    build_rules,
    list_checked_roles,
    list_python_images,
    title_image,
)
from weighbridge.smoke.rule import Rule
from weighbridge.smoke.stack.cast import Cast, use_alone

ALONE = use_alone("good", contents())
SEVERAL = Cast(images={"good": contents(), "front:1": contents(ports=("3000/tcp",))}, tested="good")
FRONT = {"api": {}, "worker": {}, "front": {"kind": "other", "image": "front:1", "health": ["check"], "ports": [3000]}}


def rules(cast: Cast, roles: dict[str, Any]) -> dict[str, Rule]:
    """Return the rules on images by their titles, each once."""
    found = [*build_rules(with_roles(roles), cast)]
    assert len({rule.title for rule in found}) == len(found)
    return {rule.title: rule for rule in found}


def test_one_image() -> None:
    """If there is one image, its rules need not name it; only that its Python starts is demanded in any case."""
    found = rules(ALONE, {})
    assert {rule.role for rule in found.values()} == {"image"}
    assert [title for title, rule in found.items() if rule.demanded_by == "works"] == ["image has-python"]
    assert found["image code-is-not-writable"].needs == ("image runs-as-non-root",)
    assert found["image libraries-resolve"].needs == ("image has-python",)
    assert title_image(ALONE, "good", "has-python") == "image has-python"


def test_several_images() -> None:
    """Each has its own rules, which name it; no Python is asked of an image of other roles alone."""
    found = rules(SEVERAL, FRONT)
    assert {rule.role for rule in found.values()} == {"good image", "front:1 image"}
    assert list_python_images(with_roles(FRONT), SEVERAL) == ("good",)
    assert "front:1 image no-compiler" in found
    assert [title for title in found if "has-python" in title] == ["good image has-python"]
    assert build_health_rule(with_roles(FRONT), SEVERAL, "good", str).title == "good image health-check-can-fail"
    assert list_checked_roles(with_roles(FRONT), SEVERAL, "front:1") == ()
    assert found["good image has-python"].log_of == "client"


def test_main_image_needs_python_in_any_case() -> None:
    """Our own programs are sent from the main image, so it has to have a Python, whoever runs from it."""
    settings = with_roles({"api": None, "worker": None, "front": {"kind": "other"}})
    assert list_python_images(settings, ALONE) == ("good",)
    assert list_checked_roles(settings, ALONE, "good") == ()


def test_each_image_is_judged_by_its_own_roles() -> None:
    """Ports and health checks of roles that run from another image do not count."""
    settings = with_roles(FRONT)
    found = {
        rule.title: rule.holds(stack_of(None, settings)) for rule in build_rules(settings, SEVERAL) if _is_of_file(rule)
    }
    assert found["good image declares-its-port"] == "8000/tcp"
    assert found["front:1 image declares-its-port"] == "none, and no role answers HTTP"
    assert found["front:1 image has-health-check"] == "each role has its own"
    assert found["good image has-health-check"] != "each role has its own"


def _is_of_file(rule: Rule) -> bool:
    return rule.name in {"declares-its-port", "has-health-check"}


def test_health_checks_of_the_settings() -> None:
    """If each role has its own health check, that of the image need not be there to be tried."""
    own = with_roles({name: {"health": ["check"]} for name in ("api", "worker")})
    assert build_health_rule(own, ALONE, "good", str).needs == ("image has-python",)
    some = with_roles({"api": {"health": ["check"]}})
    assert build_health_rule(some, ALONE, "good", str).needs == ("image has-python", "image has-health-check")
