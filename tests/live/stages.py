"""The Dockerfile that builds the gallery and some images on the Python base, and its context."""

from __future__ import annotations

import random
from pathlib import Path

from tests.live.gallery import BIG, CASES, SMALL, TREE

_COMMANDS = "chmod chown cp head ln mkdir mkfifo mknod mv rm sh touch truncate"
_CAPABILITY = "0100000200040000" + 24 * "0"
_BASE = rf"""
ARG PYTHON
ARG BUILT=scratch
FROM ${{PYTHON}} AS files
RUN set -e; mkdir -p /tiny/bin; cd /usr/bin; cp -L {_COMMANDS} /tiny/bin; \
    for file in $(ldd {_COMMANDS} | grep -o '/[^ :]*\.so[^ :]*' | sort -u); do cp -L --parents "$file" /tiny; done
RUN head -c {SMALL} /dev/zero > /capable \
 && python3 -Bc 'import os; os.setxattr("/capable", "security.capability", bytes.fromhex("{_CAPABILITY}"))'

FROM scratch AS tiny
COPY --from=files /tiny /
"""
_BASED = f"""
FROM ${{PYTHON}} AS based
ARG PYTHON
LABEL org.opencontainers.image.base.name=${{PYTHON}}
WORKDIR /app

FROM ${{BUILT}} AS built

FROM based AS before
COPY tree ./tree/
RUN chown -R 7:7 tree && rm -rf /usr/share/zoneinfo && chmod 700 /usr/bin/python3*

FROM based AS after
COPY big ./
COPY tree ./tree/
RUN head -c {BIG} /dev/zero > zeros && ln zeros again
"""
BEFORE, AFTER = "before", "after"
"""Stages on the Python base whose images share more than that."""
BUILT = "built"
"""A stage that is the image named by the argument BUILT."""


def dockerfile() -> str:
    """Return one Dockerfile with a stage for each case."""
    stages = (f"FROM {case.base} AS {case.name}\n{case.instructions}" for case in CASES)
    return "\n\n".join([_BASE, _BASED, *stages]) + "\n"


def write(folder: Path) -> None:
    """Write the Dockerfile and its context, always the same bytes."""
    chance = random.Random(0)  # noqa: S311 - no secret
    sizes = {"big": BIG, "small": SMALL, "etc1/nginx.conf": 2000, "etc1/public": 3000, "etc2/nginx/nginx.conf": 5000}
    sizes |= {"etc2/athing": 10_000} | {f"tree/{name}": size for name, size in TREE.items()}
    for name, size in sizes.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(chance.randbytes(size))
    (folder / "Dockerfile").write_text(dockerfile(), encoding="utf-8")
