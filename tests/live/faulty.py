"""Images that are each wrong in one way, and the rule that must tell: Dockerfiles in `broken`, on `other`'s image."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).with_name("broken")
FAULTS: tuple[tuple[str, str], ...] = (
    ("root", "image runs-as-non-root"),
    ("shell-form", "image command-is-exec-form"),
    ("no-health-check", "image has-health-check"),
    ("lying-health-check", "image health-check-can-fail"),
    ("lying-worker-check", "image health-check-can-fail"),
    ("undeclared-port", "image declares-its-port"),
    ("secret-in-environment", "image no-secrets-in-config"),
    ("secret-deleted", "image no-secrets-in-layers"),
    ("setuid", "image no-setuid-files"),
    ("code-owned-by-user", "image code-is-not-writable"),
    ("compiler", "image no-compiler"),
    ("package-cache", "image no-package-cache"),
    ("vcs", "image no-vcs-folder"),
    ("tests", "image no-test-suite"),
    ("env-file", "image no-env-file"),
    ("tool-files", "image no-tool-files"),
    ("foreign-extension", "image code-is-for-this-platform"),
    ("missing-library", "image libraries-resolve"),
    ("no-python", "image has-python"),
    ("command-not-found", "api starts"),
    ("writes-to-root", "api runs-on-read-only-root"),
    ("beat-without-a-place", "worker runs-on-read-only-root"),
    ("other-user", "api uid"),
    ("volume", "api root-filesystem-is-read-only"),
    ("sick-health-check", "api becomes-healthy"),
    ("loopback-only", "api live"),
    ("refuses-the-host", "api live"),
    ("opens-another-port", "api listens-where-declared"),
    ("never-ready", "api ready"),
    ("no-openapi", "api serves-openapi"),
    ("fails-a-get", "api answers-every-get"),
    ("describes-other-paths", "api answers-every-get"),
    ("ends-by-itself", "api keeps-running"),
    ("drops-request-in-flight", "api finishes-request-in-flight"),
    ("ignores-sigterm", "api stops-on-sigterm"),
    ("wrong-app-name", "worker starts"),
    ("unreachable-redis", "worker becomes-healthy"),
    ("worker-without-redis", "worker ready"),
    ("version-skew", "worker registers-its-jobs"),
    ("counts-wrong", "stack counts-words"),
    ("queue-of-its-own", "stack counts-words"),
    ("loses-running-job", "worker finishes-running-job-on-sigterm"),
    ("writes-much-data", "stack data-stays-small"),
    ("logs-errors", "stack no-error-in-logs"),
)
"""Name of the Dockerfile, without `.Dockerfile` -> the rule that it breaks, and no other."""

WEAKNESSES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("forgets-jobs", ("killed-worker-loses-no-job",)),
    ("ends-with-a-message", ("survives-undecodable-message",)),
    ("relies-on-a-key", ("survives-flush-of-redis",)),
    ("forgets-flushed-jobs", ("flush-of-redis-loses-no-job",)),
    ("worker-gives-up", ("survives-restart-of-redis", "survives-outage-of-redis")),
    ("always-ready", ("survives-outage-of-redis",)),
    ("waits-for-readers", ("survives-clients-that-do-not-read",)),
    ("waits-for-heads", ("survives-heads-that-never-end",)),
    ("accepts-early", ("killed-api-loses-nothing",)),
    ("fails-when-full", ("says-when-data-is-read-only", "says-when-data-is-full")),
)
"""Name of the Dockerfile of an image that is right until something breaks -> the rules on faults that it breaks."""


def dockerfile(name: str) -> Path:
    """Return the Dockerfile of a fault. Its build argument GOOD names the image that it spoils."""
    return FOLDER / f"{name}.Dockerfile"
