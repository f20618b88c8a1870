"""A build's values: the title of a step."""

from __future__ import annotations

from weighbridge.model import build


def test_title_of_a_step_is_one_short_line() -> None:
    """Indentation shrinks to one blank, a long name ends in an ellipsis, and a short name stays unchanged."""
    long = build.Step(name="[builder 2/3] RUN apt-get update     && apt-get install " + "package " * 50)

    assert build.Step(name="[a 1/1] RUN x").title == "[a 1/1] RUN x"
    assert long.title.startswith("[builder 2/3] RUN apt-get update && apt-get install package")
    assert long.title.endswith(" …")
    assert len(long.title) <= 100
