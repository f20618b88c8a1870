"""Writes the software bill of materials: CycloneDX 1.6 as JSON, with the bytes of each component.

docs/formats/cyclonedx.md explains the properties and how they add up.

Components are never nested, because scanners such as osv-scanner 2.0 ignore nested ones. The dependencies say which
component contains which.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TextIO
from uuid import UUID, uuid5

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from weighbridge.model.report import Image, Report
from weighbridge.report.components import BASE, Inventory
from weighbridge.report.components import Component as Part
from weighbridge.report.components import of as inventory
from weighbridge.report.summary import Summary

_SERIAL_NUMBERS = UUID("f24ed6fc-1b7c-4a3c-9d8e-6f0b5f6f9f2d")
_BASIS = "sizes of all regular files in the layers, uncompressed"
_TYPES = {
    "application": ComponentType.APPLICATION,
    BASE: ComponentType.CONTAINER,
}
_PURL_TYPES = {"debian": "deb", "alpine": "apk"}


def render(summary: Summary, stream: TextIO | None = None) -> None:
    """Write one document for all images. The same record always gives the same bytes."""
    (stream or sys.stdout).write(document(summary.report) + "\n")


def document(report: Report) -> str:
    """Return the document. A single image is its subject; several images are components of a subject without bytes."""
    subject, several = _subject(report), len(report.images) != 1
    bom = Bom(
        serial_number=_serial_number(report),
        metadata=BomMetaData(
            timestamp=datetime.fromisoformat(report.recorded_at),
            tools=ToolRepository(components=[Component(name="weighbridge", type=ComponentType.APPLICATION)]),
            component=subject,
            properties=_properties({"commit": report.commit, "dirty": str(report.dirty).lower()}),
        ),
    )
    held = [_held(bom, image, _image(image) if several else subject) for image in report.images]
    if several:
        bom.components.update(held)
        _hold(bom, subject, held)
    return JsonV1Dot6(bom).output_as_string(indent=2)


def _subject(report: Report) -> Component:
    if len(report.images) == 1:
        return _image(report.images[0])
    return Component(name="images", type=ComponentType.APPLICATION, bom_ref="images")


def _serial_number(report: Report) -> UUID:
    """Return a serial number that depends only on the record."""
    images = (f"{image.variant} {image.id} {image.shipped_bytes}" for image in report.images)
    return uuid5(_SERIAL_NUMBERS, "\n".join((report.recorded_at, report.commit or "", *images)))


def _held(bom: Bom, image: Image, container: Component) -> Component:
    """Add the components of an image to the document, and return the image's own component."""
    found = inventory(image)
    parts = list(_parts(image.variant, found)) if found else []
    bom.components.update(parts)
    bom.dependencies.update(Dependency(part.bom_ref) for part in parts)
    _hold(bom, container, parts)
    return container


def _hold(bom: Bom, whole: Component, parts: Sequence[Component]) -> None:
    """Record which parts a component has. The library's own method takes quadratic time in the number of parts."""
    bom.dependencies.add(Dependency(whole.bom_ref, [Dependency(part.bom_ref) for part in parts]))


def _image(image: Image) -> Component:
    found = inventory(image)
    return Component(
        name=image.reference or image.variant,
        version=image.id,
        type=ComponentType.CONTAINER,
        bom_ref=f"{image.variant}|image",
        properties=_properties(
            {
                "variant": image.variant,
                "platform": image.platform,
                "basis": _BASIS,
                "shipped_bytes": image.shipped_bytes,
                "components_bytes": found.components_bytes if found else None,
                "unowned_bytes": found.unowned_bytes if found else None,
                "wasted_bytes": found.wasted_bytes if found else image.wasted_bytes,
                "pull_bytes": image.pull.bytes if image.pull else None,
                "pull_basis": image.pull.basis if image.pull else None,
            }
        ),
    )


def _parts(variant: str, found: Inventory) -> Iterator[Component]:
    system = _system(found.components)
    if system:
        name, release = system
        yield Component(
            name=name,
            version=release,
            type=ComponentType.OPERATING_SYSTEM,
            bom_ref=f"{variant}|system",
            properties=_properties({"variant": variant}),
        )
    for each in found.components:
        yield Component(
            name=each.name,
            version=each.version,
            type=_TYPES.get(each.kind, ComponentType.LIBRARY),
            bom_ref=f"{variant}|{each.kind}|{each.name}|{each.version or ''}",
            purl=_purl(each, system),
            properties=_properties(
                {
                    "variant": variant,
                    "kind": each.kind,
                    "bytes": each.bytes,
                    "bytecode_bytes": each.bytecode_bytes or None,
                    "base_bytes": each.base_bytes or None,
                }
            ),
        )


def _properties(values: Mapping[str, str | int | None]) -> list[Property]:
    """Return the values that are known, under names with our prefix."""
    return [
        Property(name=f"weighbridge:{name}", value=str(value)) for name, value in values.items() if value is not None
    ]


def _purl(part: Part, system: tuple[str, str | None] | None) -> PackageURL | None:
    """Return the package's URL. It has no architecture, because a record does not contain that."""
    if not part.name.replace("/", "").strip():  # the library makes no URL of such a name
        return None
    if part.kind == "python":
        return PackageURL("pypi", None, part.name, part.version)
    if part.kind not in _PURL_TYPES:
        return None
    vendor, release = system or (part.kind, None)
    distro = {"distro": f"{vendor}-{release}"} if release else None
    return PackageURL(_PURL_TYPES[part.kind], vendor, part.name, part.version, distro)


def _system(parts: Sequence[Part]) -> tuple[str, str | None] | None:
    """Return the Linux distribution and its release, from the version of the package that describes the distribution.

    Scanners need both to find a package's advisories. Debian and Ubuntu use the same package manager; the version of
    Ubuntu's `base-files` contains `ubuntu`, but not the release.
    """
    versions = {(each.kind, each.name): each.version or "" for each in parts}
    if base := versions.get(("debian", "base-files")):
        return ("ubuntu", None) if "ubuntu" in base else ("debian", _leading(r"\d+", base))
    if release := versions.get(("alpine", "alpine-release")):
        return "alpine", _leading(r"\d+(?:\.\d+)*", release)
    return None


def _leading(pattern: str, text: str) -> str | None:
    found = re.match(pattern, text)
    return found[0] if found else None
