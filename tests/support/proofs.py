"""Proofs as smoke tests end: one that holds, one with a rule waived, one that only works, one that fails."""

from __future__ import annotations

from dataclasses import replace

from weighbridge.model.rules import Subject
from weighbridge.model.smoke import Check, Outcome, Proof, StartCosts


def check(
    role: Subject, rule: str, seconds: float = 0.01, outcome: Outcome = "passed", detail: str = "as it should"
) -> Check:
    """Return a check."""
    return Check(role=role, rule=rule, outcome=outcome, detail=detail, seconds=seconds)


REFUSED = "no worker answered within 60 s, and its log ends with a refused connection to redis:6379; set REDIS_URL"


SETUID = check("image", "no-setuid-files", 0.02, "waived", "/usr/bin/newgrp is setuid; waived: it is the customer's")


CHECKS = (
    check("image", "runs-as-non-root", detail="user 10001"),
    check("stack", "redis-starts", 0.31),
    check("api", "becomes-healthy", 1.26, detail="healthy after 1.3 s"),
    check("worker", "ready", 12.04, detail="answered a ping"),
    check("worker", "finishes-running-job-on-sigterm", 2.6, detail="the job was done, and then it ended by itself"),
    check("stack", "no-error-in-logs", 0.049, detail="no line of 214"),
)


FIGURES = StartCosts(
    api_live_seconds=0.84,
    api_ready_seconds=1.26,
    worker_ready_seconds=2.2,
    api_memory_bytes=71_234_000,
    worker_memory_bytes=88_400_000,
)


GOOD = Proof(variant="minimal", seconds=17.2, checks=CHECKS, figures=FIGURES)


WAIVED = Proof(variant="single", seconds=17.31, checks=(SETUID, *CHECKS), figures=FIGURES)


WORKS = Proof(
    variant="multi",
    seconds=16.9,
    profile="works",
    checks=(
        check("image", "no-compiler", 0.01, "noted", "/usr/bin/gcc is a compiler; build in another stage"),
        check(
            "image",
            "runs-as-non-root",
            0.01,
            "noted",
            "names no user, so it runs as root; end its Dockerfile with `USER 1`",
        ),
        check(
            "image", "code-is-not-writable", 0, "skipped", "not tried, because `image runs-as-non-root` does not hold"
        ),
        check("before", "migrate", 0.8, detail="exited with code 0 after 0.8 s"),
        *CHECKS[2:],
    ),
    figures=FIGURES,
)
"""What works, though not hardened."""


FAILED = Proof(
    variant="multi",
    seconds=63.5,
    checks=(
        CHECKS[0],
        SETUID,
        *CHECKS[1:3],
        check("worker", "ready", 60.04, "failed", REFUSED),
        check("worker", "finishes-running-job-on-sigterm", 0, "skipped", "worker ready does not hold"),
        check("stack", "no-error-in-logs", 0.3, "failed", "the worker logged\n3 error lines"),
    ),
    log="Traceback",
    figures=replace(FIGURES, worker_ready_seconds=None),
)
