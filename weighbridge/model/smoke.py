"""What the smoke test finds: rules that were tried, and what they prove of an image. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Outcome = Literal["passed", "failed", "skipped", "waived"]
"""Of a rule. `skipped`: not tried, because a rule that it needs failed. `waived`: it does not hold, and invoke.yaml
says why that is accepted."""


def title_of(role: str, rule: str) -> str:
    """Return what a rule is called among others, such as `worker ready`."""
    return f"{role} {rule}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule of the smoke test, tried on one role of one variant."""

    role: str
    """`image`, `api`, `worker`, `stack` or `fault`."""
    rule: str
    """Stable name, such as `runs-as-non-root`."""
    outcome: Outcome
    detail: str
    """What was seen; where it failed, why, in words that lead to the fix; where it was skipped, for which rule."""
    seconds: float

    @property
    def title(self) -> str:
        """What the rule is called among others."""
        return title_of(self.role, self.rule)

    @property
    def ok(self) -> bool:
        """Whether it holds, or need not."""
        return self.outcome in {"passed", "waived"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCosts:
    """What starts of the roles cost; None is what was not measured."""

    api_live_seconds: float | None = None
    api_ready_seconds: float | None = None
    worker_ready_seconds: float | None = None
    api_memory_bytes: int | None = None
    worker_memory_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the smoke test found of one variant."""

    variant: str
    seconds: float
    checks: tuple[Check, ...]
    """In the order in which they were tried."""
    image_id: str = ""
    """What the engine calls the very image that was tried."""
    config_digest: str = ""
    """What every engine and every source calls it."""
    log: str = ""
    """The last lines of the failing container's output; empty where all held."""
    log_of: str = ""
    """Role and name of the rule that it tells about."""
    logs: Mapping[str, str] = field(default_factory=dict)
    """A container's role -> its whole output; empty where all held."""
    figures: StartCosts = StartCosts()

    @property
    def ok(self) -> bool:
        """Whether every rule holds, or need not."""
        return all(check.ok for check in self.checks)


def as_object(proof: Proof) -> dict[str, Any]:
    """Return what scripts get of a proof: all but the logs."""
    return {
        "variant": proof.variant,
        "ok": proof.ok,
        "seconds": round(proof.seconds, 3),
        "image_id": proof.image_id,
        "figures": asdict(proof.figures),
        "checks": [
            {
                "role": check.role,
                "rule": check.rule,
                "ok": check.ok,
                "outcome": check.outcome,
                "detail": check.detail,
                "seconds": round(check.seconds, 3),
            }
            for check in proof.checks
        ],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the last smoke test of exactly this image went."""

    ok: bool
    at: str
    """UTC, ISO 8601, whole seconds, ending in `Z`."""
    rules: int
    """How many were tried or skipped."""
    failed: tuple[str, ...]
    """Titles of the rules that do not hold, such as `worker ready`."""
    waived: int = 0
    """How many do not hold, and are accepted in invoke.yaml."""
    figures: StartCosts = field(default_factory=StartCosts)
    """What the starts cost; several variants that are started side by side slow each other down."""
