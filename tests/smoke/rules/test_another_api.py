"""One more API beside the roles: what differs, and that it is removed whatever happens."""

from __future__ import annotations

import pytest

from tests.support.fakes import FakeEngine, answered, refused, stack_on
from weighbridge.smoke.rules.another_api import run_another_api

OK, AWAY = answered((200, "ok")), answered((503, "no"))


def test_differs_and_is_removed() -> None:
    """It has its own name and the changed fields, and is gone after the block, also after an exception."""
    engine = FakeEngine(outputs=[AWAY, OK])

    def use() -> None:
        stack = stack_on(engine, timeout_seconds=5)
        with run_another_api(stack, "api-small", "it is not live", open_files=7) as client:
            assert (client.role, client.host) == ("api", "api-small")
            assert engine.removed == []
            raise KeyError

    with pytest.raises(KeyError):
        use()
    (spec,) = engine.specs
    assert (spec.aliases, spec.open_files) == (("api-small",), 7)
    assert engine.removed == [spec.name]


def test_is_never_live() -> None:
    """If it does not become live, the reason begins with the words that the caller gave, and it is removed."""
    engine = FakeEngine(outputs=[AWAY] * 900)

    def use() -> None:
        with run_another_api(stack_on(engine), "api-small", "a small API is not live"):
            pass

    assert refused(use).startswith("a small API is not live after 0.01 s: GET /livez answered 503")
    assert engine.removed == [engine.specs[0].name]
