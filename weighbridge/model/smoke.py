"""What the smoke test finds: the outcome of each rule, and what they prove about an image. Frozen values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

RoleName = Literal["api", "worker"]
"""The two things that every image runs as."""
CheckRole = Literal["image", RoleName, "stack", "fault"]
"""What a rule is about: the image, one of its two roles, both together, or a fault that the test causes."""
Outcome = Literal["passed", "failed", "skipped", "waived"]
"""Of a rule. `skipped`: not tried, because a rule that it needs failed. `waived`: it does not hold, and invoke.yaml
says why that is accepted."""


def build_title(role: CheckRole, rule: str) -> str:
    """Return the unique name of a rule, such as `worker ready`."""
    return f"{role} {rule}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule of the smoke test, tried on one role of one variant."""

    role: CheckRole
    rule: str
    """Stable name, such as `runs-as-non-root`."""
    outcome: Outcome
    detail: str
    """What the rule saw. If it failed, why, in words that lead to the fix; if it was skipped, because of which rule."""
    seconds: float

    @property
    def title(self) -> str:
        """The unique name of the rule, such as `worker ready`."""
        return build_title(self.role, self.rule)

    @property
    def ok(self) -> bool:
        """Whether the rule holds or is waived."""
        return self.outcome in {"passed", "waived"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCounts:
    """How many rules had which outcome."""

    held: int
    failed: int
    waived: int
    """They were tried and do not hold, and invoke.yaml accepts that."""
    untried: int

    @property
    def tried(self) -> int:
        """How many rules were tried, whatever came of it."""
        return self.held + self.failed + self.waived

    @property
    def total(self) -> int:
        """How many rules there are."""
        return self.tried + self.untried


def count_outcomes(checks: Iterable[Check]) -> RuleCounts:
    """Return how many of these checks had which outcome."""
    counts = Counter(check.outcome for check in checks)
    return RuleCounts(
        held=counts["passed"], failed=counts["failed"], waived=counts["waived"], untried=counts["skipped"]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCosts:
    """What it takes to start the roles; None: not measured."""

    api_live_seconds: float | None = None
    api_ready_seconds: float | None = None
    worker_ready_seconds: float | None = None
    api_memory_bytes: int | None = None
    worker_memory_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the smoke test found out about one variant."""

    variant: str
    seconds: float
    checks: tuple[Check, ...]
    """In the order in which the rules were tried."""
    image_id: str = ""
    """The engine's id of the image that was tried."""
    config_digest: str = ""
    """Digest of that image's config: the same on every engine and from every source."""
    log: str = ""
    """The last lines of the failing container's output; empty if no rule failed."""
    log_of: str = ""
    """Title of the rule that `log` explains."""
    logs: Mapping[str, str] = field(default_factory=dict)
    """Name of a container -> its whole output; empty if no rule failed."""
    figures: StartCosts = StartCosts()

    @property
    def ok(self) -> bool:
        """Whether every rule holds or is waived."""
        return all(check.ok for check in self.checks)


def serialize_proof(proof: Proof) -> dict[str, Any]:
    """Return a proof as scripts get it, ready for JSON: everything but the logs."""
    counts = count_outcomes(proof.checks)
    return {
        "variant": proof.variant,
        "ok": proof.ok,
        "seconds": round(proof.seconds, 3),
        "image_id": proof.image_id,
        "rules": {"tried": counts.tried, **asdict(counts)},
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
    """The result of the last smoke test of exactly this image."""

    ok: bool
    at: str
    """UTC, ISO 8601, whole seconds, ending in `Z`."""
    rules: int
    """How many rules there were, tried or not."""
    failed: tuple[str, ...]
    """Titles of the rules that failed, such as `worker ready`."""
    waived: int = 0
    """How many rules do not hold, which invoke.yaml accepts."""
    untried: int = 0
    """How many rules were not tried, because another one failed. Results kept before this was counted have 0."""
    figures: StartCosts = field(default_factory=StartCosts)
    """What the starts cost; variants that start side by side slow each other down."""

    @property
    def counts(self) -> RuleCounts:
        """How many rules had which outcome."""
        failed = len(self.failed)
        held = self.rules - failed - self.waived - self.untried
        return RuleCounts(held=held, failed=failed, waived=self.waived, untried=self.untried)
