"""The titles of a build's steps."""

from __future__ import annotations

import pytest

from weighbridge.build.steps import build_title
from weighbridge.model.build import Step


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("[builder 2/3] RUN pip install", "[builder 2/3] RUN pip install"),
        ("[2/3] RUN set -eux;     apt-get install   curl", "[2/3] RUN apt-get install curl"),
        (
            "[a 5/6] RUN --mount=type=secret,id=ca if [ -s /run/ca ]; then export CA=/run/ca; fi && pip install shop",
            "[a 5/6] RUN pip install shop",
        ),
        ("[a 1/2] RUN export A=b", "[a 1/2] RUN export A=b"),
        ("[a 1/2] COPY . .", "[a 1/2] COPY . ."),
        ("exporting to image", "exporting to image"),
        (f"[a 1/2] RUN make {'word ' * 30}", f"[a 1/2] RUN make {'word ' * 16}…"),
    ],
)
def test_title(name: str, title: str) -> None:
    """A title is one line of what the step does, cut between words at a hundred characters."""
    assert build_title(Step(name=name)) == title
    assert len(title) <= 100
