"""The software bill of materials: CycloneDX 1.6 as JSON, each component with its bytes.

What the values are called and how they add up is told in docs/formats/cyclonedx.md.
"""

from __future__ import annotations

import sys
from typing import TextIO

from weighbridge.report.summary import Summary


def render(summary: Summary, stream: TextIO | None = None) -> None:
    """Write one document for all images; the same record gives the same bytes."""
    from weighbridge.render import bom  # noqa: PLC0415 - its library takes a tenth of a second that no other format needs

    (stream or sys.stdout).write(bom.document(summary.report) + "\n")
