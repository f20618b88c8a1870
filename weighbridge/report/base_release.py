"""Which release of a distribution a base image changed to, as the version of one of its packages tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from weighbridge.image.packages.ecosystems import ECOSYSTEMS

if TYPE_CHECKING:
    from weighbridge.report.difference import LedgerDifference


def find_release_change(parts: Sequence[LedgerDifference]) -> tuple[str, str, str] | None:
    """Return the distribution whose release changed with the base image, such as `Debian`, and both point releases.

    The version of one package tells them: `13.8+deb13u2` of Debian's `base-files` is the second point release of 13,
    which is `13.2`. None where no package tells them, or the release stayed.
    """
    versions = {row.name: (row.before_version or "", row.after_version or "") for row in reversed(parts)}
    for distribution in (known for ecosystem in ECOSYSTEMS for known in ecosystem.distributions):
        before, after = versions.get(distribution.package, ("", ""))
        if not distribution.point_release or before == after:
            continue
        old, new = (re.search(distribution.point_release, version) for version in (before, after))
        if old and new and old.groups() != new.groups():
            return distribution.title, ".".join(old.groups()), ".".join(new.groups())
    return None
