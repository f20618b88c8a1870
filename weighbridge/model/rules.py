"""What a rule of the smoke test is about, what it is called, and how much is demanded.

Settings need no more of `smoke.py`, whose values take as long to define as all of a record's.
"""

from __future__ import annotations

from typing import Literal

RoleKind = Literal["api", "worker", "beat", "other"]
"""What a role does: answers HTTP, runs jobs, sends jobs by a schedule, or something that only shows by running."""
Profile = Literal["works", "hardened"]
"""What the smoke test demands: that the application works, or that it does so confined, from an image fit for that."""
Subject = str
"""What a rule is about: `image`, `before`, the name of a role, `stack`: all of them together, or `fault`: a fault that
the test causes. If roles run from several images, `IMAGE image`."""


def build_title(role: Subject, rule: str) -> str:
    """Return the unique name of a rule, such as `worker ready`."""
    return f"{role} {rule}"
