"""Names the steps of a build for people to read."""

from __future__ import annotations

import textwrap

from weighbridge.image.prelude import strip_prelude
from weighbridge.model.build import Step

_WIDTH = 100


def build_title(step: Step) -> str:
    """Return a step's name on one line, without what its instruction only sets up; a long one loses its end.

    Returns:
        `[builder 3/6] RUN pip install …`.
    """
    place, mark, instruction = " ".join(step.name.split()).partition("] ")
    return textwrap.shorten(f"{place}{mark}{strip_prelude(instruction)}", _WIDTH, placeholder=" …")
