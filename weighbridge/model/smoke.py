"""What the smoke test finds: the outcome of each rule, and what they prove about an image. Frozen values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from weighbridge.model.rules import Profile, Subject, build_title

Outcome = Literal["passed", "failed", "skipped", "waived", "noted"]
"""Of a rule. `skipped`: not tried, because a rule that it needs does not hold. `waived`: it does not hold, and the
settings say why that is accepted. `noted`: it does not hold, and only the profile `hardened` demands it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule of the smoke test, tried on one role of one variant."""

    role: Subject
    rule: str
    """Stable name, such as `runs-as-non-root`."""
    outcome: Outcome
    detail: str
    """What the rule saw. If it failed, why, in words that lead to the fix; if it was skipped, because of which rule."""
    seconds: float
    from_base: bool = False
    """Whether it does not hold because of the base image alone: nothing in the team's own layers breaks it."""

    @property
    def title(self) -> str:
        """The unique name of the rule, such as `worker ready`."""
        return build_title(self.role, self.rule)

    @property
    def ok(self) -> bool:
        """Whether the rule holds, is waived, or is not demanded."""
        return self.outcome in {"passed", "waived", "noted"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCounts:
    """How many rules had which outcome."""

    held: int
    failed: int
    waived: int
    """They were tried and do not hold, and invoke.yaml accepts that."""
    untried: int
    noted: int = 0
    """They were tried and do not hold, and only the profile `hardened` demands them."""

    @property
    def tried(self) -> int:
        """How many rules were tried, whatever came of it."""
        return self.held + self.failed + self.waived + self.noted

    @property
    def total(self) -> int:
        """How many rules there are."""
        return self.tried + self.untried


def count_outcomes(checks: Iterable[Check]) -> RuleCounts:
    """Return how many of these checks had which outcome."""
    counts = Counter(check.outcome for check in checks)
    return RuleCounts(
        held=counts["passed"],
        failed=counts["failed"],
        waived=counts["waived"],
        untried=counts["skipped"],
        noted=counts["noted"],
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
class TriedImage:
    """An image that roles ran from."""

    key: str
    """The variant, or the reference of an image that was there."""
    image_id: str
    """The engine's id of the image."""
    config_digest: str
    """Digest of the image's config: the same on every engine and from every source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the smoke test found out about one variant, or about several that run together."""

    variant: str
    """The variant; if roles run from several of them, all their names, with `+` between them."""
    seconds: float
    checks: tuple[Check, ...]
    """In the order in which the rules were tried."""
    profile: Profile = "hardened"
    """What was demanded."""
    images: tuple[TriedImage, ...] = ()
    """The images that were tried, that of the first API first."""
    log: str = ""
    """The last lines of the failing container's output; empty if no rule failed."""
    log_of: str = ""
    """Title of the rule that `log` explains."""
    logs: Mapping[str, str] = field(default_factory=dict)
    """Name of a container -> its whole output; empty if no rule failed."""
    figures: StartCosts = StartCosts()

    @property
    def ok(self) -> bool:
        """Whether no rule fails. One that was not tried needs another one, whose outcome says whether that matters."""
        return not any(check.outcome == "failed" for check in self.checks)

    @property
    def image_id(self) -> str:
        """The engine's id of the first image that was tried; empty: none is known."""
        return self.images[0].image_id if self.images else ""

    @property
    def config_digest(self) -> str:
        """Digest of the config of the first image that was tried; empty: none is known."""
        return self.images[0].config_digest if self.images else ""


def serialize_proof(proof: Proof) -> dict[str, Any]:
    """Return a proof as scripts get it, ready for JSON: everything but the logs."""
    counts = count_outcomes(proof.checks)
    return {
        "variant": proof.variant,
        "ok": proof.ok,
        "seconds": round(proof.seconds, 3),
        "profile": proof.profile,
        "image_id": proof.image_id,
        "images": {each.key: each.image_id for each in proof.images},
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
                "from_base": check.from_base,
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
    noted: int = 0
    """How many rules do not hold, which only the profile `hardened` demands."""
    profile: Profile = "hardened"
    """What was demanded."""
    figures: StartCosts = field(default_factory=StartCosts)
    """What the starts cost; variants that start side by side slow each other down."""

    @property
    def counts(self) -> RuleCounts:
        """How many rules had which outcome."""
        failed = len(self.failed)
        held = self.rules - failed - self.waived - self.untried - self.noted
        return RuleCounts(held=held, failed=failed, waived=self.waived, untried=self.untried, noted=self.noted)
